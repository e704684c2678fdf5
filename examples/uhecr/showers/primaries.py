"""The particles that start showers, and what a shower is before anyone measures it."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import gammaincc, ndtri


# Mass number of each primary.
MASSES = {"helium": 4, "iron": 56, "oxygen": 16, "proton": 1}

LOG_ENERGY = (
    18.5,
    20.0,
)  # log10(E/eV), drawn evenly: a choice, the thesis names no range
LARGEST_ZENITH = np.radians(60.0)

# Generalised Gumbel distribution of Xmax: M. De Domenico et al., JCAP 07 (2013) 050, table 1,
# for energies of 10^17 to 10^20.5 eV and masses of 1 to 56. Each row is a polynomial in
# ln A: constant, linear, square. With d = log10(E/eV) - 19,
#   location = row 0 + row 1 d + row 2 d^2,  scale = row 0 + row 1 d,  shape likewise.
XMAX = {
    "qgsjet": {  # QGSJetII-04
        "location": [
            (761.383, -11.719, -1.372),
            (57.344, -1.731, 0.309),
            (-0.355, 0.273, -0.137),
        ],
        "scale": [(35.221, 12.335, -2.889), (0.307, -1.147, 0.271)],
        "shape": [(0.673, 0.694, -0.007), (0.060, -0.019, 0.017)],
    },
    "epos": {  # EPOS-LHC
        "location": [
            (775.589, -7.047, -2.427),
            (57.589, -0.743, 0.214),
            (-0.820, -0.169, -0.027),
        ],
        "scale": [(29.403, 13.553, -3.154), (0.096, -0.961, 0.150)],
        "shape": [(0.563, 0.711, 0.058), (0.039, 0.067, -0.004)],
    },
}
MODELS = tuple(XMAX)

# Muons of a proton shower, relative to QGSJetII-04 (EPOS: from memory, rounded).
MUON_YIELD = {"qgsjet": 1.0, "epos": 1.07}

# Heitler-Matthews: the number of muons is A^(1-beta) (E/xi)^beta. J. Matthews, Astropart.
# Phys. 22 (2005) 387. CORSIKA sets give beta between 0.934 and 0.951.
BETA = 0.927

# Spread of ln R_mu: 0.13 for protons, falling with the mass; and how it goes along with
# Xmax, at ln A of 1, 4, 14 and 56. Both fitted on CORSIKA showers near 10^19 eV.
MUON_SPREAD, MUON_SPREAD_POWER = 0.13, -0.31
CORRELATION_LN_MASS = np.log([1.0, 4.0, 14.0, 56.0])
CORRELATION = (0.0, 0.39, 0.57, 0.67)


@dataclass(frozen=True)
class Showers:
    """Showers of one kind of primary; one entry a shower in each array.

    Attributes:
        energy: log10(E/eV).
        zenith: Of the direction that they come from, rad.
        xmax: Slant depth at which they are largest, g/cm2.
        muons: Content of muons relative to the mean proton of that energy.
    """

    energy: np.ndarray
    zenith: np.ndarray
    xmax: np.ndarray
    muons: np.ndarray

    def __len__(self):
        return len(self.energy)

    def take(self, which):
        """Return some of the showers, by their numbers."""
        return Showers(*(getattr(self, each.name)[which] for each in fields(self)))


def draw_directions(rng, count):
    """Return log10 energies and zenith angles of showers on flat ground.

    Energies are even in the logarithm. As many showers come from each ring of the sky as
    ground looks large from there: even in the square of the sine of the zenith.
    """
    energy = rng.uniform(*LOG_ENERGY, count)
    zenith = np.arcsin(np.sqrt(rng.uniform(0, np.sin(LARGEST_ZENITH) ** 2, count)))
    return energy, zenith


def draw_xmax(rng, mass, energy, model="qgsjet"):
    """Return depths of maximum, and where each stands in their distribution.

    A generalised Gumbel variable is location - scale ln(g), where g follows a gamma
    distribution of mean 1 and the given shape.

    Args:
        rng: Generator.
        mass: Mass number of the primary, 1 to 56.
        energy: log10(E/eV), 17 to 20.5.
        model: "qgsjet" or "epos".

    Returns:
        Xmax in g/cm2, and its normal score: the number of standard deviations at which a
        normal variable has the same quantile.
    """
    logs = np.log(mass) ** np.arange(3)
    location, scale, shape = (
        np.polynomial.polynomial.polyval(energy - 19, XMAX[model][name] @ logs)
        for name in ("location", "scale", "shape")
    )
    g = rng.standard_gamma(shape) / shape
    deeper = gammaincc(shape, shape * g)  # a small g is a deep shower
    return location - scale * np.log(g), ndtri(np.clip(deeper, 1e-6, 1 - 1e-6))


def draw_muons(rng, mass, xmax_score, model="qgsjet"):
    """Return contents of muons, whose mean is A^(1-beta).

    Log-normal around it; deep showers of heavy nuclei have more.
    """
    spread = MUON_SPREAD * mass**MUON_SPREAD_POWER
    along = np.interp(np.log(mass), CORRELATION_LN_MASS, CORRELATION)
    own = rng.standard_normal(len(xmax_score))
    score = along * xmax_score + np.sqrt(1 - along**2) * own
    mean = MUON_YIELD[model] * mass ** (1 - BETA)
    return mean * np.exp(spread * score - spread**2 / 2)


def draw(rng, primary, energy, zenith, model="qgsjet"):
    """Return showers of a primary with given energies and zenith angles."""
    mass = MASSES[primary]
    xmax, score = draw_xmax(rng, mass, energy, model)
    return Showers(energy, zenith, xmax, draw_muons(rng, mass, score, model))

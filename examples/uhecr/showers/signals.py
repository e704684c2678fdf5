"""How much signal a station sees in the mean: muons, and the electromagnetic part.

Both are a function of the distance to the axis times a function of the depth between the
shower's maximum and the station, as the universality of showers has it: F. Schmidt et al.,
arXiv:0712.3750; M. Ave, M. Roth, A. Schulz, Astropart. Phys. 88 (2017) 46. Shapes and
constants are choices, set such that at 10^19 eV, 38 degrees and 1000 m a station sees 34 to
36 VEM, of which muons make 0.41 (proton) to 0.55 (iron).

Valid for distances of 300 to 2000 m and zenith angles up to 60 degrees. A known weakness: iron
has 1.64 times the muon signal of protons at 0 degrees and 1.23 at 60, where CORSIKA's
muons have 1.36 and 1.31: the profile of muons is too steep shortly behind the maximum.
"""

import numpy as np

from showers.atmosphere import AIR_AT_GROUND, GROUND, depth
from showers.primaries import BETA


# VEM at 10^19 eV, 1000 m, 350 g/cm2 behind the maximum, of showers with mean muons.
MUON_SIGNAL = 14.6
MUON_PEAK, MUON_START, MUON_LENGTH = 480.0, 250.0, 480.0  # g/cm2

# VEM at 10^19 eV and 1000 m, at the depth where it is largest there.
EM_SIGNAL = 23.9
EM_PEAK_AT_1000_M, EM_START, EM_LENGTH = 100.0, 750.0, 80.0  # g/cm2
MOLIERE = 90.0  # m


def beyond_maximum(showers, stations):
    """Return the depth between maximum and station along the axis, g/cm2."""
    ground = depth(GROUND) / np.cos(showers.zenith)
    return ground - AIR_AT_GROUND * stations.lead - showers.xmax


def gaisser_hillas(x, peak, start, length):
    """Return a profile in depth that is 1 at ``peak`` and 0 before ``-start``, g/cm2.

    The form of Gaisser and Hillas, 15th ICRC 8 (1977) 353, here in the depth since maximum.
    """
    rise = peak + start
    grown = np.maximum(x + start, 1.0) / rise
    return np.exp(rise / length * np.log(grown) + (peak - x) / length)


def muon_lateral(r):
    """Return how the muons' signal falls with r in m; not normalised.

    K. Greisen, Annu. Rev. Nucl. Sci. 10 (1960) 63, with a further factor for the far tail.
    """
    near = (r / 320) ** -0.75 * (1 + r / 320) ** -2.5
    return near * (1 + (r / 3200) ** 2) ** -0.6


def em_lateral(r, age):
    """Return how the electromagnetic signal falls with r in m; not normalised.

    Nishimura, Kamata and Greisen: Prog. Theor. Phys. Suppl. 6 (1958) 93.
    """
    return (r / MOLIERE) ** (age - 2) * (1 + r / MOLIERE) ** (age - 4.5)


def shower_age(showers):
    """Return the age at the ground, 1 at the maximum, kept within 0.9 and 1.6."""
    ground = depth(GROUND) / np.cos(showers.zenith)
    return np.clip(3 * ground / (ground + 2 * showers.xmax), 0.9, 1.6)


def muon_signal(showers, stations):
    """Return the mean signal of muons, VEM; ``showers`` has one entry a station."""
    x = beyond_maximum(showers, stations)
    profile = MUON_PEAK, MUON_START, MUON_LENGTH
    along = gaisser_hillas(x, *profile) / gaisser_hillas(350.0, *profile)
    across = muon_lateral(stations.r) / muon_lateral(1000.0)
    growth = 10 ** (BETA * (showers.energy - 19))
    return MUON_SIGNAL * showers.muons * growth * along * across


def em_signal(showers, stations):
    """Return the mean electromagnetic signal without the muons' own halo, VEM.

    Far from the axis the maximum comes later. What went into muons is missing here: a
    shower with more of them has a little less.
    """
    x = beyond_maximum(showers, stations)
    peak = EM_PEAK_AT_1000_M * stations.r / 1000
    along = gaisser_hillas(x, peak, EM_START, EM_LENGTH)
    age = shower_age(showers)
    across = em_lateral(stations.r, age) / em_lateral(1000.0, age)
    left = 1.10 - 0.10 * showers.muons
    return EM_SIGNAL * 10 ** (showers.energy - 19) * left * along * across

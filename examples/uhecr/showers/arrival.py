"""When muons arrive: those made high up come first and close together.

A muon made at distance z along the axis and seen at distance r from it has a longer way than
the shower front by sqrt(r^2 + z^2) - z. L. Cazon, R. Vazquez, A. Watson, E. Zas, Astropart.
Phys. 21 (2004) 71 (astro-ph/0311223): geometric delay, and a kinematic one, here as a spread.
The profile in production depth has the form of S. Andringa, R. Conceicao, M. Pimenta,
Astropart. Phys. 34 (2011) 360; its width and shape are choices.
"""

from dataclasses import dataclass

import numpy as np

from showers.atmosphere import GROUND, height


SPEED_OF_LIGHT = 0.299792458  # m/ns

BEFORE_MAXIMUM = 150.0  # g/cm2: muons are made most before the shower is largest
WIDTH, SKEW = 200.0, 0.35  # g/cm2, and no unit
OPENING = 0.9  # muons at r/z beyond this are rare (angles of production)
KINEMATIC = 0.25  # mean delay of slow muons relative to the geometric one

NODES = np.linspace(-420.0, 900.0, 24)  # g/cm2, around the largest production


@dataclass(frozen=True)
class Delays:
    """Delays of the muons behind the shower front; a row a station, a column a node.

    Attributes:
        delay: Of muons made at the depth of each node, ns; growing.
        share: Part of the muons that was made before the node: from 0 to 1.
        first: Delay of the first muons (2 % have come), ns.
        mean: Mean delay behind those first ones, ns.
    """

    delay: np.ndarray
    share: np.ndarray
    first: np.ndarray
    mean: np.ndarray


def production(x):
    """Return how many muons are made at depths x behind the most, g/cm2; not normalised."""
    y = 1 + SKEW * x / WIDTH
    with np.errstate(divide="ignore"):
        log = np.log(np.maximum(y, 0)) / SKEW**2 - x / (WIDTH * SKEW)
    return np.exp(log)


def muon_delays(showers, stations):
    """Return the delays at stations; ``showers`` has one entry a station."""
    cos = np.cos(showers.zenith)[:, None]
    made = showers.xmax[:, None] - BEFORE_MAXIMUM + NODES
    above_ground = (height(made * cos) - GROUND) / cos
    z = above_ground - stations.lead[:, None]
    r = stations.r[:, None]
    possible = (z > 100) & (made > 20)
    z = np.maximum(z, 100)
    weight = np.where(possible, production(NODES) * np.exp(-r / z / OPENING), 0)
    weight[:, 0] += 1e-12  # so that no row is empty
    between = (weight[:, 1:] + weight[:, :-1]) / 2
    between[weight[:, 1:] == 0] = 0
    between[:, 0] += 1e-12
    share = np.zeros_like(weight)
    np.cumsum(between, axis=1, out=share[:, 1:])
    share /= share[:, -1:]
    delay = (np.sqrt(r**2 + z**2) - z) / SPEED_OF_LIGHT
    first = delay[np.arange(len(delay)), np.argmax(share > 0.02, axis=1)]
    middle = (delay[:, 1:] + delay[:, :-1]) / 2
    mean = np.sum(np.diff(share, axis=1) * middle, axis=1) - first
    return Delays(delay, share, first, mean)


def draw_muon_times(rng, delays, row):
    """Return arrival times behind the first muons, ns, of muons at stations ``row``.

    Args:
        rng: Generator.
        delays: Of all stations.
        row: Station of each muon, in rising order.
    """
    nodes = len(NODES)
    line = (delays.share + np.arange(len(delays.share))[:, None]).ravel()
    u = row + rng.random(len(row))
    at = np.searchsorted(line, u, side="right")
    # Stay in one's own row, whatever the sum has lost to rounding.
    at = np.clip(at, row * nodes + 1, row * nodes + nodes - 1)
    step = np.maximum(line[at] - line[at - 1], 1e-12)
    part = np.clip((u - line[at - 1]) / step, 0, 1)
    delay = delays.delay.ravel()
    geometric = delay[at - 1] + part * (delay[at] - delay[at - 1])
    slow = 1 + KINEMATIC * rng.standard_exponential(len(row))
    return geometric * slow - delays.first[row]

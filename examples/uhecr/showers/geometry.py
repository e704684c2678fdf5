"""Where stations stand, as a shower sees them.

Stations form a triangular grid. In the shower plane, at right angles to the axis, a station
has a distance r to the axis and an azimuth zeta, 0 on the side that the shower comes from;
along the axis it has a lead: how far above the plane through the core it lies.
"""

from dataclasses import dataclass, fields

import numpy as np

from showers.primaries import LARGEST_ZENITH


SPACING = 1500.0  # m, of the Auger grid
NEAREST, FARTHEST = 500.0, 1500.0  # m, reconstructed distances that are kept
CORE_ERROR = 40.0  # m on each axis: how well a core is reconstructed; a choice

ROWS = np.array([[1.0, 0.0], [0.5, np.sqrt(3) / 2]]) * SPACING


def _stations_in_reach():
    """Return places of the grid that a core in its cell can have in reach, (n, 2) in m."""
    steps = np.arange(-6, 8)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2) @ ROWS
    middle = ROWS.sum(axis=0) / 2
    corner = np.hypot(*middle)  # the core may be as far from the middle
    reach = FARTHEST / np.cos(LARGEST_ZENITH) + corner + 8 * CORE_ERROR
    return grid[np.hypot(*(grid - middle).T) <= reach]


GRID = _stations_in_reach()


@dataclass(frozen=True)
class Stations:
    """Stations that showers have hit; one entry a station in each array.

    Attributes:
        shower: Number of the shower among those thrown.
        station: Number of the place in the grid.
        r: True distance to the axis in the shower plane, m.
        zeta: True azimuth in the shower plane, rad.
        lead: Of the station along the axis, m; positive where the shower comes from.
        seen_r: Distance to the reconstructed axis, m.
        seen_zeta: Azimuth around the reconstructed axis, rad.
    """

    shower: np.ndarray
    station: np.ndarray
    r: np.ndarray
    zeta: np.ndarray
    lead: np.ndarray
    seen_r: np.ndarray
    seen_zeta: np.ndarray

    def __len__(self):
        return len(self.shower)

    def take(self, which):
        """Return some of the stations, by number or by mask."""
        return Stations(*(getattr(self, each.name)[which] for each in fields(self)))


def throw(rng, zenith):
    """Throw showers on the grid: core anywhere in a cell, coming from any side.

    Args:
        rng: Generator.
        zenith: Of each shower, rad, up to 60 degrees.

    Returns:
        The stations between 500 and 1500 m of the reconstructed axis, shower by shower.
    """
    count = len(zenith)
    core = rng.random((count, 2)) @ ROWS
    seen_core = core + rng.normal(0, CORE_ERROR, (count, 2))
    azimuth = rng.uniform(-np.pi, np.pi, count)
    r, zeta, lead = _in_shower_plane(core, azimuth, zenith)
    seen_r, seen_zeta, _ = _in_shower_plane(seen_core, azimuth, zenith)
    shower, station = np.nonzero((seen_r >= NEAREST) & (seen_r <= FARTHEST))
    at = (shower, station)
    return Stations(
        shower, station, r[at], zeta[at], lead[at], seen_r[at], seen_zeta[at]
    )


def ring(rng, zenith, r):
    """Return one station for each shower, at distance ``r`` in m and a random azimuth."""
    count = len(zenith)
    zeta = rng.uniform(-np.pi, np.pi, count)
    r = np.full(count, float(r))
    lead = r * np.cos(zeta) * np.tan(zenith)
    number = np.arange(count)
    return Stations(number, np.zeros(count, int), r, zeta, lead, r, zeta)


def _in_shower_plane(core, azimuth, zenith):
    """Return r, zeta and lead of every place of the grid for every core: (cores, places)."""
    x, y = np.moveaxis(GRID[None] - core[:, None], -1, 0)
    cos, sin = np.cos(azimuth)[:, None], np.sin(azimuth)[:, None]
    towards, aside = x * cos + y * sin, y * cos - x * sin
    near = towards * np.cos(zenith)[:, None]
    lead = towards * np.sin(zenith)[:, None]
    return np.hypot(near, aside), np.arctan2(aside, near), lead

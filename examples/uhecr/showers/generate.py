"""Rows of stations for one primary: showers thrown on the grid until there are enough."""

from dataclasses import dataclass

import numpy as np

from showers import geometry, primaries, traces
from showers.features import read_off
from showers.signals import beyond_maximum


BATCH = 1000  # showers at a time: about 3000 traces, 50 MB
MOST_THROWS = 1000  # of a shower; as many as numbers of events have room for


@dataclass(frozen=True)
class Sample:
    """Stations of one primary; a row a station in each array.

    Attributes:
        shower: Number of the shower, from 0.
        throw: How often the shower had been thrown before, each time on another core.
        station: Number of the place in the grid.
        features: (n, 9), as named in ``columns.FEATURES``.
        truth: (n, 6), as named in ``columns.TRUTH``: what no experiment would know.
    """

    shower: np.ndarray
    throw: np.ndarray
    station: np.ndarray
    features: np.ndarray
    truth: np.ndarray

    def take(self, which):
        """Return some of the rows."""
        return Sample(
            self.shower[which],
            self.throw[which],
            self.station[which],
            self.features[which],
            self.truth[which],
        )


def generate(
    primary, rows, showers, seed, *, model="qgsjet", paired=False, one_each=False
):
    """Return stations of one primary.

    Args:
        primary: "helium", "iron", "oxygen" or "proton".
        rows: Number of stations.
        showers: Number of different showers that they come from.
        seed: Of all that is random: an integer, or a sequence of them.
        model: Of hadronic interactions: "qgsjet" or "epos".
        paired: The showers of all primaries have the same energies and zenith angles.
        one_each: At most one station of each shower.

    Raises:
        ValueError: Of ``showers`` showers one each cannot be ``rows`` stations.
        RuntimeError: There are not that many stations to be had.
    """
    if one_each and rows > showers:
        raise ValueError(
            f"rows: got {rows}; allowed: up to {showers}, one of each shower"
        )
    entropy = list(np.atleast_1d(seed))
    rng = np.random.default_rng([*entropy, primaries.MASSES[primary]])
    directions = np.random.default_rng([*entropy, 0]) if paired else rng
    energy, zenith = primaries.draw_directions(directions, showers)
    library = primaries.draw(rng, primary, energy, zenith, model)
    samples, found = [], 0
    taken = np.zeros(showers, dtype=bool)
    for throw, batch in _batches(rng, showers, rows):
        if one_each:
            batch = batch[~taken[batch]]
        sample = _throw(rng, library, batch, throw)
        if one_each:
            sample = _first_of_each(sample, taken)
        samples.append(sample)
        found += len(sample.shower)
        if found >= rows:
            break
    else:
        raise RuntimeError(
            f"{primary}: {found} stations of {showers} showers, {rows} were asked for"
        )
    return _joined(samples).take(rng.permutation(rows))


def observe(rng, library, stations):
    """Return the traces of stations, and what is read off them."""
    hit = library.take(stations.shower)
    made = traces.simulate(rng, hit, stations)
    return hit, made, read_off(made.signal)


def _batches(rng, showers, rows):
    """Yield the number of a throw and showers, each shower once in a throw."""
    size = min(BATCH, max(rows // 2, 50))
    for throw in range(MOST_THROWS):
        order = rng.permutation(showers)
        for start in range(0, showers, size):
            yield throw, order[start : start + size]


def _throw(rng, library, batch, throw):
    """Return the stations that a throw of some showers gives."""
    stations = geometry.throw(rng, library.zenith[batch])
    thrown = library.take(batch)
    hit, made, shape = observe(rng, thrown, stations)
    features = np.column_stack(
        [
            hit.energy,
            np.degrees(hit.zenith),
            stations.seen_r,
            shape.signal,
            shape.length,
            stations.seen_zeta,
            shape.rise,
            shape.fall,
            shape.area_over_peak,
        ]
    )
    depth = beyond_maximum(hit, stations)
    charges = made.muon_charge, made.em_charge
    truth = np.column_stack([hit.xmax, hit.muons, *charges, depth, stations.r])
    shower = batch[stations.shower]
    sample = Sample(
        shower, np.full(len(shower), throw), stations.station, features, truth
    )
    return sample.take(shape.triggered & ~made.saturated)


def _first_of_each(sample, taken):
    """Return one station of each shower that had none; ``taken`` is brought up to date."""
    _, first = np.unique(sample.shower, return_index=True)
    first = first[~taken[sample.shower[first]]]
    taken[sample.shower[first]] = True
    return sample.take(first)


def _joined(samples):
    names = ("shower", "throw", "station", "features", "truth")
    return Sample(*(np.concatenate([getattr(s, n) for s in samples]) for n in names))

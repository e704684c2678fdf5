"""Stations for the tables of the leaks: simulated on the spot, kept nowhere."""

from dataclasses import dataclass, replace

import numpy as np

from data import divide
from showers.columns import FEATURES, PRIMARIES
from showers.generate import generate


ENERGY_AND_ZENITH = [FEATURES.index("log10_energy"), FEATURES.index("zenith_deg")]


@dataclass(frozen=True)
class Stations:
    """Stations of all primaries: features, label and shower of each."""

    x: np.ndarray
    y: np.ndarray
    shower: np.ndarray

    def without_energy_and_zenith(self):
        """Return them without the two features that all stations of a shower share."""
        return replace(self, x=np.delete(self.x, ENERGY_AND_ZENITH, axis=1))

    def with_labels_shuffled_over_showers(self, seed):
        """Return them with a drawn label for each shower: no physics is left."""
        showers, index = np.unique(self.shower, return_inverse=True)
        label = np.random.default_rng(seed).permutation(
            np.arange(len(showers)) % len(PRIMARIES)
        )
        return replace(self, y=label[index])

    def with_labels_shuffled_over_rows(self, seed):
        """Return them with a drawn label for each row."""
        return replace(self, y=np.random.default_rng(seed).permutation(self.y))

    def divided(self, split, seed):
        """Return stations for training and for the test: four fifths, and one."""
        train, test = divide(self.shower, split, seed)
        return self._rows(train), self._rows(test)

    def _rows(self, rows):
        return Stations(self.x[rows], self.y[rows], self.shower[rows])


def simulate(rows, showers, seed, *, paired=False, one_each=False):
    """Return ``rows`` stations of each primary, from so many showers of each.

    With ``paired`` the showers of all primaries have the same energies and zenith angles, and
    those that have the same count as one shower, which a split keeps together.
    """
    if one_each:
        showers = rows + rows // 10  # some never hit a station hard enough
    x, shower = [], []
    for label, primary in enumerate(PRIMARIES):
        sample = generate(
            primary, rows, showers, seed, paired=paired, one_each=one_each
        )
        x.append(sample.features)
        shower.append(sample.shower if paired else label * showers + sample.shower)
    y = np.repeat(np.arange(len(PRIMARIES)), rows)
    return Stations(np.concatenate(x), y, np.concatenate(shower))

"""Two data loaders: all primaries pooled, and one data set for each primary.

The files are read once and shared by the trials of a search. How they are split and scaled
is up to parameters, so that it stands in the record of every run.

The folder is ``data`` beside this file, or what ``UHECR_DATA`` says.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import data
from ml_experiment import DataLoader


SPLIT_SEED = 1234
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2
SPLITS = ("by shower", "random")
SCALERS = ("common", "per class (leaky)")


def data_folder():
    """Return the folder of the simulated files."""
    default = Path(__file__).resolve().parent / "data"
    return Path(os.environ.get("UHECR_DATA") or default)


@dataclass(frozen=True)
class Part:
    """Rows of one purpose: features ``x``, label ``y``, and the shower of each row."""

    x: np.ndarray
    y: np.ndarray
    shower: np.ndarray


@dataclass(frozen=True)
class Parts:
    """Training, validation and test rows, scaled, all classes in each."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class Table:
    """All rows as they were read."""

    x: np.ndarray
    y: np.ndarray
    shower: np.ndarray
    event: np.ndarray

    def limited(self, showers):
        """Return the rows of the first showers of each primary; ``None``: all rows."""
        if showers is None:
            return self
        kept = np.zeros(len(self.y), dtype=bool)
        for label in np.unique(self.y):
            own = self.y == label
            kept |= own & np.isin(self.shower, np.unique(self.shower[own])[:showers])
        return Table(self.x[kept], self.y[kept], self.shower[kept], self.event[kept])

    def indices(self, split):
        """Return the row numbers for training, validation and test.

        A fifth of the rows, or of the showers, is for the test, a fifth of the rest for
        validation. The split does not depend on the seed of a run: all models see the
        same rows.
        """
        if split not in SPLITS:
            raise ValueError(f"split: got {split!r}; allowed: {', '.join(SPLITS)}")
        rows = np.arange(len(self.y))
        rest, test = self._divide(rows, split, TEST_SHARE)
        train, validation = self._divide(rest, split, VALIDATION_SHARE)
        return train, validation, test

    def _divide(self, rows, split, share):
        if split == "random":
            first, second = train_test_split(
                rows, test_size=share, random_state=SPLIT_SEED, stratify=self.y[rows]
            )
            return np.sort(first), np.sort(second)
        by_shower = GroupShuffleSplit(1, test_size=share, random_state=SPLIT_SEED)
        first, second = next(by_shower.split(rows, groups=self.shower[rows]))
        return rows[first], rows[second]

    def part(self, rows):
        return Part(self.x[rows], self.y[rows], self.shower[rows])


class PooledLoader(DataLoader):
    """All primaries in one set, standardised with the mean and spread of training rows."""

    @classmethod
    def load_data(cls):
        return read_table()

    @classmethod
    def parts(cls, split="by shower", showers=None):
        """Return the parts, scaled with what the training rows say."""
        return _scaled(cls.load_data().limited(showers), split, StandardScaler())


class ClassLoader(DataLoader):
    """One training set for each primary, scaled to the range of 0 to 1.

    ``scaler`` is "common" (one, fitted on the training rows of all primaries) or "per class
    (leaky)": the original's, which fits one for each primary, and scales the rows that are
    to be classified with the scaler of the class that they really belong to. So what the
    model is shown has been prepared with the answer.
    """

    @classmethod
    def load_data(cls):
        return read_table()

    @classmethod
    def parts(cls, split="by shower", scaler="common", showers=None):
        """Return the parts; ``train.x[train.y == label]`` is the set of one primary."""
        if scaler not in SCALERS:
            raise ValueError(f"scaler: got {scaler!r}; allowed: {', '.join(SCALERS)}")
        table = cls.load_data().limited(showers)
        if scaler == "common":
            return _scaled(table, split, MinMaxScaler())
        train, *_ = table.indices(split)
        x = np.empty_like(table.x)
        for label in np.unique(table.y):
            own = table.y == label
            fitted = MinMaxScaler().fit(table.x[train[own[train]]])
            x[own] = fitted.transform(table.x[own])
        return _parts(Table(x, table.y, table.shower, table.event), split)


class EventLoader(DataLoader):
    """One row for each event: the stations that saw one shower in one place, together."""

    @classmethod
    def load_data(cls):
        return by_event(read_table())

    @classmethod
    def parts(cls, split="by shower", showers=None):
        """Return the parts; trees need no scaling."""
        return _parts(cls.load_data().limited(showers), split)


def by_event(table):
    """Return a table of events: energy, zenith, number of stations, and of each quantity
    of the stations mean, smallest and largest value.

    Signal and rise time fall and grow with the distance to the axis; the powers of the
    distance that they are multiplied with take most of that away.
    """
    energy, zenith, r, signal, trace, _, rise, fall, aop = table.x.T
    of_stations = [
        np.log10(signal) + 3.3 * np.log10(r),
        np.log10(np.maximum(rise, 1)) - 1.3 * np.log10(r),
        np.log10(np.maximum(fall, 1)) - 1.3 * np.log10(r),
        np.log10(trace) - 0.5 * np.log10(r),
        np.log10(aop),
    ]
    keys = np.stack([table.shower, table.event], axis=1)
    _, first, event = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    event = event.ravel()
    stations = np.bincount(event)
    columns = [energy[first], zenith[first], stations]
    for values in of_stations:
        lowest, highest = np.full(len(first), np.inf), np.full(len(first), -np.inf)
        np.minimum.at(lowest, event, values)
        np.maximum.at(highest, event, values)
        columns += [np.bincount(event, values) / stations, lowest, highest]
    x = np.column_stack(columns)
    return Table(x, table.y[first], table.shower[first], table.event[first])


def read_table():
    """Read all files of the data folder."""
    rows = data.read(data_folder())
    return Table(rows.x, rows.y, rows.shower, rows.event)


def _scaled(table, split, scaler):
    train, *_ = table.indices(split)
    scaler.fit(table.x[train])
    x = scaler.transform(table.x)
    return _parts(Table(x, table.y, table.shower, table.event), split)


def _parts(table, split):
    return Parts(*(table.part(rows) for rows in table.indices(split)))

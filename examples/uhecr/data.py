"""The files of simulated stations, as the thesis' files are laid out.

One file for each primary, ``<primary>-train.csv`` and ``<primary>-test.csv``: shower, event
and station in front, nine features, the primary last. ``python -m showers`` writes them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from showers.columns import FEATURES, IDENTIFIERS, PRIMARIES


SUBSETS = ("train", "test")
SPLITS = ("random", "by shower")

COLUMNS = (*IDENTIFIERS, *FEATURES, "primary")


@dataclass(frozen=True)
class Rows:
    """Stations; one entry a station in each array.

    Attributes:
        x: The nine features, float64 (n, 9), in the order and units of ``FEATURES``.
        y: Label of the primary, 0 to 3 in the order of ``PRIMARIES``.
        shower: Number of the shower, different for all showers of all primaries.
        event: Number of the throw: stations that saw one shower at one place share it.
        subset: In which file it was, "train" or "test".
    """

    x: np.ndarray
    y: np.ndarray
    shower: np.ndarray
    event: np.ndarray
    subset: np.ndarray

    def __len__(self):
        return len(self.y)


def read(folder):
    """Return all rows of a folder, in the order of primaries, files and lines.

    Raises:
        FileNotFoundError: A file is missing; the message says how to make it.
        ValueError: A file has other columns.
    """
    parts = [
        _read_file(Path(folder), label, subset)
        for label in range(len(PRIMARIES))
        for subset in SUBSETS
    ]
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _read_file(folder, label, subset):
    path = folder / f"{PRIMARIES[label]}-{subset}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there; make it: python -m showers --out {folder}"
        )
    with path.open(encoding="ascii") as file:
        head = file.readline().rstrip("\n").split(",")
        if tuple(head) != COLUMNS:
            raise ValueError(f"{path}: got columns {head}; expected {list(COLUMNS)}")
        numbers = range(len(COLUMNS) - 1)  # all but the primary
        values = np.loadtxt(file, delimiter=",", usecols=numbers, ndmin=2)
    shower, event = values[:, :2].astype(np.int64).T
    return (
        np.ascontiguousarray(values[:, len(IDENTIFIERS) :]),
        np.full(len(values), label, dtype=np.int64),
        shower,
        event,
        np.full(len(values), subset),
    )


def divide(shower, how, seed, share=0.2):
    """Return numbers of rows for training, and of those that are kept apart.

    Args:
        shower: Number of the shower of each row.
        how: "random": rows are drawn, as in the thesis, so that stations of one shower are
            on both sides. "by shower": showers are drawn, and are whole on one side.
        seed: Of the draw.
        share: Of the rows, or of the showers, that are kept apart.

    Raises:
        ValueError: ``how`` is none of both.
    """
    if how not in SPLITS:
        raise ValueError(f"split: got {how!r}; allowed: {', '.join(SPLITS)}")
    rng = np.random.default_rng(seed)
    if how == "random":
        drawn = rng.random(len(shower)).argsort() < round(share * len(shower))
    else:
        showers = np.unique(shower)
        apart = rng.permutation(showers)[: round(share * len(showers))]
        drawn = np.isin(shower, apart)
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)

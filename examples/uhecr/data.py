"""The files of simulated stations, as the thesis' files are laid out.

One file for each primary, ``<primary>-train.csv`` and ``<primary>-test.csv``: shower, event
and station in front, nine features, the primary last.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np


FEATURES = (
    "log10_energy",
    "zenith_deg",
    "r_m",
    "s_total_vem",
    "trace_len_bins",
    "zeta_rad",
    "t_rise_ns",
    "t_fall_ns",
    "aop_bins",
)
PRIMARIES = ("helium", "iron", "oxygen", "proton")
COLUMNS = ("shower_id", "event_id", "station_id", *FEATURES, "primary")


@dataclass(frozen=True)
class Rows:
    """Stations, one a row.

    Attributes:
        x: Features, in the order and the units of ``FEATURES``.
        y: Label: the place of the primary in ``PRIMARIES``.
        shower: Number of the shower; no two primaries share one.
        event: Number of the event, within its shower: one place where the shower fell.
        subset: "train" or "test", as the files have it.
    """

    x: np.ndarray
    y: np.ndarray
    shower: np.ndarray
    event: np.ndarray
    subset: np.ndarray


def read(folder):
    """Return all rows of a folder, in the order of primaries, files and lines."""
    parts = [
        _read_file(Path(folder), label, subset)
        for label in range(len(PRIMARIES))
        for subset in ("train", "test")
    ]
    x, y, names, event, subset = (np.concatenate(columns) for columns in zip(*parts))
    shower = np.unique(names, return_inverse=True)[1].astype(np.int64)
    return Rows(x, y, shower, event, subset)


def _read_file(folder, label, subset):
    path = folder / f"{PRIMARIES[label]}-{subset}.csv"
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    if tuple(head) != COLUMNS:
        raise ValueError(f"{path}: got columns {head}; expected {list(COLUMNS)}")
    features = np.array([row[3:-1] for row in rows], dtype=float)
    return (
        features.reshape(-1, len(FEATURES)),
        np.full(len(rows), label, dtype=np.int64),
        np.array([f"{label} {row[0]}" for row in rows], dtype=np.str_),
        np.array([row[1] for row in rows], dtype=np.str_).astype(np.int64),
        np.full(len(rows), subset),
    )

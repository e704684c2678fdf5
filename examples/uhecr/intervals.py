"""How sure an accuracy is."""

import math
from statistics import NormalDist

import numpy as np


def wilson(right, rows, level=0.99):
    """Return Wilson's score interval of a share.

    It takes the rows for independent of each other.

    Args:
        right: Rows that were predicted right.
        rows: All rows, at least 1.
        level: Of confidence, between 0 and 1.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, square = right / rows, z * z / rows
    middle = (share + square / 2) / (1 + square)
    half = (
        z / (1 + square) * math.sqrt(share * (1 - share) / rows + square / (4 * rows))
    )
    return middle - half, middle + half


def bootstrap_over_showers(right, shower, level=0.99, seed=1234, repetitions=2000):
    """Return the interval of an accuracy when showers, not rows, are independent.

    Whole showers are drawn with replacement, as often as there are showers.

    Args:
        right: Whether each row was predicted right.
        shower: The shower of each row.
        level: Of confidence, between 0 and 1.
        seed: Of the draws.
        repetitions: How often to draw.
    """
    _, index = np.unique(shower, return_inverse=True)
    rows = np.bincount(index)
    hits = np.bincount(index, weights=np.asarray(right, dtype=float))
    rng = np.random.default_rng(seed)
    shares = np.empty(repetitions)
    for repetition in range(repetitions):
        drawn = rng.integers(len(rows), size=len(rows))
        shares[repetition] = hits[drawn].sum() / rows[drawn].sum()
    low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

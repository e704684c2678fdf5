"""First leak: stations of one shower on both sides of a split.

Each function returns rows of a table: what was done, and which test stations were right.
"""

import numpy as np
import xgboost
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from data import SPLITS
from leak_data import simulate


# The thesis' best trial, its table 7.13; "hist" is how trees are grown today.
BOOSTING = {
    "objective": "multi:softmax",
    "num_class": 4,
    "learning_rate": 0.42,
    "max_depth": 5,
    "min_child_weight": 0.4133,
    "gamma": 0,
    "subsample": 0.9924,
    "tree_method": "hist",
    "nthread": 1,
    "seed": 1234,
}


def boosted(stations, split, rounds, seed):
    """Return the test stations, and whether boosted trees named them right.

    Args:
        stations: To be split.
        split: "random" or "by shower".
        rounds: Numbers of boosting rounds to judge, the largest last.
        seed: Of the split.

    Returns:
        The test stations, and for each number of rounds whether each was right.
    """
    train, test = stations.divided(split, seed)
    model = xgboost.train(
        BOOSTING, xgboost.DMatrix(train.x, train.y), num_boost_round=rounds[-1]
    )
    unseen = xgboost.DMatrix(test.x)
    right = [
        model.predict(unseen, iteration_range=(0, each)) == test.y for each in rounds
    ]
    return test, right


def linear(stations, split, seed):
    """Return the test stations, and whether a linear model named them right."""
    train, test = stations.divided(split, seed)
    model = make_pipeline(StandardScaler(), LinearSVC(C=1e-4, random_state=seed))
    model.fit(train.x, train.y)
    return test, model.predict(test.x) == test.y


def by_number_of_showers(numbers, rows, rounds, seed):
    """Yield the same number of stations from fewer or more showers; ``None``: one each."""
    for number in numbers:
        stations = simulate(rows, number or rows, seed, one_each=number is None)
        named = {"showers": number or rows, "stations": len(stations.y)}
        for split in SPLITS if number else SPLITS[:1]:
            test, (right,) = boosted(stations, split, [rounds], seed)
            yield {**named, "case": "all features", "split": split}, test, right
        bare = stations.without_energy_and_zenith()
        test, (right,) = boosted(bare, "random", [rounds], seed)
        case = "without energy and zenith"
        yield {**named, "case": case, "split": "random"}, test, right


def by_number_of_rounds(showers, rows, rounds, seed):
    """Yield the accuracy after more and more rounds."""
    stations = simulate(rows, showers, seed)
    for split in SPLITS:
        test, rights = boosted(stations, split, rounds, seed)
        for number, right in zip(rounds, rights, strict=True):
            yield {"case": f"{number} rounds", "split": split}, test, right


def controls(showers, rows, rounds, seed):
    """Yield what should show no leak, or nothing but it."""
    stations = simulate(rows, showers, seed)
    nothing_left = stations.with_labels_shuffled_over_showers(seed)
    paired = simulate(rows, showers, seed, paired=True)
    for split in SPLITS:
        test, (right,) = boosted(nothing_left, split, [rounds], seed)
        case = "labels shuffled over showers: no physics at all"
        yield {"case": case, "split": split}, test, right
        test, (right,) = boosted(paired, split, [rounds], seed)
        case = "same energies and zenith angles for all primaries"
        yield {"case": case, "split": split}, test, right
        test, right = linear(stations, split, seed)
        yield {"case": "linear model", "split": split}, test, np.asarray(right)

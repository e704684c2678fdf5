"""Second leak: rows to be classified are scaled with the scaler of their own class.

Each function yields rows of a table: what was done, and which test stations were right.
"""

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import tied_autoencoder
from leak_data import simulate
from showers.columns import FEATURES, PRIMARIES


OWN = "scaler of the row's own class (leaky)"
COMMON = "one common scaler"
EACH = "each candidate's scaler, errors in common units"

LABELS = range(len(PRIMARIES))
TRACE_LENGTH = [FEATURES.index("trace_len_bins")]


def scalers_of_classes(stations, kind=MinMaxScaler):
    """Return one fitted scaler for each class."""
    return [kind().fit(stations.x[stations.y == label]) for label in LABELS]


def own_scaled(stations, scalers):
    """Return the rows, each scaled with the scaler of its true class: the leak."""
    x = np.empty_like(stations.x)
    for label, scaler in enumerate(scalers):
        own = stations.y == label
        x[own] = scaler.transform(stations.x[own])
    return x


def autoencoders(stations, split, epochs, seed):
    """Yield what autoencoders, one for each class, name right with each way to scale.

    The class whose autoencoder has the smallest squared error is named.
    """
    train, test = stations.divided(split, seed)
    scalers, common = scalers_of_classes(train), MinMaxScaler().fit(train.x)

    of_classes = _trained(own_scaled(train, scalers), train.y, epochs, seed)
    x = own_scaled(test, scalers)
    yield OWN, test, _named(tied_autoencoder.reconstruct(of_classes, x) - x) == test.y

    of_pool = _trained(common.transform(train.x), train.y, epochs, seed)
    x = common.transform(test.x)
    yield COMMON, test, _named(tied_autoencoder.reconstruct(of_pool, x) - x) == test.y

    tried = np.stack([scaler.transform(test.x) for scaler in scalers])
    error = tied_autoencoder.reconstruct(of_classes, tried) - tried
    ranges = np.stack([scaler.data_range_ for scaler in scalers])[:, None]
    yield EACH, test, _named(error * ranges / common.data_range_) == test.y


def of_autoencoders(showers, rows, plans, seed):
    """Yield the ways to scale, for each plan.

    Args:
        showers: Of each primary.
        rows: Of each primary.
        plans: Splits, numbers of epochs, data seeds and whether labels are shuffled.
        seed: Of splits and networks.
    """
    for split, epochs, data_seed, shuffled in plans:
        stations = simulate(rows, showers, data_seed)
        if shuffled:
            stations = stations.with_labels_shuffled_over_rows(seed)
        about = ", labels shuffled over rows" if shuffled else ""
        case = f"{epochs} epochs, data seed {data_seed}{about}"
        for scaler, test, right in autoencoders(stations, split, epochs, seed):
            yield {"case": case, "split": split, "scaler": scaler}, test, right


def of_a_tree(showers, rows, seed):
    """Yield what a decision tree finds of the class in rows that are scaled by it."""
    simulated = simulate(rows, showers, seed)
    shuffled = simulated.with_labels_shuffled_over_rows(seed)
    kinds = {"smallest and largest": MinMaxScaler, "mean and spread": StandardScaler}
    plans = [
        (simulated, "trace length only", TRACE_LENGTH),
        (shuffled, "trace length only, labels shuffled over rows", TRACE_LENGTH),
        (shuffled, "all features, labels shuffled over rows", slice(None)),
    ]
    for stations, case, columns in plans:
        train, test = stations.divided("by shower", seed)
        for name, kind in kinds.items():
            scalers = scalers_of_classes(train, kind)
            tree = DecisionTreeClassifier(min_samples_leaf=5, random_state=seed)
            tree.fit(own_scaled(train, scalers)[:, columns], train.y)
            right = tree.predict(own_scaled(test, scalers)[:, columns]) == test.y
            about = {"case": case, "split": "by shower", "scaler": f"own, by {name}"}
            yield about, test, right
        common = DecisionTreeClassifier(min_samples_leaf=5, random_state=seed)
        common.fit(train.x[:, columns], train.y)
        right = common.predict(test.x[:, columns]) == test.y
        yield {"case": case, "split": "by shower", "scaler": COMMON}, test, right


def _trained(x, y, epochs, seed):
    return tied_autoencoder.train([x[y == label] for label in LABELS], epochs, seed)


def _named(error):
    return np.argmin(np.square(error).mean(axis=2), axis=0)

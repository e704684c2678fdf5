"""One network for each primary, and what comes of comparing their reconstructions."""

import os


# Before Keras is imported: which of its backends to use is decided then.
os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

from models.classify import reconstruction_errors, smallest
from models.one_cycle import OneCycle


def fit_each(parts, build, *, loss, lr, optimizer, one_cycle, epochs, batch_size):
    """Train a network on the training rows of each primary.

    Args:
        parts: Of ``ClassLoader``.
        build: Called without arguments, returns a network.
        loss: Compared with the rows themselves; ``None`` if the network has its own.
        lr: Learning rate; with ``one_cycle`` its maximum.
        optimizer: "adam" or "sgd", the latter with momentum 0.9.
        one_cycle: The rate follows one cycle over the whole training.
        epochs: How often each row is seen.
        batch_size: Rows of a step.

    Returns:
        The networks, in the order of the labels.
    """
    networks = []
    for label in np.unique(parts.train.y):
        x = parts.train.x[parts.train.y == label].astype("float32")
        steps = epochs * -(-len(x) // batch_size)
        rate = OneCycle(lr, steps) if one_cycle else lr
        network = build()
        network.compile(
            optimizer=_optimizer(optimizer, rate), loss=loss, jit_compile=False
        )
        target = None if loss is None else x
        network.fit(x, target, batch_size=batch_size, epochs=epochs, verbose=0)
        networks.append(network)
    return networks


def classifier(networks):
    """Return the function that gives the labels of rows."""
    return lambda x: smallest(reconstruction_errors(networks, x.astype("float32")))


def save_weights(networks, folder):
    """Write the weights of all networks: ``<label>/<number>`` in ``weights.npz``."""
    weights = {
        f"{label}/{number}": weight
        for label, network in enumerate(networks)
        for number, weight in enumerate(network.get_weights())
    }
    np.savez(folder / "weights.npz", **weights)


def _optimizer(name, rate):
    if name == "adam":
        return keras.optimizers.Adam(rate)
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9)
    raise ValueError(f"optimizer: got {name!r}; allowed: adam, sgd")

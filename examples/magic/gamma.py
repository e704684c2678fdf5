"""The events of the MAGIC telescope: gamma rays, and the hadrons that look like them.

They are read from ``data/magic04.data`` beside this file. ``MAGIC_DATA`` in the environment
may name another file, or be ``openml``: then scikit-learn fetches them from openml.org.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from ml_experiment import DataLoader


FEATURES = (
    "fLength", "fWidth", "fSize", "fConc", "fConc1",
    "fAsym", "fM3Long", "fM3Trans", "fAlpha", "fDist",
)  # fmt: skip
ROWS, REPEATED = 19_020, 115
SHA256 = "e9314b7ebd4b4b59a3b3d65f7316663963777b16a46786877651dbbaa640b36a"
OPENML = 1120  # MagicTelescope, version 1


class GammaLoader(DataLoader):
    """Each event once: features, and 1 for a gamma ray or 0 for a hadron."""

    @classmethod
    def load_data(cls):
        return distinct(*read())


def read(source=None):
    """Return features and labels of all rows.

    Args:
        source: A file, "openml", or ``None`` for what ``MAGIC_DATA`` says.

    Raises:
        ValueError: These are not the events that they should be.
    """
    beside = Path(__file__).resolve().parent / "data" / "magic04.data"
    source = source or os.environ.get("MAGIC_DATA") or beside
    x, y = fetch() if source == "openml" else read_file(Path(source))
    if x.shape != (ROWS, len(FEATURES)):
        raise ValueError(f"{source}: got {x.shape}; expected {(ROWS, len(FEATURES))}")
    return x, y


def read_file(path):
    """Return features and labels of ``magic04.data``, as UCI has it."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(f"{path}: got SHA-256 {found}; expected {SHA256}")
    lines = content.decode("ascii").split()
    x = np.array([line.split(",")[:-1] for line in lines], dtype=np.float64)
    return x, _labels([line[-1] for line in lines])


def fetch():
    """Return features and labels from openml.org; scikit-learn keeps a copy."""
    from sklearn.datasets import fetch_openml

    bunch = fetch_openml(data_id=OPENML, as_frame=False, parser="liac-arff")
    # There the names end in colons, and rows may have a number.
    names = [name.strip(" :") for name in bunch.feature_names]
    columns = [names.index(feature) for feature in FEATURES]
    return bunch.data[:, columns].astype(np.float64), _labels(bunch.target)


def distinct(x, y):
    """Return each row once, in the order of their first appearance.

    Otherwise a row could be among those that are learnt and among those that are judged.
    """
    _, first = np.unique(np.column_stack([x, y]), axis=0, return_index=True)
    first.sort()
    return x[first], y[first]


def _labels(letters):
    return (np.asarray(letters) == "g").astype(np.int64)

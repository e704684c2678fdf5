"""What every training script hands back: metrics, and for the final run its predictions."""

import csv
import tempfile
from pathlib import Path

import numpy as np


def accuracy(predicted, y):
    """Return the share of rows whose label was predicted."""
    return float(np.mean(np.asarray(predicted) == y))


def outcome(parts, predict, *, test, more=None, save=None):
    """Return what ``main`` returns.

    The test rows are looked at only if ``test`` says so: once for each column of the final
    table, by the model that the search has chosen.

    Args:
        parts: Of a loader.
        predict: Gives the labels of rows.
        test: Judge the model on the test rows too, and keep predictions and model.
        more: Further metrics.
        save: ``save(folder)`` writes the model.
    """
    metrics = {
        "validation_accuracy": accuracy(predict(parts.validation.x), parts.validation.y)
    }
    metrics |= more or {}
    if not test:
        return metrics
    predicted = predict(parts.test.x)
    metrics["test_accuracy"] = accuracy(predicted, parts.test.y)
    folder = Path(tempfile.mkdtemp())
    path = folder / "predictions.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["shower", "label", "predicted"])
        writer.writerows(zip(parts.test.shower, parts.test.y, predicted, strict=True))
    artifacts = {"predictions": str(path)}
    if save is not None:
        (folder / "model").mkdir()
        save(folder / "model")
        artifacts["model"] = str(folder / "model")
    return metrics, artifacts

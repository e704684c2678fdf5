"""Train a small neural network and keep the model."""

import os
import random

import joblib
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ml_experiment import job


@job
def main(hidden=(16, 8), alpha=1e-3):
    x, y = load_wine(return_X_y=True)
    noise = np.random.normal(scale=0.05, size=x.shape)
    x = x + noise
    scores = []
    for train, test in StratifiedKFold(4, shuffle=True).split(x, y):
        model = make_pipeline(
            StandardScaler(), MLPClassifier(hidden, alpha=alpha, max_iter=120)
        )
        model.fit(x[train], y[train])
        scores.append(model.score(x[test], y[test]))
    os.makedirs("models", exist_ok=True)
    joblib.dump(model, "models/mlp.joblib")
    keep = random.sample(range(len(x)), 5)
    return (
        {"accuracy": np.mean(scores), "spread": np.std(scores), "first": keep[0]},
        {"model": "models/mlp.joblib"},
    )


if __name__ == "__main__":
    main()

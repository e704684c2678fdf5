"""Rank the features of the breast-cancer data by a forest, with error bars."""

import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

from ml_experiment import job


@job
def main(n_estimators=60):
    data = load_breast_cancer(as_frame=True)
    x_train, x_test, y_train, y_test = train_test_split(
        data.data, data.target, stratify=data.target
    )
    start = time.time()
    forest = RandomForestClassifier(n_estimators=n_estimators, n_jobs=2)
    forest.fit(x_train, y_train)
    print(f"Elapsed time to fit: {time.time() - start:.3f} seconds")
    std = np.std([t.feature_importances_ for t in forest.estimators_], axis=0)
    result = permutation_importance(forest, x_test, y_test, n_repeats=3, n_jobs=1)
    frame = pd.DataFrame(
        {
            "mdi": forest.feature_importances_,
            "std": std,
            "perm": result.importances_mean,
        },
        index=data.feature_names,
    )
    frame.to_csv("importances.csv")
    fig, ax = plt.subplots()
    frame["mdi"].plot.bar(yerr=std, ax=ax)
    fig.tight_layout()
    fig.savefig("importances.pdf")
    return (
        {"accuracy": forest.score(x_test, y_test), "top": frame["mdi"].max()},
        {"table": "importances.csv", "figure": "importances.pdf"},
    )


if __name__ == "__main__":
    main()

"""A randomised search over a pipeline, with processes of joblib's."""

import json

from scipy.stats import loguniform, randint
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline

from ml_experiment import job


@job
def main(n_iter=4):
    x, y = load_breast_cancer(return_X_y=True)
    pipe = Pipeline(
        [("pca", PCA(svd_solver="randomized")), ("trees", ExtraTreesClassifier(30))]
    )
    search = RandomizedSearchCV(
        pipe,
        {
            "pca__n_components": randint(2, 10),
            "trees__max_depth": randint(2, 8),
            "trees__ccp_alpha": loguniform(1e-5, 1e-2),
        },
        n_iter=n_iter,
        cv=3,
        n_jobs=2,
    )
    search.fit(x, y)
    with open("best.json", "w") as file:
        json.dump({k: float(v) for k, v in search.best_params_.items()}, file)
    return {"score": search.best_score_}, {"best": "best.json"}


if __name__ == "__main__":
    main()

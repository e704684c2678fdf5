"""Linear support vector machine on an approximated kernel (thesis, 7.3.1)."""

import joblib
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from loaders import PooledLoader
from ml_experiment import job
from outcome import outcome


@job(data_loader=PooledLoader)
def main(
    C=1.0,
    kernel="rbf",
    degree=3,
    gamma="scale",
    components=100,
    split="by shower",
    showers=None,
    test=False,
):
    parts = PooledLoader.parts(split, showers)
    x, y = parts.train.x, parts.train.y
    width = {"scale": 1 / (x.shape[1] * x.var()), "auto": 1 / x.shape[1]}
    steps = [LinearSVC(C=C)]
    if kernel != "linear":
        feature_map = Nystroem(
            kernel=kernel,
            gamma=width.get(gamma, gamma),
            degree=degree if kernel == "poly" else None,
            n_components=components,
        )
        steps.insert(0, feature_map)
    model = make_pipeline(*steps).fit(x, y)
    return outcome(
        parts,
        model.predict,
        test=test,
        save=lambda folder: joblib.dump(model, folder / "model.joblib"),
    )


if __name__ == "__main__":
    main()

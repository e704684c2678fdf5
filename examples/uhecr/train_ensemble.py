"""An ensemble of boosted trees: each learns from other showers, and they vote.

The thesis names ensembles as further work (8.2). Whole showers are drawn, with replacement:
stations of one shower are so alike that drawing stations would give every member the same
showers.
"""

import numpy as np

from boosting import fit, probabilities
from loaders import Part, PooledLoader
from ml_experiment import job
from outcome import outcome


SEED = 1234


@job(data_loader=PooledLoader)
def main(
    members=8,
    rounds=300,
    learning_rate=0.1,
    max_depth=5,
    min_child_weight=1.0,
    subsample=0.7,
    colsample_bytree=0.8,
    split="by shower",
    showers=None,
    test=False,
):
    parts = PooledLoader.parts(split, showers)
    models = [
        fit(
            drawn_showers(parts.train, member),
            parts.validation,
            rounds,
            seed=SEED + member,
            prune=False,
            learning_rate=learning_rate,
            max_depth=max_depth,
            min_child_weight=min_child_weight,
            subsample=subsample,
            colsample_bytree=colsample_bytree,
        )
        for member in range(members)
    ]

    def predict(x):
        votes = [probabilities(model, used, x) for model, used in models]
        return np.mean(votes, axis=0).argmax(axis=1)

    def save(folder):
        for number, (model, _) in enumerate(models):
            model.save_model(folder / f"model-{number}.ubj")

    return outcome(parts, predict, test=test, save=save)


def drawn_showers(part, member):
    """Return the rows of as many showers as there are, drawn with replacement."""
    rng = np.random.default_rng([SEED, member])
    showers, first = np.unique(part.shower, return_inverse=True)
    order = np.argsort(first, kind="stable")
    ends = np.searchsorted(first[order], np.arange(len(showers) + 1))
    drawn = rng.integers(len(showers), size=len(showers))
    rows = np.concatenate([order[ends[at] : ends[at + 1]] for at in drawn])
    return Part(part.x[rows], part.y[rows], part.shower[rows])


if __name__ == "__main__":
    main()

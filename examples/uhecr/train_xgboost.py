"""Gradient-boosted trees (thesis, 7.3.2)."""

from boosting import fit, probabilities
from loaders import PooledLoader
from ml_experiment import job
from outcome import outcome


@job(data_loader=PooledLoader)
def main(
    num_boost_round=1000,
    learning_rate=0.3,
    max_depth=6,
    gamma=0.0,
    min_child_weight=1.0,
    subsample=1.0,
    rounds_divisor=1,
    early_stopping=True,
    split="by shower",
    showers=None,
    test=False,
):
    parts = PooledLoader.parts(split, showers)
    model, used = fit(
        parts.train,
        parts.validation,
        max(1, num_boost_round // rounds_divisor),
        early_stopping=early_stopping,
        learning_rate=learning_rate,
        max_depth=max_depth,
        gamma=gamma,
        min_child_weight=min_child_weight,
        subsample=subsample,
    )
    return outcome(
        parts,
        lambda x: probabilities(model, used, x).argmax(axis=1),
        test=test,
        more={"rounds_used": used},
        save=lambda folder: model.save_model(folder / "model.ubj"),
    )


if __name__ == "__main__":
    main()

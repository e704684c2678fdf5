"""Boosted trees on whole events: all stations that saw a shower, together.

The thesis looks at one station at a time, and names events as further work (8.2).
"""

from boosting import fit, probabilities
from loaders import EventLoader
from ml_experiment import job
from outcome import outcome


@job(data_loader=EventLoader)
def main(
    rounds=500,
    learning_rate=0.05,
    max_depth=4,
    min_child_weight=1.0,
    subsample=0.8,
    split="by shower",
    showers=None,
    test=False,
):
    parts = EventLoader.parts(split, showers)
    model, used = fit(
        parts.train,
        parts.validation,
        rounds,
        learning_rate=learning_rate,
        max_depth=max_depth,
        min_child_weight=min_child_weight,
        subsample=subsample,
    )
    return outcome(
        parts,
        lambda x: probabilities(model, used, x).argmax(axis=1),
        test=test,
        more={"rounds_used": used, "events": len(parts.train.y)},
        save=lambda folder: model.save_model(folder / "model.ubj"),
    )


if __name__ == "__main__":
    main()

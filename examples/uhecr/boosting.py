"""Boosted trees that stop when they no longer get better on the validation rows."""

import numpy as np
import xgboost as xgb

from ml_experiment import Trial
from ml_experiment.errors import NoCurrentTrialError
from ml_experiment.integrations import XGBoostPruningCallback
from outcome import accuracy


SEED = 1234


def fit(
    train, validation, rounds, *, seed=SEED, prune=True, early_stopping=True, **params
):
    """Train trees on the rows of one part and watch their accuracy on another.

    Args:
        train: Rows to learn from.
        validation: Rows that say when to stop, and whether a trial is worth going on.
        rounds: Rounds of boosting, each with a tree for every class.
        seed: Of the rows that each tree sees.
        prune: In a search, let the pruner end the trial.
        early_stopping: Stop after a tenth of the rounds (10 at least) without a better
            accuracy, and use the best rounds only.
        params: Of XGBoost.

    Returns:
        The model, and its number of rounds that are used.
    """
    model = xgb.train(
        {
            "objective": "multi:softprob",
            "num_class": len(np.unique(train.y)),
            "tree_method": "hist",
            "disable_default_eval_metric": True,
            "seed": seed,
            **params,
        },
        xgb.DMatrix(train.x, train.y),
        num_boost_round=rounds,
        evals=[(xgb.DMatrix(validation.x, validation.y), "validation")],
        custom_metric=share_right,
        callbacks=_callbacks(rounds, prune, early_stopping),
        verbose_eval=False,
    )
    used = model.best_iteration + 1 if early_stopping else model.num_boosted_rounds()
    return model, used


def probabilities(model, used, x):
    """Return the probability of each class (across) for each row (down)."""
    return model.predict(xgb.DMatrix(x), iteration_range=(0, used))


def share_right(predicted, rows):
    """The accuracy, as XGBoost wants it.

    Both early stopping and pruning look at it, so that they want what the search wants.
    XGBoost's own ``merror`` falls where the accuracy rises: a search for the largest
    accuracy would prune the best of its trials.
    """
    return "accuracy", accuracy(predicted.argmax(axis=1), rows.get_label())


def _callbacks(rounds, prune, early_stopping):
    callbacks = []
    if prune and _in_a_search():
        trial = Trial.get_current()
        callbacks.append(XGBoostPruningCallback(trial, "validation-accuracy"))
    if early_stopping:
        patience = max(10, rounds // 10)
        callbacks.append(
            xgb.callback.EarlyStopping(
                rounds=patience,
                metric_name="accuracy",
                data_name="validation",
                maximize=True,
            )
        )
    return callbacks


def _in_a_search():
    try:
        Trial.get_current()
    except NoCurrentTrialError:
        return False
    return True

"""Boosted trees on digits, with the metric of every round and the model as JSON."""

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ml_experiment import job


@job
def main(eta=0.3, max_depth=4):
    x, y = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, stratify=y)
    dtrain, dval = xgb.DMatrix(x_train, y_train), xgb.DMatrix(x_val, y_val)
    history = {}
    booster = xgb.train(
        {
            "objective": "multi:softprob",
            "num_class": 10,
            "eta": eta,
            "max_depth": max_depth,
            "subsample": 0.7,
            "colsample_bytree": 0.7,
            "seed": np.random.randint(1 << 30),
        },
        dtrain,
        num_boost_round=15,
        evals=[(dtrain, "train"), (dval, "val")],
        evals_result=history,
        verbose_eval=5,
    )
    booster.save_model("model.json")
    for train, val in zip(history["train"]["mlogloss"], history["val"]["mlogloss"]):
        yield {"train_loss": train, "val_loss": val}
    accuracy = float(np.mean(booster.predict(dval).argmax(1) == y_val))
    yield {"accuracy": accuracy}, {"model": "model.json"}


if __name__ == "__main__":
    main()

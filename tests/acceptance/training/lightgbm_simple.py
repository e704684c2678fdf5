"""LightGBM's simple example: train with bagging, save the model, save predictions."""

import lightgbm as lgb
import numpy as np
from sklearn.datasets import make_regression
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

from ml_experiment import job


@job
def main(num_leaves=15):
    x, y = make_regression(600, 12, noise=5.0)
    x_train, x_test, y_train, y_test = train_test_split(x, y)
    train = lgb.Dataset(x_train, y_train)
    valid = lgb.Dataset(x_test, y_test, reference=train)
    params = {
        "objective": "regression",
        "num_leaves": num_leaves,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.7,
        "bagging_freq": 2,
        "verbose": -1,
    }
    gbm = lgb.train(
        params,
        train,
        num_boost_round=60,
        valid_sets=[valid],
        callbacks=[lgb.early_stopping(10, verbose=False)],
    )
    gbm.save_model("model.txt")
    predicted = gbm.predict(x_test, num_iteration=gbm.best_iteration)
    np.save("predicted.npy", predicted)
    return (
        {"rmse": mean_squared_error(y_test, predicted) ** 0.5},
        {"model": "model.txt", "predicted": "predicted.npy"},
    )


if __name__ == "__main__":
    main()

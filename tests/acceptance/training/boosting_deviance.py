"""Fit the diabetes data by gradient boosting, and follow the deviance step by step."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn import datasets, ensemble
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

from ml_experiment import job

params = {"n_estimators": 120, "max_depth": 4, "subsample": 0.6, "learning_rate": 0.03}


@job
def main(loss="squared_error"):
    x, y = datasets.load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.1)
    reg = ensemble.GradientBoostingRegressor(loss=loss, **params)
    reg.fit(x_train, y_train)
    scores = []
    for predicted in reg.staged_predict(x_test):
        scores.append(mean_squared_error(y_test, predicted))
        yield {"test_deviance": scores[-1]}
    fig = plt.figure(figsize=(6, 6))
    plt.plot(reg.train_score_, "b-", label="train")
    plt.plot(scores, "r-", label="test")
    plt.legend()
    plt.savefig("deviance.svg")
    plt.close(fig)
    yield {"mse": scores[-1]}, {"deviance": "deviance.svg"}


if __name__ == "__main__":
    main()

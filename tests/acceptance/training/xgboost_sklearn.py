"""XGBoost's own estimator with early stopping, and its importances as a picture."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from ml_experiment import job


@job
def main(learning_rate=0.2):
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y)
    model = xgboost.XGBClassifier(
        n_estimators=80,
        learning_rate=learning_rate,
        subsample=0.5,
        early_stopping_rounds=5,
        n_jobs=2,
    )
    model.fit(x_train, y_train, eval_set=[(x_test, y_test)], verbose=False)
    xgboost.plot_importance(model, max_num_features=8)
    plt.savefig("importance.png", dpi=80)
    return {
        "auc": roc_auc_score(y_test, model.predict_proba(x_test)[:, 1]),
        "rounds": model.best_iteration,
    }, {"importance": "importance.png"}


if __name__ == "__main__":
    main()

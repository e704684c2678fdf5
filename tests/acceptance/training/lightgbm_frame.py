"""LightGBM's estimator on a table with categories, read and written by pandas."""

import lightgbm as lgb
import pandas as pd
from sklearn.model_selection import cross_val_score

from ml_experiment import job


@job
def main(folds=3):
    frame = pd.read_csv("data/reviews.csv")
    frame["length"] = frame["text"].str.len()
    frame["first"] = frame["text"].str.split().str[0].astype("category")
    sample = frame.sample(frac=0.9)
    model = lgb.LGBMClassifier(
        n_estimators=30, subsample=0.6, subsample_freq=1, verbose=-1
    )
    x, y = sample[["length", "first"]], sample["label"]
    scores = cross_val_score(model, x, y, cv=folds)
    model.fit(x, y)
    sample.assign(score=model.predict_proba(x)[:, 1]).to_csv("scored.csv", index=False)
    return {"accuracy": scores.mean()}, {"scored": "scored.csv"}


if __name__ == "__main__":
    main()

"""Judge short reviews from a file, with a helper module and a plain pickle."""

import csv
import pickle
from pathlib import Path

import numpy as np
from sklearn.linear_model import SGDClassifier
from tools.features import bag

from ml_experiment import job

HERE = Path(__file__).resolve().parent


@job
def main(epochs=5):
    with open(HERE / "data" / "reviews.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    np.random.shuffle(rows)
    texts, labels = [r["text"] for r in rows], [int(r["label"]) for r in rows]
    x = bag(texts)
    cut = len(x) * 3 // 4
    model = SGDClassifier(loss="log_loss")
    for _ in range(epochs):
        model.partial_fit(x[:cut], labels[:cut], classes=[0, 1])
    with open("model.pkl", "wb") as file:
        pickle.dump(model, file)
    return {"accuracy": model.score(x[cut:], labels[cut:])}, {"model": "model.pkl"}


if __name__ == "__main__":
    main()

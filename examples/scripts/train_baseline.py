"""What the support vector machine has to be better than: the most frequent class."""

from ml_experiment import job

from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import train_test_split


SEED = 1234


@job
def main():
    iris = load_iris()
    X_train, X_val, y_train, y_val = train_test_split(
        iris.data, iris.target, random_state=SEED
    )
    model = DummyClassifier()
    model.fit(X_train, y_train)
    accuracy = model.score(X_val, y_val)
    return {"val_accuracy": accuracy}


if __name__ == "__main__":
    main()

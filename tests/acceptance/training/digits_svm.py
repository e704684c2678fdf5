"""Recognise hand-written digits with a support-vector machine, and plot the confusions."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn import datasets, metrics, svm
from sklearn.model_selection import train_test_split

from ml_experiment import job


@job
def main(gamma=0.001):
    digits = datasets.load_digits()
    data = digits.images.reshape((len(digits.images), -1))
    x_train, x_test, y_train, y_test = train_test_split(
        data, digits.target, test_size=0.5, shuffle=True
    )
    clf = svm.SVC(gamma=gamma)
    clf.fit(x_train, y_train)
    predicted = clf.predict(x_test)
    print(metrics.classification_report(y_test, predicted))
    display = metrics.ConfusionMatrixDisplay.from_predictions(y_test, predicted)
    display.figure_.suptitle("Confusion Matrix")
    plt.savefig("confusion.png")
    return {"accuracy": metrics.accuracy_score(y_test, predicted)}, {
        "confusion": "confusion.png"
    }


if __name__ == "__main__":
    main()

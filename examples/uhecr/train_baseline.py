"""What every model has to be better than: always the most frequent primary."""

from sklearn.dummy import DummyClassifier

from loaders import PooledLoader
from ml_experiment import job
from outcome import outcome


@job(data_loader=PooledLoader)
def main(split="by shower", showers=None, test=False):
    parts = PooledLoader.parts(split, showers)
    model = DummyClassifier().fit(parts.train.x, parts.train.y)
    return outcome(parts, model.predict, test=test)


if __name__ == "__main__":
    main()

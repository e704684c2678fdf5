"""Stacked autoencoders, one for each primary (thesis, 7.3.4)."""

from training import (
    classifier,
    fit_each,
    save_weights,
)  # first: it chooses Keras' backend

from loaders import ClassLoader
from ml_experiment import job
from models.autoencoders import build
from outcome import outcome


@job(data_loader=ClassLoader)
def main(
    encoding_dim=(9, 9, 7),
    ps=0.002,
    lr=0.00338,
    activation="selu",
    tied_weights=True,
    unit_norm_constraint=True,
    weight_orthogonality=False,
    one_cycle=True,
    optimizer="sgd",
    epochs=200,
    batch_size=128,
    split="by shower",
    scaler="common",
    showers=None,
    test=False,
):
    parts = ClassLoader.parts(split, scaler, showers)

    def network():
        return build(
            parts.train.x.shape[1],
            encoding_dim,
            ps=ps,
            activation=activation,
            tied_weights=tied_weights,
            unit_norm_constraint=unit_norm_constraint,
            weight_orthogonality=weight_orthogonality,
        )

    networks = fit_each(
        parts,
        network,
        loss="mse",
        lr=lr,
        optimizer=optimizer,
        one_cycle=one_cycle,
        epochs=epochs,
        batch_size=batch_size,
    )
    return outcome(
        parts,
        classifier(networks),
        test=test,
        save=lambda folder: save_weights(networks, folder),
    )


if __name__ == "__main__":
    main()

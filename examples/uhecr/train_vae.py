"""Variational autoencoders, one for each primary (thesis, 7.3.5)."""

from training import (
    classifier,
    fit_each,
    save_weights,
)  # first: it chooses Keras' backend

from loaders import ClassLoader
from ml_experiment import job
from models.vae import VariationalAutoencoder
from outcome import outcome


@job(data_loader=ClassLoader)
def main(
    encoding_dim=13,
    latent_dim=3,
    lr=0.0001,
    activation="selu",
    one_cycle=True,
    beta=1.0,
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
        return VariationalAutoencoder(
            parts.train.x.shape[1], encoding_dim, latent_dim, activation, beta
        )

    networks = fit_each(
        parts,
        network,
        loss=None,
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

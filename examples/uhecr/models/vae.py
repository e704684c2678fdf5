"""The variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114)."""

import keras
from keras import ops


class Sampling(keras.layers.Layer):
    """Draws ``z = mean + exp(log_variance / 2) * noise``, the noise being normal.

    The noise comes from outside of what is learnt, so gradients pass through mean and
    variance: the reparameterisation trick.
    """

    def __init__(self, **options):
        super().__init__(**options)
        self.noise = keras.random.SeedGenerator()

    def call(self, mean, log_variance):
        noise = keras.random.normal(ops.shape(mean), seed=self.noise)
        return reparameterise(mean, log_variance, noise)


def reparameterise(mean, log_variance, noise):
    """Return the draw that belongs to normal noise."""
    return mean + ops.exp(0.5 * log_variance) * noise


def divergence(mean, log_variance):
    """Return KL(N(mean, variance) | N(0, 1)) of each row, in nats, summed over the code."""
    terms = ops.square(mean) + ops.exp(log_variance) - 1 - log_variance
    return 0.5 * ops.sum(terms, axis=-1)


def loss(x, reconstruction, mean, log_variance, beta=1.0):
    """Return the loss of the rows of a batch, on average.

    The sum of the squared differences of a row (a normal likelihood of variance 1/2), plus
    ``beta`` times the divergence: listings 7.7 and 7.8 of the thesis, but without the
    second mean squared error that compiling with ``loss="mse"`` adds there.
    """
    squares = ops.sum(ops.square(x - reconstruction), axis=-1)
    return ops.mean(squares + beta * divergence(mean, log_variance))


class VariationalAutoencoder(keras.Model):
    """A symmetric network of one hidden layer on each side of the code.

    Called for training it draws from the code's distribution; called otherwise it takes the
    mean, so that what it reconstructs, and so the class that is read off it, is no game of
    chance.

    Args:
        inputs: Number of features.
        encoding_dim: Neurons of the hidden layers.
        latent_dim: Numbers of the code.
        activation: Of the hidden layers; the last is a sigmoid.
        beta: Weight of the divergence; 1 is the definition.
    """

    def __init__(
        self, inputs, encoding_dim, latent_dim, activation="selu", beta=1.0, **options
    ):
        super().__init__(**options)
        self.beta = beta
        self.encoder = keras.layers.Dense(encoding_dim, activation=activation)
        self.mean = keras.layers.Dense(latent_dim)
        self.log_variance = keras.layers.Dense(latent_dim)
        self.sampling = Sampling()
        self.decoder = keras.layers.Dense(encoding_dim, activation=activation)
        self.output_layer = keras.layers.Dense(inputs, activation="sigmoid")
        self.build((None, inputs))

    def build(self, input_shape):
        self.encoder.build(input_shape)
        hidden = (None, self.encoder.units)
        self.mean.build(hidden)
        self.log_variance.build(hidden)
        self.decoder.build((None, self.mean.units))
        self.output_layer.build((None, self.decoder.units))

    def call(self, x, training=False):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = self.sampling(mean, log_variance) if training else mean
        reconstruction = self.output_layer(self.decoder(code))
        if training:
            self.add_loss(loss(x, reconstruction, mean, log_variance, self.beta))
        return reconstruction

"""Denoising autoencoders: the thesis' versions 1 (one hidden layer) and 2 (stacked)."""

import keras

from models.layers import DenseTied, WeightsOrthogonality


def build(
    inputs,
    encoding_dim,
    *,
    ps=0.0,
    activation="selu",
    tied_weights=False,
    unit_norm_constraint=False,
    weight_orthogonality=False,
):
    """Return an autoencoder that has not been compiled.

    Args:
        inputs: Number of features.
        encoding_dim: Neurons of the code, or of each layer of the encoder with the code
            last: ``[5, 5, 4]`` is 5-5-4-5-5 between input and output.
        ps: Probability at which the noise sets a feature to zero, from 0 to below 1.
        activation: Of all layers but the last, which is a sigmoid: the features are
            scaled to the range of 0 to 1.
        tied_weights: The decoder uses the encoder's weights backwards.
        unit_norm_constraint: The weights of each neuron have length one.
        weight_orthogonality: The weights of the neurons of a layer are pulled towards
            being orthonormal.
    """
    encoder = [encoding_dim] if isinstance(encoding_dim, int) else list(encoding_dim)
    if not encoder or min(encoder) < 1:
        raise ValueError(f"encoding_dim: got {encoding_dim}; needs numbers above 0")
    layer = x = keras.Input((inputs,))
    if ps:
        x = keras.layers.Dropout(ps)(x)
    layers = []
    for units in encoder:
        dense = _dense(units, activation, unit_norm_constraint, weight_orthogonality)
        x = dense(x)
        layers.append(dense)
    widths = [*encoder[-2::-1], inputs]
    for width, mirrored in zip(widths, reversed(layers), strict=True):
        function = "sigmoid" if mirrored is layers[0] else activation
        if tied_weights:
            x = DenseTied(mirrored, function)(x)
        else:
            x = _dense(
                width, function, unit_norm_constraint, weight_orthogonality, axis=1
            )(x)
    return keras.Model(layer, x)


def _dense(units, activation, unit_norm, orthogonal, axis=0):
    """A layer whose neurons (axis 0) or whose inputs (axis 1) are a basis."""
    return keras.layers.Dense(
        units,
        activation=activation,
        # SELU keeps mean and variance with this one only (Klambauer et al. 2017).
        kernel_initializer="lecun_normal" if activation == "selu" else "glorot_uniform",
        kernel_constraint=keras.constraints.UnitNorm(axis=axis) if unit_norm else None,
        kernel_regularizer=WeightsOrthogonality(axis=axis) if orthogonal else None,
    )

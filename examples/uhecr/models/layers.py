"""Layers and regularisers of the autoencoders.

The fourth means that the thesis names, weights of length one, is Keras' own
``keras.constraints.UnitNorm``; the noise is Keras' own ``Dropout`` on the input.
"""

import keras
from keras import ops


# Keeps the gradient of the square root finite where the penalty is zero.
SMALLEST_SQUARE = 1e-12


@keras.saving.register_keras_serializable("uhecr")
class WeightsOrthogonality(keras.regularizers.Regularizer):
    """Penalty ``weight * |W^T W - 1|``, with the Frobenius norm.

    It is zero when the columns of ``W`` (the components of the code) are orthonormal. That
    is out of reach where there are more columns than rows; the penalty then pulls towards
    the nearest there is. The thesis' listing 7.5 has another formula for a single column,
    ``w w - 1`` without a square, which has no minimum at length one; here one formula
    serves all sizes.

    Args:
        weight: Factor of the penalty, 0 or more.
        axis: 0: the columns are to be orthonormal; 1: the rows, for a decoder.
    """

    def __init__(self, weight=1.0, axis=0):
        self.weight = weight
        self.axis = axis

    def __call__(self, kernel):
        if self.axis == 1:
            kernel = ops.transpose(kernel)
        gram = ops.matmul(ops.transpose(kernel), kernel)
        excess = gram - ops.eye(kernel.shape[1], dtype=kernel.dtype)
        return self.weight * (ops.sum(ops.square(excess)) + SMALLEST_SQUARE) ** 0.5

    def get_config(self):
        return {"weight": self.weight, "axis": self.axis}


class DenseTied(keras.layers.Layer):
    """Dense layer that uses the weights of another one backwards: ``f(x W^T + b)``.

    The kernel is the other layer's own variable, so what is learnt here is learnt there,
    and gradients of both uses add up. Only the bias belongs to this layer.

    Args:
        tied_to: A ``keras.layers.Dense`` that has been built.
        activation: Name of the activation, or ``None`` for none.
    """

    def __init__(self, tied_to, activation=None, **options):
        super().__init__(**options)
        self.tied_to = tied_to
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        inputs, units = self.tied_to.kernel.shape
        if input_shape[-1] != units:
            raise ValueError(
                f"{self.name}: got inputs of {input_shape[-1]} values; "
                f"{self.tied_to.name} gives {units}"
            )
        self.bias = self.add_weight(shape=(inputs,), initializer="zeros", name="bias")

    def call(self, inputs):
        return self.activation(
            ops.matmul(inputs, ops.transpose(self.tied_to.kernel)) + self.bias
        )

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.tied_to.kernel.shape[0])

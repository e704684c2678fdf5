"""The networks of the application, against their definitions."""

from __future__ import annotations

import importlib
import itertools
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest


if TYPE_CHECKING:
    from collections.abc import Iterator

torch = pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

# Keras 3.15 reads its own variables in a way that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept"
)

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "uhecr"
NAMES = ("layers", "one_cycle", "autoencoders", "vae", "classify")


class Modules:
    """The example's modules, by their names."""

    def __init__(self) -> None:
        self.layers, self.one_cycle, self.autoencoders, self.vae, self.classify = (
            importlib.import_module(f"models.{name}") for name in NAMES
        )


@pytest.fixture(scope="module")
def models() -> Iterator[Any]:
    """Import the example as its scripts do, and forget it afterwards."""
    sys.path.insert(0, str(EXAMPLE))
    yield Modules()
    sys.path.remove(str(EXAMPLE))
    for name in [name for name in sys.modules if name.split(".")[0] == "models"]:
        del sys.modules[name]


def numbers(*shape: int, seed: int = 0) -> Any:
    """Return normal numbers in double precision."""
    return np.random.default_rng(seed).normal(size=shape)


def leaf(values: Any) -> Any:
    """Return a tensor whose gradient is asked for."""
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def differences(function: Any, at: Any, step: float = 1e-6) -> Any:
    """Return the gradient of a scalar function by central differences."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2 * step)
    return gradient


def dense(units: int, inputs: int, activation: str | None = None) -> Any:
    """Return a built layer whose weights are known."""
    layer = keras.layers.Dense(units, activation=activation)
    layer.build((None, inputs))
    layer.set_weights([numbers(inputs, units), numbers(units, seed=1)])
    return layer


def test_divergence_is_that_of_two_normal_distributions(models: Any) -> None:
    """The closed form agrees with PyTorch's own divergence."""
    mean, log_variance = numbers(5, 3), numbers(5, 3, seed=1)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(torch.tensor(mean), torch.tensor(np.exp(log_variance / 2))),
        normal(torch.tensor(0.0), torch.tensor(1.0)),
    ).sum(axis=-1)

    got = models.vae.divergence(torch.tensor(mean), torch.tensor(log_variance))

    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_divergence_is_the_average_of_log_ratios(models: Any) -> None:
    """Drawing from the code's distribution gives the divergence, within its noise."""
    mean, log_variance = torch.tensor([[0.7]]), torch.tensor([[-0.4]])
    noise = torch.tensor(numbers(400_000, 1, seed=3))
    normal = torch.distributions.Normal

    z = models.vae.reparameterise(mean, log_variance, noise)
    ratio = normal(0.7, math.exp(-0.2)).log_prob(z) - normal(0.0, 1.0).log_prob(z)

    expected = models.vae.divergence(mean, log_variance).item()
    assert ratio.mean().item() == pytest.approx(expected, abs=0.01)


def test_divergence_is_zero_for_the_prior_only(models: Any) -> None:
    """A standard normal code costs nothing, any other something."""
    zero, other = torch.zeros(1, 2), torch.full((1, 2), 0.1)

    assert models.vae.divergence(zero, zero).item() == 0
    assert models.vae.divergence(other, zero).item() > 0
    assert models.vae.divergence(zero, other).item() > 0


def test_reparameterised_draws_have_mean_and_variance_of_the_code(models: Any) -> None:
    """The logarithm is that of the variance, not of the standard deviation."""
    noise = torch.tensor(numbers(200_000, 1, seed=2))

    z = models.vae.reparameterise(torch.tensor([[2.0]]), torch.tensor([[1.5]]), noise)

    assert z.mean().item() == pytest.approx(2.0, abs=0.02)
    assert z.var().item() == pytest.approx(math.exp(1.5), rel=0.02)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_loss_of_a_known_row(models: Any, beta: float) -> None:
    """Squares are summed over the features, and both terms averaged over the rows."""
    x = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    reconstruction = torch.tensor([[0.0, 0.0], [0.5, 0.0]])
    mean, log_variance = torch.tensor([[1.0], [0.0]]), torch.zeros(2, 1)

    got = models.vae.loss(x, reconstruction, mean, log_variance, beta)

    assert got.item() == pytest.approx((1.0 + 0.25) / 2 + beta * 0.5 / 2)


def test_gradients_of_the_loss_are_those_of_finite_differences(models: Any) -> None:
    """Mean and variance learn through the draw as well as through the divergence."""
    x, noise = torch.tensor(numbers(4, 3)), torch.tensor(numbers(4, 2, seed=5))
    weights = torch.tensor(numbers(2, 3, seed=6))
    start = numbers(2, 4, 2, seed=7) / 3

    def loss(code: Any) -> Any:
        mean, log_variance = code
        z = models.vae.reparameterise(mean, log_variance, noise)
        reconstruction = torch.sigmoid(z @ weights)
        return models.vae.loss(x, reconstruction, mean, log_variance)

    code = leaf(start)
    loss(code).backward()

    # Keras' mean is in single precision, which small steps drown in.
    numeric = differences(lambda at: loss(torch.tensor(at)).item(), start, step=1e-2)
    np.testing.assert_allclose(code.grad, numeric, atol=1e-4)


def test_variational_network_draws_in_training_only(models: Any) -> None:
    """What classifies is no game of chance; what is trained is."""
    network = models.vae.VariationalAutoencoder(9, 5, 2)
    x = numbers(6, 9).astype("float32")

    calm = [network(x).detach().numpy() for _ in range(2)]
    drawn = [network(x, training=True).detach().numpy() for _ in range(2)]

    np.testing.assert_array_equal(*calm)
    assert not np.array_equal(*drawn)


def test_variational_network_is_trained_with_the_loss(models: Any) -> None:
    """The one loss that Keras sees is the definition, for the draw that was made."""
    network = models.vae.VariationalAutoencoder(9, 5, 2, beta=0.5)
    x = torch.tensor(numbers(6, 9).astype("float32"))

    reconstruction = network(x, training=True)

    hidden = network.encoder(x)
    expected = models.vae.loss(
        x, reconstruction, network.mean(hidden), network.log_variance(hidden), 0.5
    )
    (got,) = network.losses
    assert got.item() == pytest.approx(expected.item(), rel=1e-6)


def test_variational_network_has_all_its_weights_at_once(models: Any) -> None:
    """Five layers with kernel and bias each, before anything is trained."""
    network = models.vae.VariationalAutoencoder(9, 5, 2)

    shapes = [weight.shape for weight in network.trainable_variables]

    assert shapes == [
        (9, 5), (5,), (5, 2), (2,), (5, 2), (2,), (2, 5), (5,), (5, 9), (9,),
    ]  # fmt: skip


def test_tied_layer_uses_the_weights_backwards(models: Any) -> None:
    """It computes the activation of ``x W^T + b``."""
    encoder = dense(3, 4)
    tied = models.layers.DenseTied(encoder, "sigmoid")
    x = numbers(5, 3, seed=2).astype("float32")
    tied.build((None, 3))
    tied.bias.assign(np.array([0.1, 0.2, 0.3, 0.4]))

    got = tied(x).detach().numpy()

    kernel = encoder.get_weights()[0]
    raw = x @ kernel.T + np.array([0.1, 0.2, 0.3, 0.4], dtype="float32")
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-raw)), rtol=1e-5)


def test_tied_layer_follows_the_other(models: Any) -> None:
    """There is one kernel: to change it in one place is to change it in both."""
    encoder = dense(3, 4)
    tied = models.layers.DenseTied(encoder)
    x = np.eye(3, dtype="float32")
    tied(x)

    encoder.kernel.assign(encoder.kernel * 2)

    np.testing.assert_array_equal(tied(x).detach().numpy(), encoder.get_weights()[0].T)


def test_tied_weights_learn_from_both_uses(models: Any) -> None:
    """The gradient is the sum of that of the encoder and that of the decoder."""
    encoder = dense(2, 3)
    tied = models.layers.DenseTied(encoder)
    x = torch.tensor(numbers(4, 3, seed=4), dtype=torch.float32)

    (tied(encoder(x)) ** 2).sum().backward()

    kernel, bias = encoder.get_weights()
    there, back = leaf(kernel), leaf(kernel)
    ((x.double() @ there + torch.tensor(bias)) @ back.T).pow(2).sum().backward()
    assert there.grad.abs().min() > 0
    assert back.grad.abs().min() > 0
    np.testing.assert_allclose(
        encoder.kernel.value.grad, there.grad + back.grad, rtol=1e-4
    )


def test_tied_layer_refuses_what_does_not_fit(models: Any) -> None:
    """Inputs must be as many as the other layer's outputs."""
    with pytest.raises(ValueError, match=r"got inputs of 5 values; dense\S* gives 3"):
        models.layers.DenseTied(dense(3, 4))(np.zeros((1, 5), dtype="float32"))


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("dims", [4, [5, 3], [5, 4, 2]], ids=["one", "two", "three"])
def test_autoencoders_are_symmetric(models: Any, tied: bool, dims: Any) -> None:
    """Tied ones have the encoder's kernels, and a bias for every layer of the decoder."""
    network = models.autoencoders.build(9, dims, tied_weights=tied)
    encoder = [dims] if isinstance(dims, int) else dims
    widths = [9, *encoder]
    there = list(itertools.pairwise(widths))
    back = [] if tied else [(b, a) for a, b in reversed(there)]

    shapes = [tuple(weight.shape) for weight in network.trainable_variables]

    assert [shape for shape in shapes if len(shape) == 2] == there + back
    assert sum(len(shape) == 1 for shape in shapes) == 2 * len(encoder)
    assert network(np.zeros((3, 9), dtype="float32")).shape == (3, 9)


def test_autoencoders_end_between_zero_and_one(models: Any) -> None:
    """The last activation is a sigmoid, as the features are scaled to that range."""
    network = models.autoencoders.build(9, [5, 3], tied_weights=True)

    got = network(100 * numbers(50, 9).astype("float32")).detach().numpy()

    assert got.min() >= 0
    assert got.max() <= 1
    assert got.max() > 0.9


def test_noise_is_there_in_training_only(models: Any) -> None:
    """The share ``ps`` of the features is hidden from the encoder while it learns."""
    network = models.autoencoders.build(9, 4, ps=0.3)
    noise = network.layers[1]

    hidden = noise(np.ones((4000, 9), dtype="float32"), training=True)

    assert (hidden == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    x = np.ones((2, 9), dtype="float32")
    np.testing.assert_array_equal(noise(x, training=False).detach().numpy(), x)


def test_unit_norm_holds_after_every_step(models: Any) -> None:
    """Each neuron's weights have length one, and training does not lengthen them."""
    network = models.autoencoders.build(9, [6, 3], unit_norm_constraint=True)
    network.compile(keras.optimizers.SGD(0.5), loss="mse", jit_compile=False)
    x = np.random.default_rng(0).random((64, 9), dtype="float32")

    network.fit(x, x, batch_size=16, epochs=2, verbose=0)

    kernels = [layer.kernel for layer in network.layers if hasattr(layer, "kernel")]
    for kernel, axis in zip(kernels, [0, 0, 1, 1], strict=True):
        lengths = np.linalg.norm(kernel.value.detach().numpy(), axis=axis)
        np.testing.assert_allclose(lengths, 1, rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_orthogonality_penalty_is_the_frobenius_norm(models: Any, axis: int) -> None:
    """It is the distance of the Gram matrix from the identity, times the weight."""
    kernel = numbers(5, 3)
    columns = kernel if axis == 0 else kernel.T
    expected = 0.7 * np.linalg.norm(columns.T @ columns - np.eye(columns.shape[1]))

    penalty = models.layers.WeightsOrthogonality(0.7, axis)(torch.tensor(kernel))

    assert penalty.item() == pytest.approx(expected, rel=1e-6)


def test_orthonormal_weights_cost_nothing(models: Any) -> None:
    """The penalty vanishes there, and its gradient is a number."""
    basis, _ = np.linalg.qr(numbers(6, 4))
    kernel = leaf(basis)

    penalty = models.layers.WeightsOrthogonality()(kernel)
    penalty.backward()

    assert penalty.item() == pytest.approx(0, abs=1e-5)
    assert torch.isfinite(kernel.grad).all()


def test_one_column_is_pulled_to_length_one(models: Any) -> None:
    """A code of one number is treated like any other: too short costs, too."""
    penalty = models.layers.WeightsOrthogonality()

    short, right, long = (
        penalty(torch.tensor([[0.6 * factor], [0.8 * factor]])).item()
        for factor in (0.5, 1, 2)
    )

    assert right == pytest.approx(0, abs=1e-5)
    assert (short, long) == pytest.approx((0.75, 3.0))


def test_gradient_of_the_penalty_is_that_of_finite_differences(models: Any) -> None:
    """What the optimiser follows is the slope of the definition."""
    penalty = models.layers.WeightsOrthogonality(0.5)
    start = numbers(4, 3)
    kernel = leaf(start)

    penalty(kernel).backward()

    numeric = differences(lambda at: penalty(torch.tensor(at)).item(), start, step=1e-2)
    np.testing.assert_allclose(kernel.grad, numeric, atol=1e-3)


def test_penalty_is_counted_once_where_weights_are_tied(models: Any) -> None:
    """The decoder has no kernel of its own to pay for."""
    tied = models.autoencoders.build(
        9, [5, 3], tied_weights=True, weight_orthogonality=True
    )
    free = models.autoencoders.build(9, [5, 3], weight_orthogonality=True)

    assert (len(tied.losses), len(free.losses)) == (2, 4)


@pytest.mark.parametrize(("steps", "peak_at"), [(100, 0.3), (37, 0.5), (1000, 0.1)])
def test_one_cycle_is_that_of_pytorch(models: Any, steps: int, peak_at: float) -> None:
    """Every rate of the cycle is the one of ``torch.optim.lr_scheduler.OneCycleLR``."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    other = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=0.4, total_steps=steps, pct_start=peak_at
    )
    expected = []
    for _ in range(steps):
        expected.append(other.get_last_lr()[0])
        optimiser.step()
        if len(expected) < steps:
            other.step()

    schedule = models.one_cycle.OneCycle(0.4, steps, peak_at)

    got = [float(schedule(step)) for step in range(steps)]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)


def test_one_cycle_begins_peaks_and_ends_as_said(models: Any) -> None:
    """A 25th of the maximum, the maximum, and a 10,000th of the first."""
    schedule = models.one_cycle.OneCycle(1.0, 101, 0.5, 25, 1e4)
    rates = [float(schedule(step)) for step in range(101)]

    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == pytest.approx(1.0, rel=1e-3)
    assert rates.index(max(rates)) in {49, 50}
    assert rates[-1] == pytest.approx(4e-6, rel=0.1)
    assert rates[:50] == sorted(rates[:50])
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert float(schedule(500)) == pytest.approx(rates[-1])


@pytest.mark.parametrize(
    ("maximum", "steps", "peak_at"), [(0.1, 1, 0.3), (0.1, 9, 1.0), (0, 9, 0.3)]
)
def test_one_cycle_refuses_what_is_no_cycle(
    models: Any, maximum: float, steps: int, peak_at: float
) -> None:
    """It says what must hold."""
    with pytest.raises(ValueError, match=r"steps >= 2 and 0 < peak_at < 1 must hold"):
        models.one_cycle.OneCycle(maximum, steps, peak_at)


def test_optimiser_follows_the_cycle(models: Any) -> None:
    """After the last step the rate is the last of the cycle."""
    network = models.autoencoders.build(3, 2)
    schedule = models.one_cycle.OneCycle(0.1, 8)
    network.compile(keras.optimizers.SGD(schedule), loss="mse", jit_compile=False)
    x = np.zeros((32, 3), dtype="float32")

    network.fit(x, x, batch_size=8, epochs=2, verbose=0)

    assert int(network.optimizer.iterations) == 8
    assert float(network.optimizer.learning_rate) == pytest.approx(float(schedule(8)))


def test_reconstruction_errors_are_means_of_squares(models: Any) -> None:
    """A column for each model, a row for each row, however they are cut into batches."""
    x = numbers(10, 4)

    errors = models.classify.reconstruction_errors(
        [lambda rows: rows + 0.5, lambda rows: rows * 0], x, batch=3
    )

    np.testing.assert_allclose(errors[:, 0], 0.25)
    np.testing.assert_allclose(errors[:, 1], (x**2).mean(1))


def test_the_smallest_error_names_the_class(models: Any) -> None:
    """Of equal errors the first counts, and what is no number never wins."""
    errors = np.array(
        [[0.3, 0.1, 0.2], [0.2, 0.2, 0.2], [np.nan, 0.5, 0.4], [np.nan, np.inf, 9.0]]
    )

    assert models.classify.smallest(errors).tolist() == [1, 0, 2, 2]

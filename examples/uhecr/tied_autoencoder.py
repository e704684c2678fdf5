"""The thesis' autoencoder of version 1 in plain NumPy: one for each class, trained at once.

9 - 10 - 9 with SELU inside, sigmoid outside, tied weights, dropout as noise, Adam with a rate
of 0.001 and batches of 128. Small networks spend their time between the numbers, and all
classes in one array share it; the networks of the study are in `models`.
"""

import numpy as np


CODE = 10
NOISE = 0.031  # share of inputs that are dropped
RATE, FIRST_DECAY, SECOND_DECAY, TINY = 0.001, 0.9, 0.999, 1e-7  # Adam
BATCH = 128

# Self-normalising units: G. Klambauer et al., NeurIPS 2017, arXiv:1706.02515.
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


def train(sets, epochs, seed):
    """Return the weights of one autoencoder for each set.

    Args:
        sets: Rows of each class, scaled to 0 to 1; all are cut to the shortest.
        epochs: How often each row is seen.
        seed: Of start, noise and order.
    """
    rng = np.random.default_rng(seed)
    rows = min(map(len, sets))
    x = np.stack([rng.permutation(each)[:rows] for each in sets]).astype(np.float32)
    classes, _, width = x.shape
    start = rng.normal(0, width**-0.5, (classes, width, CODE))
    weights = [
        start.astype(np.float32),
        np.zeros((classes, 1, CODE), np.float32),
        np.zeros((classes, 1, width), np.float32),
    ]
    means = [np.zeros_like(each) for each in weights]
    squares = [np.zeros_like(each) for each in weights]
    step = 0
    for _ in range(epochs):
        order = rng.permutation(rows)
        for first in range(0, rows, BATCH):
            batch = x[:, order[first : first + BATCH]]
            kept = rng.random(batch.shape, np.float32) >= NOISE
            step += 1
            slopes = gradients(weights, batch * kept / np.float32(1 - NOISE), batch)
            _adam(weights, slopes, means, squares, step)
    return weights


def reconstruct(weights, x):
    """Return what each autoencoder makes of rows: (classes, rows, features).

    Args:
        weights: Of ``train``.
        x: (rows, features), or (classes, rows, features) if each is to see its own.
    """
    _, _, made = _forward(weights, np.asarray(x, dtype=np.float32))
    return made


def gradients(weights, noisy, target):
    """Return how the mean squared error of each class changes with its weights."""
    matrix, _, _ = weights
    z, code, made = _forward(weights, noisy)
    out = 2 * (made - target) * made * (1 - made) / (target.shape[1] * target.shape[2])
    back = (out @ matrix) * np.where(z > 0, SCALE, code + SCALE * ALPHA)
    tied = noisy.swapaxes(1, 2) @ back + out.swapaxes(1, 2) @ code
    return [tied, back.sum(1, keepdims=True), out.sum(1, keepdims=True)]


def _forward(weights, x):
    matrix, code_bias, bias = weights
    z = x @ matrix + code_bias
    code = SCALE * np.where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0)))
    made = 1 / (1 + np.exp(-(code @ matrix.swapaxes(1, 2) + bias)))
    return z, code, made


def _adam(weights, slopes, means, squares, step):
    """Change the weights in place: D. Kingma, J. Ba, arXiv:1412.6980."""
    rate = RATE * (1 - SECOND_DECAY**step) ** 0.5 / (1 - FIRST_DECAY**step)
    for weight, slope, mean, square in zip(
        weights, slopes, means, squares, strict=True
    ):
        mean += (1 - FIRST_DECAY) * (slope - mean)
        square += (1 - SECOND_DECAY) * (slope**2 - square)
        weight -= np.float32(rate) * mean / (np.sqrt(square) + TINY)

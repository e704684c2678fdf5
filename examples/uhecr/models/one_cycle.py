"""The learning rate of one cycle: up to a maximum, and further down than it began.

L. N. Smith, "A disciplined approach to neural network hyper-parameters: part 1", 2018,
arXiv:1803.09820; with cosines for the two slopes, and the defaults of PyTorch's and fastai's
schedules of that name. The momentum, which Smith cycles the other way round, stays constant.
"""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("uhecr")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate at each step (batch) of a training whose length is known.

    Args:
        maximum: Learning rate at the peak, above 0.
        steps: Steps of the whole training, 2 or more; later ones keep the last rate.
        peak_at: Share of the steps until the peak, between 0 and 1.
        start_divisor: The first rate is ``maximum / start_divisor``.
        end_divisor: The last rate is the first one divided by this.
    """

    def __init__(
        self, maximum, steps, peak_at=0.3, start_divisor=25.0, end_divisor=1e4
    ):
        if steps < 2 or not 0 < peak_at < 1 or maximum <= 0:
            raise ValueError(
                f"got {maximum=}, {steps=}, {peak_at=}; "
                "maximum > 0, steps >= 2 and 0 < peak_at < 1 must hold"
            )
        self.maximum = maximum
        self.steps = steps
        self.peak_at = peak_at
        self.start_divisor = start_divisor
        self.end_divisor = end_divisor

    def __call__(self, step):
        first = self.maximum / self.start_divisor
        last = first / self.end_divisor
        # Counted from 0 to steps - 1; the peak need not be at a whole step.
        peak = max(self.peak_at * self.steps - 1, 1e-9)
        step = ops.cast(step, "float32")
        up = ops.clip(step / peak, 0.0, 1.0)
        down = ops.clip((step - peak) / (self.steps - 1 - peak), 0.0, 1.0)
        rising = _slope(first, self.maximum, up)
        falling = _slope(self.maximum, last, down)
        return ops.where(step <= peak, rising, falling)

    def get_config(self):
        return {
            "maximum": self.maximum,
            "steps": self.steps,
            "peak_at": self.peak_at,
            "start_divisor": self.start_divisor,
            "end_divisor": self.end_divisor,
        }


def _slope(start, end, share):
    """Half a cosine from ``start`` (share 0) to ``end`` (share 1)."""
    return end + (start - end) / 2 * (1 + ops.cos(math.pi * share))

"""Nine numbers that describe a station, as the thesis defines them (its section 7.1)."""

from dataclasses import dataclass

import numpy as np

from showers.traces import BIN, CHARGE_COUNTS, PEAK_COUNTS


# In units of the peak of a vertical muon. Thresholds of the Auger triggers, from memory:
# one high bin (T1), or 13 bins of 120 over a low one (time over threshold).
IN_WINDOW = 0.1
HIGH = 1.75
LOW, LOW_BINS, LOW_WITHIN = 0.2, 13, 120
SMALLEST_SIGNAL = 5.0  # VEM


@dataclass(frozen=True)
class Shape:
    """What is read off traces; one entry a trace in each array.

    Attributes:
        signal: Sum in the window, VEM.
        first: First bin of the window.
        length: Bins of the window.
        rise: ns from 10 to 50 % of the signal.
        fall: ns from 50 to 90 % of the signal.
        area_over_peak: Bins.
        triggered: Whether Auger's station would have triggered, with at least 5 VEM.
    """

    signal: np.ndarray
    first: np.ndarray
    length: np.ndarray
    rise: np.ndarray
    fall: np.ndarray
    area_over_peak: np.ndarray
    triggered: np.ndarray


def read_off(traces):
    """Return the shape of traces, (n, bins) in VEM of charge a bin."""
    peaks = traces * np.float32(CHARGE_COUNTS / PEAK_COUNTS)
    first, last, found = window(peaks)
    number = np.arange(traces.shape[1])
    inside = (number >= first[:, None]) & (number <= last[:, None])
    kept = np.where(inside, traces, np.float32(0))
    signal = kept.sum(axis=1, dtype=np.float64)
    t10, t50, t90 = quantile_times(kept, (0.1, 0.5, 0.9))
    return Shape(
        signal=signal,
        first=first,
        length=last - first + 1,
        rise=t50 - t10,
        fall=t90 - t50,
        area_over_peak=signal / np.maximum(kept.max(axis=1), 1e-9),
        triggered=found & has_triggered(peaks) & (signal > SMALLEST_SIGNAL),
    )


def window(peaks):
    """Return first and last bin of the signal, and whether there is any.

    A bin belongs to it if it is above threshold and one of the next two, or of the two
    before, is so too: what noise does alone is left out.
    """
    over = np.pad(peaks > IN_WINDOW, ((0, 0), (2, 2)))
    near = over[:, :-4] | over[:, 1:-3] | over[:, 3:-1] | over[:, 4:]
    steady = over[:, 2:-2] & near
    first = steady.argmax(axis=1)
    last = steady.shape[1] - 1 - steady[:, ::-1].argmax(axis=1)
    return first, last, steady.any(axis=1)


def has_triggered(peaks):
    """Return whether single-station triggers fire: a high bin, or many low ones."""
    low = np.cumsum(peaks > LOW, axis=1, dtype=np.int16)
    low = np.pad(low, ((0, 0), (1, 0)))
    within = (low[:, LOW_WITHIN:] - low[:, :-LOW_WITHIN]).max(axis=1)
    return (within >= LOW_BINS) | (peaks.max(axis=1) > HIGH)


def quantile_times(traces, quantiles):
    """Return when parts of the signal have come, ns from the first bin's start.

    The running sum is interpolated within bins; negative bins (pedestal) count as 0.
    """
    running = np.cumsum(np.maximum(traces, 0), axis=1, dtype=np.float64)
    total = np.maximum(running[:, -1], 1e-9)
    rows = np.arange(len(traces))
    times = []
    for quantile in quantiles:
        wanted = quantile * total
        at = np.argmax(running >= wanted[:, None], axis=1)
        after = running[rows, at]
        before = np.where(at > 0, running[rows, at - 1], 0.0)
        part = (wanted - before) / np.maximum(after - before, 1e-9)
        times.append(BIN * (at + part))
    return times

"""What a water-Cherenkov tank makes of the particles: traces of 400 bins of 25 ns.

Single muons and small portions of electromagnetic charge arrive at their times, the light
in the water decays, three photomultipliers see it, and an analogue-to-digital converter
counts. The tank is Auger's: 3.6 m wide, 1.2 m of water. Constants of electronics are from
memory of the Auger detector papers (decay, photoelectrons, counts a VEM, ratio of the
gains); they were not looked up.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from showers.arrival import draw_muon_times, muon_delays
from showers.signals import em_signal, muon_signal


BINS, BIN = 400, 25.0  # number, ns
START = 20  # bin of the first muons

RADIUS, WATER = 1.8, 1.2  # m
MUON_HALO = 0.17  # electrons around muons, of their charge (universality; from memory)

# Portions of electromagnetic charge: their mean gives fluctuations of the signal of 0.77,
# 0.84 and 1.22 sqrt(S) at 0, 38 and 60 degrees. Auger has 0.32 + 0.42 sec(zenith), from memory.
EM_PORTION = 0.12  # VEM
# Electromagnetic arrival times are log-normal, tied to the muons' mean delay. Such traces:
# M. Erdmann, J. Glombitza, D. Walz, Astropart. Phys. 97 (2018) 46; constants are choices that
# give rise times of some hundred ns at 1000 m.
EM_MEDIAN, EM_DELAYS, EM_OFFSET, EM_SPREAD = 60.0, 1.35, 0.10, 0.70  # ns, 1, 1, 1

DECAY = 62.0  # ns, of the light in the water
PHOTOELECTRONS = 94.0  # a VEM, in each photomultiplier
GAIN_SPREAD = 0.03
CHARGE_COUNTS, PEAK_COUNTS = 165.0, 50.0  # of a VEM: in total, and in its highest bin
PEDESTAL_SPREAD = 0.7  # counts
FULL_SCALE, GAIN_RATIO = 973.0, 32.0  # counts above the pedestal; of high and low gain


@dataclass(frozen=True)
class Traces:
    """Traces of stations, and what they were made of.

    Attributes:
        signal: Mean of three photomultipliers, VEM of charge in each bin: (n, 400).
        saturated: Whether the low gain was not low enough.
        muon_charge: Of muons and their halo, VEM.
        em_charge: Of the other electromagnetic particles, VEM.
        muons: Number of muons in the tank.
    """

    signal: np.ndarray
    saturated: np.ndarray
    muon_charge: np.ndarray
    em_charge: np.ndarray
    muons: np.ndarray


def muon_track(zenith):
    """Return the mean track of a muon in the tank over that of a vertical one.

    Volume over projected area of a cylinder; zenith in rad.
    """
    top = np.pi * RADIUS**2
    return top / (top * np.cos(zenith) + 2 * RADIUS * WATER * np.sin(zenith))


def simulate(rng, showers, stations):
    """Return the traces at stations; ``showers`` has one entry a station."""
    delays = muon_delays(showers, stations)
    light, muon_charge, muons = _muons(rng, showers, stations, delays)
    em_light, em_charge = _electromagnetic(rng, showers, stations, delays)
    light += em_light
    signal, saturated = _digitise(rng, _decayed(light))
    return Traces(signal, saturated, muon_charge, em_charge, muons)


def _muons(rng, showers, stations, delays):
    """Return charge in bins, in total, and the number of muons."""
    track = muon_track(showers.zenith)
    muons = rng.poisson(muon_signal(showers, stations) / track)
    row = np.repeat(np.arange(len(stations)), muons)
    time = draw_muon_times(rng, delays, row)
    # Inclined muons have tracks of more unequal lengths.
    shape = (0.15 + 0.25 * np.sin(showers.zenith)) ** -2
    charge = rng.standard_gamma(shape[row]) / shape[row]
    charge += MUON_HALO * rng.standard_exponential(len(row))
    charge *= track[row]
    total = np.bincount(row, charge, len(stations))
    return _binned(row, time, charge, len(stations)), total, muons


def _electromagnetic(rng, showers, stations, delays):
    """Return charge in bins, and in total."""
    portions = rng.poisson(em_signal(showers, stations) / EM_PORTION)
    row = np.repeat(np.arange(len(stations)), portions)
    delay = np.maximum(delays.mean, 20.0)
    median = EM_MEDIAN + EM_DELAYS * delay
    time = np.exp(EM_SPREAD * rng.standard_normal(len(row), np.float32))
    time *= median.astype(np.float32)[row]
    time += (EM_OFFSET * delay).astype(np.float32)[row]
    charge = rng.standard_exponential(len(row), np.float32)
    charge *= EM_PORTION
    total = np.bincount(row, charge, len(stations))
    return _binned(row, time, charge, len(stations)), total


def _binned(row, time, charge, stations):
    """Return the sum of charges in each bin of each station; what is too late is lost."""
    bin_number = np.floor(time / BIN).astype(np.int64) + START
    seen = (bin_number >= 0) & (bin_number < BINS)
    place = row[seen] * BINS + bin_number[seen]
    return np.bincount(place, charge[seen], stations * BINS).reshape(stations, BINS)


def _decayed(light):
    """Spread each bin's light over the following ones: exponential decay, nothing lost.

    Within a bin light comes evenly, so half of it belongs to the next.
    """
    kept = np.exp(-BIN / DECAY)
    return lfilter([(1 - kept) / 2, (1 - kept) / 2], [1.0, -kept], light, axis=1)


def _digitise(rng, light):
    """Return the mean of three photomultipliers in VEM of charge, and what saturates.

    Photoelectrons and pedestal fluctuate independently, so one normal variable has both.
    Where the high gain is full, the whole trace comes from the low gain.
    """
    light = light.astype(np.float32)
    variance = light * np.float32(CHARGE_COUNTS**2 / PHOTOELECTRONS)
    noise = np.sqrt(variance + np.float32(PEDESTAL_SPREAD**2))
    mean = np.zeros_like(light)
    saturated = np.zeros(len(light), dtype=bool)
    for _ in range(3):
        gain = rng.normal(CHARGE_COUNTS, CHARGE_COUNTS * GAIN_SPREAD, (len(light), 1))
        counts = rng.standard_normal(light.shape, np.float32)
        counts *= noise
        counts += light * gain.astype(np.float32)
        full = (counts > FULL_SCALE).any(axis=1)
        np.rint(counts, out=counts)
        if full.any():
            low = np.rint(counts[full] / GAIN_RATIO)
            saturated[full] |= (low > FULL_SCALE).any(axis=1)
            counts[full] = np.minimum(low, FULL_SCALE) * GAIN_RATIO
        mean += counts
    mean /= 3 * CHARGE_COUNTS
    return mean, saturated

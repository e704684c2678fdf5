"""How much air lies above a height: the U.S. standard atmosphere in Linsley's fit.

Between two heights the depth is a + b exp(-h/c). Source: CORSIKA user's guide, table of the
U.S. standard atmosphere (constants from memory; the depth at sea level, 1036.1 g/cm2, is
right). Valid from 0 to 100 km. The Earth is flat here: a slant depth is the vertical depth
over cos(zenith), good to about 1 % up to 60 degrees.
"""

import numpy as np


GROUND = 1425.0  # m above sea level: mean height of the Auger array
AIR_AT_GROUND = 0.106  # g/cm2 a metre, that is 1.06 kg/m3

FLOORS = np.array([0.0, 4e3, 10e3, 40e3])  # m, lower edge of each layer
A = np.array([-186.555305, -94.919, 0.61289, 0.0])  # g/cm2
B = np.array([1222.6562, 1144.9069, 1305.5948, 540.1778])  # g/cm2
C = np.array([994186.38, 878153.55, 636143.04, 772170.16]) / 100  # m
TOP = 100e3


def depth(height):
    """Return the vertical depth, in g/cm2, at heights in m above sea level (0 to 100 km)."""
    layer = np.searchsorted(FLOORS, height, side="right") - 1
    layer = np.clip(layer, 0, len(FLOORS) - 1)
    return A[layer] + B[layer] * np.exp(-np.asarray(height) / C[layer])


FLOOR_DEPTHS = depth(FLOORS)  # falling
TOP_DEPTH = float(depth(TOP))


def height(vertical_depth):
    """Return the height, in m, that has this vertical depth, in g/cm2, above it.

    The inverse of ``depth``. Less air than at 100 km counts as 100 km.
    """
    x = np.maximum(vertical_depth, TOP_DEPTH)
    layer = np.searchsorted(-FLOOR_DEPTHS, -x, side="right") - 1
    layer = np.clip(layer, 0, len(FLOORS) - 1)
    return -C[layer] * np.log((x - A[layer]) / B[layer])

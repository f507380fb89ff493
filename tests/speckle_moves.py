"""Ways in which tissue moves, and what the exact model says of speckle, for tests of statistics."""

from functools import cache

import numpy as np

from tas_lib.simulator import Acquisition
from tas_lib.simulator.statistics import exact_autocorrelation

ACQ = Acquisition()
FOCUS = ACQ.transmit.distance
DEPTHS = [30e-3, 45e-3, 60e-3, 90e-3, 130e-3]


@cache
def of_the_exact_model(acq, r):
    return exact_autocorrelation(acq, r, 8)


def along(d):
    """Scatterers move d away from the array on their own rays."""
    return lambda x, z: ((1 + d / np.hypot(x, z)) * x, (1 + d / np.hypot(x, z)) * z)


def turned(angle):
    return lambda x, z: (
        x * np.cos(angle) + z * np.sin(angle),
        z * np.cos(angle) - x * np.sin(angle),
    )


def aside(d):
    return lambda x, z: (x + d, z)


def squared_envelopes(a, b):
    return np.corrcoef(np.abs(a).ravel() ** 2, np.abs(b).ravel() ** 2)[0, 1]

"""How little a tracker could err: the Cramer-Rao bound of displacement between two windows.

Of Gaussian signals of correlation rho, in noise, so coherent to gamma = rho / (1 + SNR^-2), in a
flat band from f_1 to f_2, seen over a length L, n times independently:

    SD >= sqrt(3 / (8 pi^2 n L (f_2^3 - f_1^3)) (1 / gamma^2 - 1))

With f = f_0 (1 -+ B / 2), L = T and n = 1 that is Walker and Trahey's jitter of a delay in RF data,

    sqrt(3 / (2 f_0^3 pi^2 T (B^3 + 12 B)) (1 / rho^2 (1 + 1 / SNR^2)^2 - 1))

(1995, DOI 10.1109/58.365243; axial). It is the bound on delays by coherence (Knapp and Carter 1976,
DOI 10.1109/TASSP.1976.1162830), so it also holds along any other axis and for other bands. Grey
levels, which trackers see, have lost the carrier: their band begins at 0 and ends where their
speckle's size says (`bandwidth`). That, and n, are ours: Walker and Trahey treat detected data and
two dimensions in another paper (1994, DOI 10.1109/58.308499), which we could not read.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import ellipe

from tas_lib.errors import InputError
from tas_lib.speckle import Window

HALF = brentq(lambda x: np.sinc(x) - 0.5, 0.1, 1)  # of a flat band's autocorrelation: 0.603


def least_error(
    correlation: np.ndarray,
    length: float,
    low: float,
    high: float,
    snr: float = np.inf,
    looks: float = 1.0,
) -> np.ndarray:
    """The bound above: SD of displacement, as correlation's shape, in the unit of length.

    correlation: rho in (0, 1], without noise, or, with snr = inf, as measured with it; low, high:
    f_1, f_2 [1 / unit of length]; snr: of amplitudes; looks: n. Raises InputError.
    """
    coherence = np.asarray(correlation, float) / (1 + snr**-2.0)
    if not ((coherence > 0) & (coherence <= 1)).all():
        raise InputError("limits", "correlation", "is not in (0, 1]", "leave such points out")
    if not (0 <= low < high and length > 0 and looks > 0 and snr > 0):
        problem = f"are {length}, {low} to {high}, {looks}, {snr}"
        remedy = "give positive numbers, low below high"
        raise InputError("limits", "length, band, looks, snr", problem, remedy)
    spread = 3 / (8 * np.pi**2 * looks * length * (high**3 - low**3))
    return np.sqrt(spread * (coherence**-2 - 1))


def bandwidth(width: float) -> float:
    """Where a flat band from 0 ends [1/m] if its autocorrelation is `width` [m] wide at half."""
    return HALF / width


def least_distance(correlation: np.ndarray, axial: float, lateral: float) -> np.ndarray:
    """Mean distance [m] by which a point is missed at least, found by comparing grey levels.

    correlation: of the speckle around it, as measured; axial, lateral: sizes of the speckle [m]
    (`speckle.speckle_size`). Errors along the two axes are normal and independent, with the SD of
    `least_error` for one window; along one of them the other gives as many looks as its band
    resolves. A tracker that uses more than one window, as neighbours or other frames, may do
    better. Raises InputError.
    """
    length = Window().size
    ends = [bandwidth(width) for width in (axial, lateral)]
    along = [
        least_error(correlation, length, 0.0, end, looks=max(1.0, 2 * length * other))
        for end, other in zip(ends, ends[::-1], strict=True)
    ]
    small, large = np.sort(along, axis=0)
    ratio = np.divide(small, large, out=np.ones_like(large), where=large > 0)
    return np.sqrt(2 / np.pi) * large * ellipe(1 - ratio**2)

"""From beamformed I/Q to the picture on the screen: log compression and scan conversion."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from tas_lib.simulator.acquisition import Acquisition


def compress(envelope: np.ndarray, white: float, gamma: float, dynamic_range: float) -> np.ndarray:
    """Grey levels in [0, 1]: log compression, then the grey map that undoes Eq. (1).

    The level L = 1 + 20 log10(envelope / white) / D, D the dynamic range [dB], is cut to [0, 1] and
    shown as V = 10^((L - 1) D / (20 gamma)), black where L is 0. So V^gamma is the envelope again,
    and tissue whose backscatter was read off a picture by BSC = V^gamma eps comes out as bright as
    it was there. (A straight grey map, V = L, flattens bright tissue and blackens dark.)
    """
    floor = 10 ** (-dynamic_range / 20)
    relative = np.clip(envelope / white, floor, 1)
    return np.where(relative > floor, relative ** (1 / gamma), 0)


class ScanConverter:
    """Polar samples (depth, line) of an acquisition to a Cartesian pixel grid.

    A pixel is the mean of bilinear samples all over its area, so that speckle finer than a pixel is
    averaged, as a screen does, rather than aliased. One sparse matrix product a frame.
    """

    def __init__(self, acq: Acquisition, z: np.ndarray, x: np.ndarray):
        """z (z,), x (x,): uniform pixel coordinates [m], origin at the sector's apex."""
        zz, xx = np.meshgrid(z, x, indexing="ij")
        n = int(np.ceil((z[1] - z[0]) / acq.range_step))
        shifts = (np.arange(n) + 0.5) / n - 0.5
        pixel, sample, weight = [], [], []
        for dz in shifts * (z[1] - z[0]):
            for dx in shifts * (x[1] - x[0]):
                row = (np.hypot(zz + dz, xx + dx) - acq.r_min) / acq.range_step
                column = (np.arctan2(xx + dx, zz + dz) + acq.sector / 2) / acq.angle_step
                inside = (row >= 0) & (row < len(acq.depth) - 1)
                inside &= (column >= 0) & (column < acq.n_lines - 1)
                index = np.flatnonzero(inside)
                r, c = row[inside], column[inside]
                i, j = r.astype(int), c.astype(int)
                for a, part_a in ((i, 1 - (r - i)), (i + 1, r - i)):
                    for b, part_b in ((j, 1 - (c - j)), (j + 1, c - j)):
                        pixel.append(index)
                        sample.append(a * acq.n_lines + b)
                        weight.append((part_a * part_b / n**2).astype(np.float32))
        entries = np.concatenate(weight), (np.concatenate(pixel), np.concatenate(sample))
        self._shape = zz.shape
        self._matrix = csr_array(entries, shape=(zz.size, len(acq.depth) * acq.n_lines))

    def __call__(self, polar: np.ndarray) -> np.ndarray:
        """(depth, line) -> (z, x) float32, 0 outside the sector."""
        return (self._matrix @ polar.ravel().astype(np.float32)).reshape(self._shape)

"""From beamformed I/Q to the picture on the screen: envelope, gain, log compression, scan conversion."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.ndimage import map_coordinates

from tas_lib.simulator.acquisition import Acquisition


@dataclasses.dataclass(frozen=True)
class Display:
    """The grey scale: V = 1 + 20 log10(envelope / white) / dynamic_range, clipped to [0, 1].

    The paper states neither dynamic range nor gain. 60 dB is a usual clinical setting.
    """

    dynamic_range: float = 60.0  # [dB] from black to white

    def compress(self, envelope: np.ndarray, white: float) -> np.ndarray:
        """Grey levels in [0, 1] of an envelope; `white` is the envelope shown as 1."""
        tiny = 10 ** (-self.dynamic_range / 20)
        level = 20 * np.log10(np.maximum(envelope / white, tiny))
        return np.clip(1 + level / self.dynamic_range, 0, 1)

    def expand(self, grey: np.ndarray) -> np.ndarray:
        """Relative envelope (white = 1) that `compress` would show as `grey`."""
        return 10 ** ((np.asarray(grey) - 1) * self.dynamic_range / 20)


class ScanConverter:
    """Polar samples (depth, line) of an acquisition to a Cartesian grid, by cubic splines."""

    def __init__(self, acq: Acquisition, z: np.ndarray, x: np.ndarray):
        """z (z,), x (x,): pixel coordinates [m], origin at the sector's apex."""
        zz, xx = np.meshgrid(z, x, indexing="ij")
        row = (np.hypot(zz, xx) - acq.r_min) / acq.range_step
        column = (np.arctan2(xx, zz) + acq.sector / 2) / acq.angle_step
        self.inside = (
            (row >= 0) & (row <= len(acq.depth) - 1) & (column >= 0) & (column <= acq.n_lines - 1)
        )
        self._at = np.stack([row[self.inside], column[self.inside]])

    def __call__(self, polar: np.ndarray) -> np.ndarray:
        """(depth, line) -> (z, x) float32, 0 outside the sector."""
        out = np.zeros(self.inside.shape, np.float32)
        out[self.inside] = map_coordinates(polar, self._at, order=3, mode="nearest")
        return out

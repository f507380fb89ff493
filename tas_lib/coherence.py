"""Coherence maps: values at the mesh's nodes become an image that fades out beside the wall.

The map C in [0, 1]^(T x H x W) of section III-A says how much of the speckle at a place and time
rides on the myocardium; the rest belongs to the background.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.ndimage import map_coordinates

from tas_lib.mesh import extend, interpolate, locate


class WallMap:
    """The moving wall of a recording on its own pixel grid, with a ramp of `ramp` metres around.

    Built once a recording: finding the pixels of every frame in the mesh is the slow part.
    """

    def __init__(self, recording: xr.Dataset, ramp: float):
        self.ramp = ramp
        self._z, self._x = recording.z.values, recording.x.values
        self._shape = tuple(recording.sizes[d] for d in ("time", "z", "x"))
        nodes = np.array(recording.mesh.shape[1:3])
        self.meshes = extend(recording.mesh.values, ramp)  # time, l + 2, r + 2, axis
        xx, zz = np.meshgrid(self._x, self._z)
        pixels = np.stack([xx.ravel(), zz.ravel()], -1)
        self._frames = []
        for mesh in self.meshes:
            near = np.flatnonzero(
                ((pixels >= mesh.min((0, 1))) & (pixels <= mesh.max((0, 1)))).all(1)
            )
            uv = locate(mesh, pixels[near])
            near, uv = near[np.isfinite(uv[:, 0])], uv[np.isfinite(uv[:, 0])] - 1
            on_wall = np.clip(uv, 0, nodes - 1)
            fade = np.clip(1 - np.abs(uv - on_wall), 0, 1).prod(1)
            self._frames.append((near, on_wall, fade))

    def spread(self, values: ArrayLike) -> np.ndarray:
        """Node values (time, l, r), or one number, as a map (time, z, x) float32 in [0, 1].

        Bilinear inside the wall (the paper's interpolation); outside, the value at the boundary
        falls linearly to 0 over the ramp.
        """
        shown = np.clip(values, 0, 1)
        out = np.zeros(self._shape, np.float32)
        for t, (pixels, uv, fade) in enumerate(self._frames):
            level = shown if np.ndim(shown) == 0 else interpolate(shown[t], uv)
            out[t].reshape(-1)[pixels] = level * fade
        return out

    def sample(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """An image (z, x) on the recording's grid at points (n, 2) [m], bilinear; 0 outside."""
        row = (points[:, 1] - self._z[0]) / (self._z[1] - self._z[0])
        column = (points[:, 0] - self._x[0]) / (self._x[1] - self._x[0])
        return map_coordinates(image, [row, column], order=1, mode="constant", cval=0.0)

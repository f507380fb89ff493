"""A part of a recording as one image that holds its frames, and points of it in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from PIL import Image

from tas_lib.errors import InputError
from tas_lib.figures import BRIGHTEN
from tas_lib.player import sprite
from tas_lib.recording import spacing


class Cut(NamedTuple):
    """Frames of a part, row by row in one WebP data address, at the recording's own pixels."""

    image: str
    columns: int  # frames in a row
    size: tuple[int, int]  # of a frame: width, height [px]
    corner: np.ndarray  # (2,) [x, z] of its upper left edge [m]
    pixel: float  # [m]

    def to_tenths(self, points: np.ndarray) -> list:
        """Points (..., [x, z]) [m] in tenths of a pixel from the corner."""
        return np.rint(10 * (points - self.corner) / self.pixel).astype(int).tolist()


def cut(recording: xr.Dataset, box: np.ndarray, frames: Sequence[int]) -> Cut:
    """The frames of what lies in box ([x, z], [least, most]) [m], brightened as everywhere.

    Raises InputError: pixels that are not square, a box beside the image.
    """
    dx, dz = spacing(recording)
    source = recording.attrs.get("source", "recording")
    if abs(dx / dz - 1) > 1e-3:
        problem = f"are {1e3 * dx:.3f} by {1e3 * dz:.3f} mm"
        raise InputError(source, "pixels", problem, "resample to square ones")
    part = recording.sel({a: slice(*limits) for a, limits in zip(("x", "z"), box, strict=True)})
    if not (part.sizes["x"] and part.sizes["z"]):
        raise InputError(source, "box", "lies beside the image", "give metres, x before z")
    shown = np.clip(BRIGHTEN * part.bmode.values[frames], 0, 1)
    images = [Image.fromarray(np.rint(255 * frame).astype(np.uint8)) for frame in shown]
    size, columns = (part.sizes["x"], part.sizes["z"]), math.ceil(math.sqrt(len(images)))
    corner = np.array([float(part.x[0]) - dx / 2, float(part.z[0]) - dz / 2])
    return Cut(sprite(images, size, columns), columns, size, corner, dx)


def around(points: np.ndarray, margin: float) -> np.ndarray:
    """The box ([x, z], [least, most]) of points (..., 2), with a margin [m]."""
    points = points.reshape(-1, 2)
    return np.stack([points.min(0) - margin, points.max(0) + margin], 1)

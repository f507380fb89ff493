"""Three clicks, both ends of the mitral annulus and the apex, become both walls (see `drawings`).

The endocardium is the cavity of `anatomy.Anatomy`, a healthy ventricle of published size, mapped
affinely so that its ends and its apex lie on the clicks; it is then at its widest 1.12 times as
wide as the annulus. The epicardium lies a constant thickness outside. That thickness decides which
tissue is followed as the middle of the wall: the less it fits, the more of blood or of what lies
around is. A report says what 2 mm less and more would make of GLS.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tas_lib import drawings
from tas_lib.anatomy import Anatomy
from tas_lib.contours import Contour, Contours, validate
from tas_lib.drawings import Beat
from tas_lib.errors import InputError

FORMAT = "tas-clicks-1"
NAMES = "left end of the annulus", "apex", "right end of the annulus"
THICKNESS_MM = 8.0  # where none is stated: about that of healthy walls [mm]
LENGTH_MM, ANNULUS_MM, WALL_MM = (40, 140), (15, 70), (3, 30)  # plausible [mm]
TILT = 40  # of the long axis against the annulus's perpendicular, at most [degrees]
UNCERTAINTY_MM = 3.0  # of walls that nobody drew: our choice
POINTS = 41  # of a wall


@dataclass(frozen=True)
class Clicks(Beat):
    """Where someone clicked on the endocardium in one frame of a beat."""

    frame: int
    points: np.ndarray  # (3, 2) left end of the annulus, apex, right end: (column, row)
    thickness_mm: float = THICKNESS_MM
    notes: str = ""
    source: str = "clicks"


def parse(data: dict[str, Any], path: str | Path) -> Clicks:
    """The clicks of a file's fields (format ``tas-clicks-1``), checked. Raises InputError."""
    clicks = drawings.build(Clicks, data | {"source": str(path)}, path)
    drawings.check_beat(clicks, clicks.source)
    if len(clicks.points) != 3:
        problem = f"are {len(clicks.points)} instead of 3"
        raise InputError(path, "points", problem, f"click {', '.join(NAMES)}, in this order")
    drawings.check_points(clicks.points, clicks.clip, clicks.source, "points")
    if not 0 <= clicks.frame < clicks.clip.frames:
        problem = f"{clicks.frame} is not one of the {clicks.clip.frames} frames of the file"
        raise InputError(path, "frame", problem, "state the frame that was clicked on, from 0")
    if not WALL_MM[0] <= clicks.thickness_mm <= WALL_MM[1]:
        problem = f"is {clicks.thickness_mm}"
        raise InputError(path, "thickness_mm", problem, "give {} to {} mm".format(*WALL_MM))
    return clicks


def prior(points: int = POINTS) -> np.ndarray:
    """The cavity's outline (points, 2) on axes that the clicks give, left base to right base.

    First along the annulus, -1 and 1 its ends, then from its middle (0) to the apex (1).
    """
    heart = Anatomy()
    long = heart.centre - heart.apex
    end = np.arccos((heart.centre - heart.length) / long)
    angle = np.linspace(-end, end, points)
    height = heart.centre - long * np.cos(angle)
    across = heart.inner(height) * np.sign(angle) / heart.inner(heart.length)
    return np.stack([across, (heart.length - height) / (heart.length - heart.apex)], axis=-1)


def walls(clicks: Clicks, recording: xr.Dataset) -> Contours:
    """Both walls in the clicked frame. Raises InputError where no ventricle looks like the clicks.

    recording: that of the clicked file, for its scale.
    """
    drawings.for_clip(clicks, recording)
    left, apex, right = drawings.to_metres(clicks.points, recording)
    _check_size(clicks, left, apex, right)
    middle, half = (left + right) / 2, (right - left) / 2
    endo = middle + prior() @ np.stack([half, apex - middle])
    along = np.gradient(endo, axis=0)
    out = np.stack([along[:, 1], -along[:, 0]], axis=-1)  # left of the way from base to base
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    epi = endo + 1e-3 * clicks.thickness_mm * out
    drawn = (drawings.to_file(wall, recording) for wall in (endo, epi))
    beat = {field.name: getattr(clicks, field.name) for field in fields(Beat)}
    return validate(
        Contours(
            **beat,
            method=f"made of three clicks, with a thickness of {clicks.thickness_mm:g} mm,",
            uncertainty_mm=UNCERTAINTY_MM,
            contours=(Contour(clicks.frame, *drawn),),
            source=clicks.source,
        )
    )


def _check_size(clicks: Clicks, left: np.ndarray, apex: np.ndarray, right: np.ndarray) -> None:
    """Raise an InputError unless the clicks [m] are a ventricle's, apex up."""
    order = f"click {', '.join(NAMES)}, in this order"
    if left[0] >= right[0]:
        problem = "have the annulus's left end right of its right end"
        raise InputError(clicks.source, "points", problem, order)
    axis, base = apex - (left + right) / 2, right - left
    if axis[1] >= 0:
        raise InputError(clicks.source, "points", "have the apex below the annulus", order)
    cosine = abs(axis @ base) / (np.linalg.norm(axis) * np.linalg.norm(base))
    if cosine > np.sin(np.radians(TILT)):
        tilt = np.degrees(np.arcsin(cosine))
        problem = f"have a long axis {tilt:.0f} degrees off the annulus's perpendicular"
        raise InputError(clicks.source, "points", problem, order)
    for name, size, (low, high) in (
        ("a cavity", np.linalg.norm(axis), LENGTH_MM),
        ("an annulus", np.linalg.norm(base), ANNULUS_MM),
    ):
        if not low <= 1e3 * size <= high:
            problem = f"give {name} of {1e3 * size:.0f} mm, {low} to {high} mm are plausible"
            raise InputError(clicks.source, "points", problem, "check them, and the clip's scale")

"""Contours: the walls of one heart beat as a person drew them (see `drawings`).

Both walls run from the image-left base over the apex to the image-right base and stay open there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from tas_lib import drawings
from tas_lib.drawings import Beat, Clip
from tas_lib.errors import InputError

FORMAT = "tas-contours-1"
MIN_POINTS = 9
REMEDY = "draw this wall again"


@dataclass(frozen=True)
class Contour:
    """Both walls in one frame of the file: (points, 2) columns and rows [pixels]."""

    frame: int
    endo: np.ndarray  # border of blood and myocardium
    epi: np.ndarray  # outer border of the left-ventricular myocardium


@dataclass(frozen=True)
class Contours(Beat):
    """The walls of a beat, with how they were drawn, and how sure the author is."""

    method: str
    uncertainty_mm: float  # typical distance of a point from the border seen, across the wall
    contours: tuple[Contour, ...]  # by frame
    notes: str = ""
    source: str = "contours"  # the file they were read from


def load(path: str | Path) -> Contours:
    """Read and check a contour file (format ``tas-contours-1``). Raises InputError."""
    return parse(drawings.read(path, FORMAT)[1], path)


def parse(data: dict[str, Any], path: str | Path) -> Contours:
    """The contours of a file's fields, checked. Raises InputError."""
    drawn = data.get("contours")
    if not isinstance(drawn, list):
        raise InputError(path, "contours", "is missing or no list", "draw the walls of one beat")
    walls = tuple(
        drawings.build(Contour, contour, path, f"contours[{k}]") for k, contour in enumerate(drawn)
    )
    ready = {"contours": walls, "source": str(path)}
    return validate(drawings.build(Contours, data | ready, path))


def save(contours: Contours, path: str | Path) -> Path:
    """Check the contours and write them as JSON, whole or not at all. Raises InputError."""
    return drawings.write(validate(contours), FORMAT, path)


def validate(contours: Contours) -> Contours:
    """Return the contours; raise an InputError that names the field of the first fault."""
    where, clip = contours.source, contours.clip
    drawings.check_beat(contours, where)
    if not 0 <= contours.uncertainty_mm < np.inf:
        problem = f"is {contours.uncertainty_mm}"
        raise InputError(where, "uncertainty_mm", problem, "state it in millimetres, 0 or more")
    if not contours.contours:
        raise InputError(where, "contours", "are none", "draw the walls in one frame or more")
    frames = [contour.frame for contour in contours.contours]
    for k, (frame, before) in enumerate(zip(frames, [-1, *frames], strict=False)):
        if not before < frame < clip.frames:
            problem = f"{frame} is not between {before} and {clip.frames}"
            raise InputError(where, f"contours[{k}].frame", problem, "sort frames of the file")
    for k, contour in enumerate(contours.contours):
        _check_walls(contour, clip, where, f"contours[{k}]")
    return contours


def _check_walls(contour: Contour, clip: Clip, where: str, field: str) -> None:
    for name, wall in ((f"{field}.endo", contour.endo), (f"{field}.epi", contour.epi)):
        if len(wall) < MIN_POINTS:
            problem = f"has {len(wall)} points, fewer than {MIN_POINTS}"
            raise InputError(where, name, problem, REMEDY)
        drawings.check_points(wall, clip, where, name)
        if (wall[1:] == wall[:-1]).all(axis=1).any():
            raise InputError(where, name, "repeats a point", "leave one of the two out")
        if wall[0, 0] >= wall[-1, 0]:
            problem = "does not run from image-left to image-right"
            raise InputError(where, name, problem, "reverse the order of its points")
        if not shapely.LinearRing(wall).is_simple:
            raise InputError(where, name, "crosses itself or its own base", REMEDY)
    endo, epi = contour.endo, contour.epi
    if not shapely.LinearRing(np.concatenate((endo, epi[::-1]))).is_simple:
        raise InputError(where, f"{field}.endo", f"crosses {field}.epi", REMEDY)
    if shapely.contains_xy(shapely.Polygon(epi), endo).mean() < 0.5:
        problem = f"does not lie inside {field}.epi"
        raise InputError(where, f"{field}.endo", problem, "exchange the walls if they are mixed up")

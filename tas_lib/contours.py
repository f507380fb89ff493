"""Contours: the walls of one heart beat as a person drew them, kept as a small JSON file.

Points are (column, row) pixels of the full frame in the clip's file, counted from 0, integers at
pixel centres. Both walls run from the image-left base over the apex to the image-right base and
stay open there. Frame numbers count every frame of the file, repeated ones included.
"""

import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import NoReturn

import numpy as np
import shapely
import xarray as xr

from tas_lib.errors import InputError
from tas_lib.recording import replacing

FORMAT = "tas-contours-1"
COORDINATES = "pixels (column, row) of the full file frame, 0-based, integer = pixel centre"
MIN_POINTS = 9
MAX_REPEATS = 2  # frames at the end of a clip that its reader may drop as repetitions
REMEDY = "draw this wall again"


@dataclass(frozen=True)
class Clip:
    """The file that the contours were drawn on."""

    file: str
    rows: int
    columns: int
    frames: int
    package: str = ""  # where the file comes from
    sop_instance_uid: str = ""  # DICOM (0008,0018); empty for a video


@dataclass(frozen=True)
class Contour:
    """Both walls in one frame of the file: (points, 2) columns and rows [pixels]."""

    frame: int
    endo: np.ndarray  # border of blood and myocardium
    epi: np.ndarray  # outer border of the left-ventricular myocardium


@dataclass(frozen=True)
class Contours:
    """One beat, from end-diastole to the next, with who drew it, how, and how sure they are."""

    clip: Clip
    view: str
    ed_frame: int  # in the file
    es_frame: int  # in the file
    last_frame: int  # in the file: last frame to simulate, as a rule the next end-diastole
    author: str
    date: str
    method: str
    uncertainty_mm: float  # typical distance of a point from the border seen, across the wall
    contours: tuple[Contour, ...]  # by frame, the three frames above among them
    notes: str = ""
    source: str = "contours"  # the file they were read from


def load(path: str | Path) -> Contours:
    """Read and check a contour file (format ``tas-contours-1``). Raises InputError."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(path, "file", problem, "check the path") from error
    except ValueError as error:
        problem = f"is not JSON ({error})"
        raise InputError(path, "file", problem, "give a contour file") from error
    stated = data.pop("format", None) if isinstance(data, dict) else None
    if stated != FORMAT:
        problem = f"is {stated!r} instead of {FORMAT!r}"
        raise InputError(path, "format", problem, "give a contour file of that format")
    stated = data.pop("coordinates", None)
    if stated != COORDINATES:
        problem = f"is {stated!r} instead of {COORDINATES!r}"
        raise InputError(path, "coordinates", problem, "convert the points and state it so")
    clip = _build(Clip, data.get("clip"), path, "clip")
    drawn = data.get("contours")
    if not isinstance(drawn, list):
        raise InputError(path, "contours", "is missing or no list", "draw the walls of one beat")
    walls = tuple(_build(Contour, c, path, f"contours[{k}]") for k, c in enumerate(drawn))
    ready = {"clip": clip, "contours": walls, "source": str(path)}
    return validate(_build(Contours, data | ready, path, ""))


def _build(cls: type, data: object, where: str | Path, parent: str):
    """A `cls` from a JSON object, each field of the declared type; walls become (points, 2)."""
    if not isinstance(data, dict):
        raise InputError(where, parent, "is missing or no object", "state its fields in braces")
    prefix = f"{parent}." if parent else ""
    values = {}
    for field in fields(cls):
        name, kind = prefix + field.name, field.type
        if field.name not in data:
            if field.default is MISSING:
                raise InputError(where, name, "is missing", "add it")
            continue
        value = data[field.name]
        if kind is np.ndarray:
            value = _wall(value, where, name)
        elif kind is float and type(value) is int:
            value = float(value)
        elif isinstance(kind, type) and type(value) is not kind:
            problem = f"{value!r} is not of type {kind.__name__}"
            raise InputError(where, name, problem, "correct it")
        values[field.name] = value
    unknown = ", ".join(prefix + str(name) for name in data.keys() - values.keys())
    if unknown:
        raise InputError(where, unknown, "is not known", "check the spelling or remove it")
    return cls(**values)


def _wall(points: object, where: str | Path, name: str) -> np.ndarray:
    try:
        wall = np.array(points, dtype=np.float64)
    except (TypeError, ValueError):
        wall = np.empty(0)
    if wall.ndim != 2 or wall.shape[1] != 2:
        raise InputError(where, name, "is no list of numbers [column, row]", REMEDY)
    return wall


def save(contours: Contours, path: str | Path) -> Path:
    """Check the contours and write them as JSON, whole or not at all. Raises InputError."""
    data = {"format": FORMAT, "coordinates": COORDINATES} | asdict(validate(contours))
    del data["source"]
    for contour in data["contours"]:
        contour |= {wall: contour[wall].tolist() for wall in ("endo", "epi")}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return Path(path)


def validate(contours: Contours) -> Contours:
    """Return the contours; raise an InputError that names the field of the first fault."""
    where, clip = contours.source, contours.clip
    for name in ("rows", "columns", "frames"):
        if getattr(clip, name) < 1:
            raise InputError(where, f"clip.{name}", "is not positive", "state the size of the clip")
    if not 0 <= contours.uncertainty_mm < np.inf:
        problem = f"is {contours.uncertainty_mm}"
        raise InputError(where, "uncertainty_mm", problem, "state it in millimetres, 0 or more")
    beat = contours.ed_frame, contours.es_frame, contours.last_frame
    if not 0 <= beat[0] < beat[1] < beat[2] < clip.frames:
        remedy = f"state rising frames of the file, 0 to {clip.frames - 1}"
        raise InputError(where, "ed_frame, es_frame, last_frame", f"are {beat}", remedy)
    frames = [contour.frame for contour in contours.contours]
    for k, (frame, before) in enumerate(zip(frames, [-1, *frames], strict=False)):
        if not before < frame < clip.frames:
            problem = f"{frame} is not between {before} and {clip.frames}"
            raise InputError(where, f"contours[{k}].frame", problem, "sort frames of the file")
    for name, frame in zip(("ed_frame", "es_frame", "last_frame"), beat, strict=True):
        if frame not in frames:
            problem = f"{name} {frame} is not among the drawn frames {frames}"
            raise InputError(where, "contours", problem, "draw it")
    for k, contour in enumerate(contours.contours):
        _check_walls(contour, clip, where, f"contours[{k}]")
    return contours


def _check_walls(contour: Contour, clip: Clip, where: str, field: str) -> None:
    for name, wall in ((f"{field}.endo", contour.endo), (f"{field}.epi", contour.epi)):
        if len(wall) < MIN_POINTS:
            problem = f"has {len(wall)} points, fewer than {MIN_POINTS}"
            raise InputError(where, name, problem, REMEDY)
        if not np.isfinite(wall).all():
            raise InputError(where, name, "has points that are NaN or infinite", REMEDY)
        if (wall < -0.5).any() or (wall > (clip.columns - 0.5, clip.rows - 0.5)).any():
            problem = f"leaves the frame of {clip.columns} columns and {clip.rows} rows"
            raise InputError(where, name, problem, "give points as [column, row]")
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


def for_clip(contours: Contours, recording: xr.Dataset) -> Contours:
    """Return the contours if they were drawn on the recording's file; else raise InputError.

    Compares the SOP Instance UID where both state one, else the file's name; then whether the
    pixels and the frames of the recording exist in the clip that the contours state.
    """
    clip, attrs = contours.clip, recording.attrs
    field, drawn, given = "sop_instance_uid", clip.sop_instance_uid, attrs.get("sop_instance_uid")
    if not (drawn and given):
        field, drawn, given = "file", Path(clip.file).name, Path(attrs.get("source", "")).name
    if drawn != given:
        _refuse(contours, f"clip.{field}", f"{drawn!r} is not {given!r}")
    missing = {"origin_row", "origin_column"} - attrs.keys()
    if missing or "frame" not in recording.coords:
        names = ", ".join(sorted(missing)) or "frame"
        remedy = "use a reader that states where the pixels lie in the file"
        raise InputError("recording", names, "not stated, so contours cannot be placed", remedy)
    pixel = _pixel(recording)
    if not np.allclose(pixel, attrs.get("pixel_mm", 1e3 * pixel) * 1e-3, rtol=0.01):
        problem = f"pixels of {1e3 * pixel[0]:.4g} x {1e3 * pixel[1]:.4g} mm are not the file's"
        raise InputError("recording", "pixel_mm", problem, "place contours before resampling")
    frames = recording["frame"].values
    if frames[0] > contours.ed_frame or frames[-1] < contours.last_frame - MAX_REPEATS:
        problem = f"the recording holds frames {frames[0]} to {frames[-1]} only"
        _refuse(contours, "ed_frame, last_frame", problem)
    if frames[-1] >= clip.frames:
        problem = f"{clip.frames}, but the recording holds frame {frames[-1]}"
        _refuse(contours, "clip.frames", problem)
    for name, axis, step in (("column", "x", pixel[0]), ("row", "z", pixel[1])):
        count = getattr(clip, f"{name}s")
        ends = attrs[f"origin_{name}"] + recording[axis].values[[0, -1]] / step
        if ends[0] < -0.5 or ends[1] > count - 0.5:
            problem = f"{count}, but the recording has {name}s {ends[0]:.0f} to {ends[1]:.0f}"
            _refuse(contours, f"clip.{name}s", problem)
    return contours


def _refuse(contours: Contours, field: str, problem: str) -> NoReturn:
    problem = f"contour file for another clip ({problem})"
    raise InputError(contours.source, field, problem, "give the clip they were drawn on")


def to_metres(points: np.ndarray, recording: xr.Dataset) -> np.ndarray:
    """(column, row) of the full frame -> (x, z) [m] of the recording, (..., 2) both."""
    origin = recording.attrs["origin_column"], recording.attrs["origin_row"]
    return (points - np.array(origin)) * _pixel(recording)


def _pixel(recording: xr.Dataset) -> np.ndarray:
    """Width and height of a pixel [m]."""
    return np.array([np.diff(recording[axis].values).mean() for axis in "xz"])

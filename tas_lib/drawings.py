"""Drawings: what a person marked on a clip, kept as a small JSON file of a stated format.

Points are (column, row) pixels of the full frame in the clip's file, counted from 0, integers at
pixel centres. Frame numbers count every frame of the file, repeated ones included.
"""

import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np
import xarray as xr

from tas_lib.errors import InputError
from tas_lib.recording import spacing, write_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COORDINATES = "pixels (column, row) of the full file frame, 0-based, integer = pixel centre"
MOST_WHOLE = 2**53  # in a file: floats hold it exactly
Drawn = TypeVar("Drawn", bound=Any)  # a Drawing with `source` and `span`
Made = TypeVar("Made", bound="DataclassInstance")
MAX_REPEATS = 2  # frames at the end of a clip that its reader may drop as repetitions


@dataclass(frozen=True)
class Clip:
    """The file that was drawn on."""

    file: str
    rows: int
    columns: int
    frames: int
    package: str = ""  # where the file comes from
    sop_instance_uid: str = ""  # DICOM (0008,0018); empty for a video


@dataclass(frozen=True)
class Drawing:
    """What every kind says."""

    clip: Clip
    author: str
    date: str


@dataclass(frozen=True)
class Beat(Drawing):
    """One beat, its frames counted in the file."""

    view: str
    ed_frame: int
    es_frame: int
    last_frame: int  # the next end-diastole, as a rule; es_frame where the clip ends before it

    @property
    def span(self) -> tuple[int, int]:
        """The frames that the recording must hold: first and last."""
        return self.ed_frame, self.last_frame


def read(path: str | Path, *formats: str) -> tuple[str, dict[str, Any]]:
    """The format, one of these, and the other fields of a drawing's file.

    Raises InputError: unreadable, no JSON, another format, other coordinates.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"), parse_int=_whole)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(path, "file", problem, "check the path") from error
    except (ValueError, RecursionError) as error:
        problem = f"is not JSON ({error})"
        raise InputError(path, "file", problem, f"give a file of format {formats[0]}") from error
    found = data.pop("format", None) if isinstance(data, dict) else None
    if found not in formats:
        problem = f"is {found!r} instead of {' or '.join(map(repr, formats))}"
        raise InputError(path, "format", problem, "give a file of that format")
    stated = data.pop("coordinates", None)
    if stated != COORDINATES:
        problem = f"is {stated!r} instead of {COORDINATES!r}"
        raise InputError(path, "coordinates", problem, "convert the points and state it so")
    return found, data


def _whole(digits: str) -> int:
    value = int(digits)
    if abs(value) > MOST_WHOLE:
        raise ValueError(f"a whole number is beyond {MOST_WHOLE}")
    return value


def build(cls: type[Made], data: object, where: str | Path, parent: str = "") -> Made:
    """A `cls` from a JSON object, each field of the declared type; arrays are points (n, 2).

    `clip` becomes a `Clip`; values that are no JSON any more pass. Raises InputError.
    """
    if not isinstance(data, dict):
        raise InputError(where, parent, "is missing or no object", "state its fields in braces")
    prefix = f"{parent}." if parent else ""
    values: dict[str, Any] = {}
    for field in fields(cls):
        name, kind = prefix + field.name, field.type
        if kind is Clip:
            values[field.name] = build(Clip, data.get(field.name), where, name)
            continue
        if field.name not in data:
            if field.default is MISSING:
                raise InputError(where, name, "is missing", "add it")
            continue
        value = data[field.name]
        if kind is np.ndarray:
            value = _points(value, where, name)
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


def _points(points: object, where: str | Path, name: str) -> np.ndarray:
    try:
        array = np.array(points, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(where, name, "is no list of numbers [column, row]", "draw it again")
    return array


def write(drawing: Drawing, form: str, path: str | Path) -> Path:
    """Write a drawing as JSON of that format, whole or not at all. Raises InputError."""
    data = {"format": form, "coordinates": COORDINATES} | asdict(drawing)
    del data["source"]
    text = json.dumps(data, ensure_ascii=False, indent=1, default=np.ndarray.tolist)
    write_text(path, text + "\n")
    return Path(path)


def check_beat(beat: Beat, where: str) -> None:
    """Raise an InputError unless clip and key frames are possible."""
    for name in ("rows", "columns", "frames"):
        if getattr(beat.clip, name) < 1:
            raise InputError(where, f"clip.{name}", "is not positive", "state the size of the clip")
    key = beat.ed_frame, beat.es_frame, beat.last_frame
    if not 0 <= key[0] < key[1] <= key[2] < beat.clip.frames:
        remedy = f"state rising frames of the file, 0 to {beat.clip.frames - 1}"
        raise InputError(where, "ed_frame, es_frame, last_frame", f"are {key}", remedy)


def check_points(points: np.ndarray, clip: Clip, where: str, field: str) -> None:
    """Raise an InputError unless all points (..., 2) lie in the clip's frame."""
    if not np.isfinite(points).all():
        raise InputError(where, field, "has points that are NaN or infinite", "draw it again")
    if (points < -0.5).any() or (points > (clip.columns - 0.5, clip.rows - 0.5)).any():
        problem = f"leaves the frame of {clip.columns} columns and {clip.rows} rows"
        raise InputError(where, field, problem, "give points as [column, row]")


def for_clip(drawing: Drawn, recording: xr.Dataset) -> Drawn:
    """Return a drawing with `source` and `span` if it was made on the recording's file.

    Compares the SOP Instance UID where both state one, else the file's name; then whether the
    pixels and the frames of the recording exist in the clip that the drawing states. Raises
    InputError.
    """
    clip, attrs, where = drawing.clip, recording.attrs, drawing.source
    field, drawn, given = "sop_instance_uid", clip.sop_instance_uid, attrs.get("sop_instance_uid")
    if not (drawn and given):
        field, drawn, given = "file", Path(clip.file).name, Path(attrs.get("source", "")).name
    if drawn != given:
        _refuse(where, f"clip.{field}", f"{drawn!r} is not {given!r}")
    missing = {"origin_row", "origin_column"} - attrs.keys()
    if missing or "frame" not in recording.coords:
        names = ", ".join(sorted(missing)) or "frame"
        remedy = "use a reader that states where the pixels lie in the file"
        raise InputError("recording", names, "not stated, so drawings cannot be placed", remedy)
    pixel = spacing(recording)
    if not np.allclose(pixel, attrs.get("pixel_mm", 1e3 * pixel) * 1e-3, rtol=0.01):
        problem = f"pixels of {1e3 * pixel[0]:.4g} x {1e3 * pixel[1]:.4g} mm are not the file's"
        raise InputError("recording", "pixel_mm", problem, "place drawings before resampling")
    frames, (first, last) = recording["frame"].values, drawing.span
    if frames[0] > first or frames[-1] < last - MAX_REPEATS:
        problem = f"it needs {first} to {last}, the recording holds {frames[0]} to {frames[-1]}"
        _refuse(where, "frames", problem)
    if frames[-1] >= clip.frames:
        problem = f"{clip.frames}, but the recording holds frame {frames[-1]}"
        _refuse(where, "clip.frames", problem)
    for name, axis, step in (("column", "x", pixel[0]), ("row", "z", pixel[1])):
        count = getattr(clip, f"{name}s")
        ends = attrs[f"origin_{name}"] + recording[axis].values[[0, -1]] / step
        if ends[0] < -0.5 or ends[1] > count - 0.5:
            problem = f"{count}, but the recording has {name}s {ends[0]:.0f} to {ends[1]:.0f}"
            _refuse(where, f"clip.{name}s", problem)
    return drawing


def by_clip(drawings: list[Drawn], recordings: list[xr.Dataset]) -> list[Drawn | None]:
    """Of each recording the drawing that was made on it, or None. Raises InputError."""
    found: list[Any] = [None] * len(recordings)
    for drawing in drawings:
        faults = [_fault(drawing, recording) for recording in recordings]
        if len(faults) == 1 and faults[0]:
            raise faults[0]
        if None not in faults:
            problem = f"{drawing.clip.file!r} is none of the clips that are given"
            raise InputError(drawing.source, "clip", problem, "add it, or leave this file out")
        k = faults.index(None)
        if found[k] is not None:
            problem = f"is the same as that of {found[k].source}"
            raise InputError(drawing.source, "clip", problem, "give one of the two")
        found[k] = drawing
    return found


def _fault(drawing: Any, recording: xr.Dataset) -> InputError | None:
    try:
        for_clip(drawing, recording)
    except InputError as error:
        return error
    return None


def _refuse(where: str, field: str, problem: str) -> NoReturn:
    problem = f"drawn on another clip ({problem})"
    raise InputError(where, field, problem, "give the clip that was drawn on")


def to_metres(points: np.ndarray, recording: xr.Dataset) -> np.ndarray:
    """(column, row) of the full frame -> (x, z) [m] of the recording, (..., 2) both."""
    return (points - _origin(recording)) * spacing(recording)


def to_file(points: np.ndarray, recording: xr.Dataset) -> np.ndarray:
    """(x, z) [m] of the recording -> (column, row) of the full frame, (..., 2) both."""
    return points / spacing(recording) + _origin(recording)


def _origin(recording: xr.Dataset) -> np.ndarray:
    return np.array([recording.attrs["origin_column"], recording.attrs["origin_row"]])


def frame_index(recording: xr.Dataset, frame: int) -> int:
    """Where the recording shows a frame of the file; one dropped as a repetition, before it."""
    return int(np.searchsorted(recording["frame"].values, frame, side="right")) - 1


def cut_to_beat(beat: Beat, recording: xr.Dataset) -> xr.Dataset:
    """The recording of the drawn beat alone, which starts at 0 s, with ed_frame, es_frame, view.

    Attribute `cycle`: "ED to ED", or "ED to ES" where the beat ends there.
    """
    first, es, last = (
        frame_index(recording, f) for f in (beat.ed_frame, beat.es_frame, beat.last_frame)
    )
    cut = recording.isel(time=slice(first, last + 1))
    time = cut.time.values - cut.time.values[0]
    cut = cut.assign_coords(time=("time", time, cut.time.attrs))
    return cut.assign_attrs(
        view=beat.view,
        ed_frame=0,
        es_frame=es - first,
        cycle="ED to ED" if last > es else "ED to ES",
    )

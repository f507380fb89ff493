"""Where tracking starts: one beat of a clip, and its walls in one frame of it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from tas_lib import clicks, contours, drawings
from tas_lib.clicks import LENGTH_MM, Clicks
from tas_lib.contours import Contours
from tas_lib.drawings import cut_to_beat, for_clip, frame_index
from tas_lib.errors import InputError
from tas_lib.mesh import drawn_mesh
from tas_lib.recording import check_mesh, need
from tas_lib.templates import shipped_contours

PARSERS: dict[str, Callable[[dict, str | Path], Contours | Clicks]] = {
    contours.FORMAT: contours.parse,
    clicks.FORMAT: clicks.parse,
}


class Start(NamedTuple):
    """What a tracker is given."""

    beat: xr.Dataset  # images, ed_frame and es_frame; `cycle` says whether it is whole, if known
    mesh: np.ndarray  # (longitudinal, radial, [x, z]) at `frame` [m]
    frame: int  # in which `mesh` is given
    walls: str  # where they are from


def load(path: str | Path) -> Contours | Clicks:
    """Drawn walls or three clicks, whichever the file holds. Raises InputError."""
    form, data = drawings.read(path, *PARSERS)
    return PARSERS[form](data, path)


def start(
    recording: xr.Dataset,
    drawn: Contours | Clicks | None = None,
    at: str = "es",
    where: str | Path = "recording",
) -> Start:
    """The beat and the walls of a recording, from a drawing or, without one, from its own mesh.

    at: where walls are taken if they are known there, "es" or "first"; else at the first frame in
    the beat that was drawn. where: the recording's file, for messages. Raises InputError: another
    clip's drawing, nothing drawn in the beat, walls that fold or leave the sector, key frames that
    are not stated.
    """
    drawn = shipped_contours(recording) if drawn is None and "mesh" not in recording else drawn
    if drawn is None:
        return _of_mesh(recording, at, where)
    walls = clicks.walls(drawn, recording) if isinstance(drawn, Clicks) else drawn
    beat = cut_to_beat(for_clip(walls, recording), recording)
    first, last = walls.span
    known = {frame_index(beat, c.frame): c for c in walls.contours if first <= c.frame <= last}
    if not known:
        frames = ", ".join(str(contour.frame) for contour in walls.contours)
        problem = f"of frames {frames} lie outside the beat, {first} to {last}"
        raise InputError(walls.source, "frame", problem, "draw them in a frame of the beat")
    wanted = beat.attrs["es_frame"] if at == "es" else 0
    frame = wanted if wanted in known else min(known)
    mesh = drawn_mesh(known[frame], beat, where=f"{walls.source}: frame {known[frame].frame}")
    check_mesh(beat, mesh[None], walls.source)
    _check_size(mesh, walls.source)
    how = walls.method if isinstance(drawn, Clicks) else "drawn"
    how = f"{how} by {walls.author}, {walls.date} ({Path(walls.source).name})"
    return Start(_bare(beat), mesh, frame, how)


def _of_mesh(recording: xr.Dataset, at: str, where: str | Path) -> Start:
    if "mesh" not in recording:
        problem = "none are known for this clip, so its wall cannot be followed"
        remedy = "draw them, or click three points: `tas contour`"
        raise InputError(where, "walls", problem, remedy)
    need(recording, ("ed_frame", "es_frame"), "give a contour file, which states it", where)
    ed, es = (int(recording.attrs[f"{name}_frame"]) for name in ("ed", "es"))
    if ed >= es:
        problem = f"are {ed} and {es}"
        raise InputError(where, "ed_frame, es_frame", problem, "begin the clip at end-diastole")
    frame = es if at == "es" else 0
    how = recording.attrs.get("mesh_source", "in the recording")
    return Start(_bare(recording), recording.mesh.values[frame], frame, how)


def _bare(recording: xr.Dataset) -> xr.Dataset:
    return recording[[name for name in ("bmode", "sector") if name in recording]]


def _check_size(mesh: np.ndarray, where: str) -> None:
    """Raise an InputError unless the cavity is as long as a ventricle's."""
    inner = mesh[:, 0]
    length = 1e3 * np.linalg.norm(inner - inner[[0, -1]].mean(axis=0), axis=-1).max()
    low, high = LENGTH_MM
    if not low <= length <= high:
        problem = f"give a cavity of {length:.0f} mm, {low} to {high} mm are plausible"
        raise InputError(where, "walls", problem, "check them, and the clip's scale")

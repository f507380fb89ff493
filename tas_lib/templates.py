"""A clip with its contours becomes a template: the beat, its mesh and the frames ED and ES."""

from contextlib import suppress
from pathlib import Path

import xarray as xr

from tas_lib import contours, readers
from tas_lib.contours import Contours
from tas_lib.drawings import for_clip
from tas_lib.errors import InputError
from tas_lib.masks import with_mesh
from tas_lib.mesh import template_mesh


def load_template(
    clip: str | Path,
    contour: str | Path | None = None,
    *,
    spacing_mm: float | None = None,
    frame_rate: float | None = None,
    n_longitudinal: int = 36,
    n_radial: int = 5,
) -> xr.Dataset:
    """Read a clip and cut it to its drawn beat, with mesh [m], ed_frame and es_frame.

    clip, spacing_mm [mm], frame_rate [Hz]: see `readers.read`; contour: a contour file, by default
    the one in this package that was drawn on the clip. The mesh is
    (time, n_longitudinal, n_radial, 2): the paper shows 36 points along (Figure 2) and takes 5
    across (section IV-C). A recording that has a mesh is a template as it is, unless
    a contour file is given, or it has masks, of which a mesh of another size can be made. Raises
    InputError.
    """
    recording = readers.read(clip, spacing_mm=spacing_mm, frame_rate=frame_rate)
    if contour is not None:
        walls: Contours | None = _over_the_beat(contours.load(contour))
    elif "mesh" in recording:
        other = recording.mesh.shape[1:3] != (n_longitudinal, n_radial)
        if other and "labels" in recording:
            return with_mesh(recording, n_longitudinal, n_radial, where=clip)
        return recording
    else:
        walls = shipped_contours(recording)
    if walls is None:
        problem = "none are known for this clip, so its wall cannot be followed"
        remedy = "draw the walls: --contour FILE, format described in the book's data page"
        raise InputError(clip, "contours", problem, remedy)
    return template_mesh(walls, recording, n_longitudinal, n_radial)


def _over_the_beat(walls: Contours) -> Contours:
    drawn = [contour.frame for contour in walls.contours]
    for name in ("ed_frame", "es_frame", "last_frame"):
        if (frame := getattr(walls, name)) not in drawn:
            problem = f"{name} {frame} is not among the drawn frames {drawn}"
            raise InputError(walls.source, "contours", problem, "draw it")
    return walls


def default_template() -> xr.Dataset:
    """The template made of `readers.default_clip`, a real apical four-chamber clip."""
    return load_template(readers.default_clip())


def shipped_contours(recording: xr.Dataset) -> Contours | None:
    """The contours in this package that were drawn on the recording's file, if there are any."""
    for path in sorted((Path(__file__).parent / "data").glob("*_contours.json")):
        walls = contours.load(path)
        with suppress(InputError):
            return for_clip(walls, recording)
    return None

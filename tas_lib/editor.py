"""A page on which three points, walls or corrections are set on a clip, and saved as drawings.

Its script is editor.js. Nothing is fetched or sent: the page works offline and from a file.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
import xarray as xr
from PIL import Image
from scipy.interpolate import make_interp_spline

from tas_lib import clicks, contours, corrections
from tas_lib.anatomy import VIEWS
from tas_lib.drawings import COORDINATES, Clip, to_file
from tas_lib.errors import InputError
from tas_lib.inline import as_json, webp
from tas_lib.mesh import centreline
from tas_lib.movie import COLOURS
from tas_lib.recording import spacing

HANDLES = 13  # along a wall, or its middle: two a segment
QUALITY = 80  # of the frames, as WebP
PLACE = "file_rows", "file_columns", "file_frames", "origin_row", "origin_column"


def editor(recording: xr.Dataset, where: object = "recording") -> str:
    """The page for a recording of a file, as HTML.

    Where it has `tracks`, points of the middle of the wall can be corrected; else walls are drawn
    or three points set. Raises InputError, which names `where`, if the recording does not say where
    its pixels lie in the file.
    """
    missing = [name for name in PLACE if name not in recording.attrs]
    if missing or "frame" not in recording.coords:
        names = ", ".join(missing) or "frame"
        problem = "not stated, so that nothing drawn here could be placed in its file"
        raise InputError(where, names, problem, "give the clip itself, as it was recorded")
    if recording.attrs.get("reversed"):
        problem = "come in falling order, as the clip shows filling and is played backwards"
        raise InputError(where, "frames", problem, "use the masks that come with it")
    source = files("tas_lib").joinpath("editor.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(source).render(
        file=recording.attrs["source"],
        corrects="tracks" in recording,
        data=as_json(_data(recording)),
        script=files("tas_lib").joinpath("editor.js").read_text("utf-8"),
        views=list(VIEWS),
        walls=COLOURS,
        thickness=clicks.THICKNESS_MM,
        last=recording.sizes["time"] - 1,
    )


def _data(recording: xr.Dataset) -> dict[str, Any]:
    """What the script needs to know."""
    attrs, frames = recording.attrs, recording.frame.values.tolist()
    corner = np.array([float(recording[axis][0]) for axis in "xz"])
    size: Any = (int(attrs[f"file_{name}"]) for name in ("rows", "columns", "frames"))
    clip = vars(Clip(attrs["source"], *size))
    clip["sop_instance_uid"] = attrs.get("sop_instance_uid", "")
    marks = {name: frames[attrs[name]] for name in ("ed_frame", "es_frame") if name in attrs}
    if attrs.get("cycle") in ("ED to ED", "ED to ES"):
        marks["last_frame"] = frames[-1]
    return {
        "clip": clip,
        "coordinates": COORDINATES,
        "formats": {
            "points": clicks.FORMAT,
            "walls": contours.FORMAT,
            "corrections": corrections.FORMAT,
        },
        "corner": to_file(corner, recording).tolist(),
        "size": [recording.sizes["x"], recording.sizes["z"]],
        "pixel_mm": (1e3 * spacing(recording)).tolist(),
        "frames": frames,
        "times": np.rint(1e3 * recording.time.values).astype(int).tolist(),
        "images": [_image(frame) for frame in recording.bmode.values],
        "view": attrs.get("view"),
        "marks": marks,
        "prior": clicks.prior(HANDLES).tolist(),
        "colours": {"endo": COLOURS["endocardium"], "epi": COLOURS["epicardium"]},
        "middle": COLOURS["centreline"],
        "tracks": _handles(recording) if "tracks" in recording else None,
    }


def _handles(recording: xr.Dataset) -> list:
    """Points (time, HANDLES, 2) of the file along the middle of the tracked wall."""
    line = centreline(recording.tracks.values)
    middle = make_interp_spline(np.linspace(0, 1, line.shape[1]), line, k=1, axis=1)
    return to_file(middle(np.linspace(0, 1, HANDLES)), recording).round(2).tolist()


def _image(frame: np.ndarray) -> str:
    return webp(Image.fromarray(np.rint(255 * frame).astype(np.uint8)), quality=QUALITY)

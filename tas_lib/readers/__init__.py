"""Real clips in: `read` opens whatever file it is given and returns a recording."""

from pathlib import Path

import numpy as np
import xarray as xr

from tas_lib import recording
from tas_lib.errors import InputError
from tas_lib.readers import camus, dicom, ted, video
from tas_lib.readers.dicom import default_clip

__all__ = ["default_clip", "read"]


def read(
    path: str | Path, *, spacing_mm: float | None = None, frame_rate: float | None = None
) -> xr.Dataset:
    """Read a clip as a recording: DICOM, video (MP4, AVI, GIF), CAMUS, TED, or a saved one (.nc).

    Of CAMUS and TED give a patient's .cfg file. Videos need spacing_mm [mm] and may take frame_rate
    [Hz], as may a .cfg without one. Other files state their own; a value that contradicts it is an
    error. Raises InputError.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except FileNotFoundError as error:
        raise InputError(path, "file", "does not exist", "give the path of one clip") from error
    except OSError as error:
        problem = "is a folder" if path.is_dir() else f"cannot be read ({error.strerror or error})"
        raise InputError(path, "file", problem, "give the path of one readable clip") from error
    if path.suffix.lower() in video.SUFFIXES:
        return video.read(path, spacing_mm=spacing_mm, frame_rate=frame_rate)
    if start[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom"):
        ds = dicom.read(path)
    elif start[1:4] == b"HDF" or path.suffix.lower() == ".nc":
        ds = recording.open(path)
    elif path.suffix.lower() == ".cfg":
        module = ted if ted.NAME.fullmatch(path.name) else camus
        ds = module.read(path, frame_rate=frame_rate)
    else:
        problem = f"is of an unknown kind ({path.suffix or 'no suffix'})"
        remedy = f"give a DICOM, a recording (.nc), a video ({', '.join(video.SUFFIXES)}) or "
        remedy += "the .cfg of a CAMUS or TED patient"
        raise InputError(path, "file", problem, remedy)
    own = {
        "spacing_mm": 1e3 * float(np.diff(ds.x).mean()),
        "frame_rate": ds.attrs.get("frame_rate", 1 / float(np.median(np.diff(ds.time)))),
    }
    for name, given in (("spacing_mm", spacing_mm), ("frame_rate", frame_rate)):
        if given is not None and not np.isclose(given, own[name], rtol=0.01):
            problem = f"{given} contradicts the file's own {own[name]:.4g}"
            raise InputError(path, name, problem, "leave it out, the file states its own")
    return ds

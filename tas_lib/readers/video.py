"""Read an MP4, AVI or GIF clip, whose pixel spacing only the user can know."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import xarray as xr

from tas_lib.errors import InputError
from tas_lib.readers.sector import to_recording

SUFFIXES = ".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif"


def read(
    path: str | Path,
    *,
    spacing_mm: float | tuple[float, float] | None,
    frame_rate: float | None = None,
) -> xr.Dataset:
    """Read a video as a recording.

    spacing_mm: size of a pixel [mm], or its height and width; frame_rate [Hz]: replaces the file's.
    Raises InputError.
    """
    path = Path(path)
    if spacing_mm is None:
        problem = "is unknown, and pixel spacing is never guessed"
        remedy = "give --spacing-mm, the scanner's depth scale in mm over its length in pixels"
        raise InputError(path, "spacing_mm", problem, remedy)
    spacing = np.broadcast_to(np.asarray(spacing_mm, float), 2)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise InputError(path, "spacing_mm", f"is {spacing_mm}", "give a positive size in mm")
    try:
        pixels = iio.imread(path, plugin="FFMPEG")
        rate = frame_rate or iio.immeta(path, plugin="FFMPEG").get("fps")
    except FileNotFoundError as error:
        raise InputError(path, "file", "does not exist", "check the path") from error
    except Exception as error:
        problem = f"cannot be decoded as video ({str(error).strip().splitlines()[-1]})"
        remedy = "play it to check it, or export it again as MP4"
        raise InputError(path, "file", problem, remedy) from error
    if not rate or not np.isfinite(rate) or rate <= 0:
        raise InputError(path, "frame_rate", f"is {rate}", "give --frame-rate in frames a second")
    return to_recording(
        pixels,
        np.arange(len(pixels)) / rate,
        tuple(spacing),
        path,
        frame_rate=rate,
        licence="not stated",
    )

"""Read an MP4, AVI or GIF clip, whose pixel spacing only the user can know."""

import warnings
from itertools import islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import xarray as xr

from tas_lib.errors import MOST, InputError
from tas_lib.readers.sector import to_recording

FRAMES = 3_000  # at most: damaged times make the decoder repeat frames without end
LIMITS = [  # of the decoder: seconds of computing, pixels, kinds (no lists of other files)
    *("-timelimit", "60", "-max_pixels", str(MOST)),
    *("-format_whitelist", "mov,avi,matroska,gif", "-protocol_whitelist", "file"),
]
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
    pixels, meta = decode(path)
    rate = meta.get("fps", 0) if frame_rate is None else frame_rate
    if not np.isfinite(rate) or rate <= 0:
        raise InputError(path, "frame_rate", f"is {rate}", "give --frame-rate in frames a second")
    return to_recording(
        pixels,
        np.arange(len(pixels)) / rate,
        tuple(spacing),
        path,
        frame_rate=rate,
        licence="not stated",
    )


def decode(path: str | Path) -> tuple[np.ndarray, dict]:
    """RGB frames (time, row, column, 3) uint8 of a video, and what ffmpeg says of it (fps ...)."""
    if not Path(path).is_file():
        raise InputError(path, "file", "does not exist", "check the path")
    pixels, problem = None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # imageio_ffmpeg leaves its pipes open
        try:
            frames = imageio_ffmpeg.read_frames(path, input_params=LIMITS)
            meta = next(frames)
            shape = (*meta["size"][::-1], 3)
            most = min(FRAMES, MOST // (shape[0] * shape[1]))
            kept = [np.frombuffer(frame, np.uint8) for frame in islice(frames, most + 1)]
            if len(kept) > most:
                raise ValueError(f"it has more than {most} frames of {shape[1]} x {shape[0]}")
            pixels = np.stack(kept).reshape(-1, *shape)
        except Exception as error:  # a damaged file makes the package stumble anywhere
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            problem = f"cannot be decoded as video ({reason})"
        del frames
    if pixels is None:
        remedy = "play it to check it, or export it again as MP4"
        raise InputError(path, "file", problem, remedy)
    return pixels, meta

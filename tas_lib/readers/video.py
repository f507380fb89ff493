"""Read an MP4, AVI or GIF clip, whose pixel spacing only the user can know."""

import re
import subprocess
import warnings
from itertools import islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import xarray as xr

from tas_lib.errors import MOST, InputError, check_size
from tas_lib.readers.sector import to_recording

LIMITS = [  # of the decoder: seconds of computing, pixels, kinds (no lists of other files)
    *("-timelimit", "60", "-max_pixels", str(MOST)),
    *("-format_whitelist", "mov,avi,matroska,gif", "-protocol_whitelist", "file"),
]
FRAMES = ["-map", "0:v:0", "-fps_mode", "passthrough"]  # as they are in the file, none repeated
SUFFIXES = ".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif"


def read(
    path: str | Path, *, spacing_mm: float | None, frame_rate: float | None = None
) -> xr.Dataset:
    """Read a video as a recording.

    spacing_mm: size of a pixel [mm]; frame_rate [Hz]: replaces the file's. Raises InputError.
    """
    path = Path(path)
    if spacing_mm is None:
        problem = "is unknown, and pixel spacing is never guessed"
        remedy = "give --spacing-mm, the scanner's depth scale in mm over its length in pixels"
        raise InputError(path, "spacing_mm", problem, remedy)
    if np.ndim(spacing_mm) or not (np.isfinite(spacing_mm) and spacing_mm > 0):
        raise InputError(path, "spacing_mm", f"is {spacing_mm}", "give a positive size in mm")
    if frame_rate is not None and not (np.isfinite(frame_rate) and frame_rate > 0):
        remedy = "give --frame-rate in frames a second"
        raise InputError(path, "frame_rate", f"is {frame_rate}", remedy)
    pixels, _ = decode(path)
    if len(pixels) < 2:
        raise InputError(path, "frames", "there is only one", "give a clip of two or more")
    time = _times(path, len(pixels)) if frame_rate is None else np.arange(len(pixels)) / frame_rate
    return to_recording(
        pixels,
        time,
        (spacing_mm, spacing_mm),
        path,
        frame_rate=1 / np.median(np.diff(time)),
        licence="not stated",
    )


def decode(path: str | Path) -> tuple[np.ndarray, dict]:
    """RGB frames (time, row, column, 3) uint8 of a video, and what ffmpeg says of it (fps ...).

    Raises InputError.
    """
    size: tuple[int, ...] = (0,)
    pixels, problem = None, ""
    # imageio_ffmpeg leaves its pipes open
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        try:
            frames = imageio_ffmpeg.read_frames(path, input_params=LIMITS, output_params=FRAMES)
            meta = next(frames)
            columns, rows = meta["size"]
            most = MOST // (rows * columns)
            kept = [np.frombuffer(frame, np.uint8) for frame in islice(frames, most + 1)]
            size = len(kept), rows, columns
            if len(kept) <= most:
                pixels = np.stack(kept).reshape(-1, rows, columns, 3)
        except Exception as error:  # a damaged file makes the package stumble anywhere
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            problem = f"cannot be decoded as video ({reason})"
        del frames
    check_size(path, size)
    if pixels is None:
        remedy = "play it to check it, or export it again as MP4"
        raise InputError(path, "file", problem, remedy)
    return pixels, meta


def _times(path: Path, count: int) -> np.ndarray:
    """When each of a video's `count` frames is shown [s], the first at 0."""
    show = "-enc_time_base", "demux", "-f", "framecrc", "-"
    words = [imageio_ffmpeg.get_ffmpeg_exe(), *LIMITS, "-i", str(path), *FRAMES, *show]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True)
    said = done.stdout.decode(errors="replace")
    unit = re.search(r"^#tb 0: (\d+)/(\d+)$", said, re.MULTILINE)
    stamps = [int(line.split(",")[2]) for line in said.splitlines() if re.match(r"0, +-?\d", line)]
    if unit is None or len(stamps) != count or not (np.diff(stamps) > 0).all():
        problem = f"are {len(stamps)} of {count} frames, or not in order"
        raise InputError(path, "frame times", problem, "state --frame-rate in frames a second")
    return (np.array(stamps) - stamps[0]) * int(unit[1]) / int(unit[2])

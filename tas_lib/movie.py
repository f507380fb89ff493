"""Write recordings, abreast, as an MP4 or GIF for any browser, with their meshes if wanted."""

import io
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import xarray as xr
from PIL import Image, ImageDraw

from tas_lib.errors import InputError
from tas_lib.mesh import centreline
from tas_lib.recording import replacing

COLOURS = {"endocardium": "#ff5a5a", "centreline": "#ffd23f", "epicardium": "#4fc3f7"}

FASTEST = {".gif": 50}  # frames a second


def write_movie(
    path: str | Path, clip: xr.Dataset | Sequence[xr.Dataset], *, draw_mesh: bool = False
) -> Path:
    """Write a movie; the suffix, .mp4 (H.264) or .gif, chooses the kind.

    clip: a recording, or recordings of the same times and height, shown abreast; played in real
    time even if frames were dropped, at the rate of the median time step; a GIF at most at 50 Hz,
    as browsers play faster ones slowly.
    draw_mesh: draw the recordings' endocardium, centreline and epicardium: see `wall`.
    Raises InputError; nothing half-written stays.
    """
    path = Path(path)
    writers = {".mp4": _write_mp4, ".gif": _write_gif}
    if path.suffix.lower() not in writers:
        raise InputError(path, "suffix", f"is {path.suffix!r}", "name the movie .mp4 or .gif")
    films = [clip] if isinstance(clip, xr.Dataset) else clip
    time = films[0]["time"].values
    rate = min(1 / float(np.median(np.diff(time))), FASTEST.get(path.suffix.lower(), np.inf))
    moments = np.arange(round((time[-1] - time[0]) * rate) + 1) / rate + time[0]
    shown = np.searchsorted(time, moments + 1e-6, side="right") - 1
    drawn = [_images(film, path, draw_mesh) for film in films]
    images = [_abreast([images[i] for images in drawn]) for i in shown]
    with replacing(path) as temporary:
        writers[path.suffix.lower()](temporary, images, rate)
    return path


def wall(ds: xr.Dataset) -> xr.DataArray | None:
    """What is drawn as a recording's mesh: its `tracks`, where a tracker followed it, or `mesh`."""
    return ds.get("tracks", ds.get("mesh"))


def _images(ds: xr.Dataset, path: Path, draw_mesh: bool) -> list[Image.Image]:
    """One image with square pixels per frame of the recording."""
    nodes = wall(ds) if draw_mesh else None
    if draw_mesh and nodes is None:
        raise InputError(path, "mesh", "the recording has none", "add one, or set draw_mesh=False")
    x, z = ds["x"].values, ds["z"].values
    pitch = (z[-1] - z[0]) / (z.size - 1)
    size = round((x[-1] - x[0]) / pitch) + 1, z.size
    levels = np.rint(255 * ds["bmode"].values).astype(np.uint8)
    images = [Image.fromarray(frame).resize(size) for frame in levels]
    if nodes is not None:
        images = [image.convert("RGB") for image in images]
        pixels = (nodes.values - (x[0], z[0])) / pitch
        for image, mesh in zip(images, pixels, strict=True):
            draw = ImageDraw.Draw(image)
            lines = mesh[:, 0], centreline(mesh), mesh[:, -1]
            for line, colour in zip(lines, COLOURS.values(), strict=True):
                draw.line([tuple(point) for point in line], fill=colour)
    return images


def _abreast(images: list[Image.Image]) -> Image.Image:
    wide = Image.new(images[0].mode, (sum(i.width for i in images), images[0].height))
    left = 0
    for image in images:
        wide.paste(image, (left, 0))
        left += image.width
    return wide


def _write_mp4(path: Path, images: list[Image.Image], rate: float) -> None:
    width, height = (n + n % 2 for n in images[0].size)
    writer = imageio_ffmpeg.write_frames(
        path, (width, height), fps=rate, codec="libx264", quality=8, macro_block_size=2
    )
    writer.send(None)
    for image in images:
        even = Image.new("RGB", (width, height))
        even.paste(image)
        writer.send(even.tobytes())
    writer.close()
    try:
        written = imageio_ffmpeg.count_frames_and_secs(path)[0]
    except RuntimeError as error:
        raise OSError("the encoder left no readable movie") from error
    if written != len(images):
        raise OSError(f"the encoder kept {written} of {len(images)} frames")


def _write_gif(path: Path, images: list[Image.Image], rate: float) -> None:
    ends = np.rint(100 / rate * np.arange(len(images) + 1)).astype(int)  # GIF counts in 1/100 s
    buffer = io.BytesIO()
    durations = (10 * np.diff(ends)).tolist()
    images[0].save(
        buffer, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0
    )
    path.write_bytes(buffer.getvalue())

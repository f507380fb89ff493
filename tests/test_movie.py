"""Movies show every frame for its time, with the mesh where it is, and never stay half-written."""

import errno
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from PIL import Image, ImageSequence

from tas_lib import movie, recording
from tas_lib.errors import InputError
from tas_lib.movie import write_movie
from tas_lib.readers.video import decode


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_frames_come_back(tmp_path, suffix):
    frames = np.zeros((5, 31, 43))
    for k, frame in enumerate(frames):
        frame[8 * (k % 3) : 8 * (k % 3) + 8, 5 * k : 5 * k + 10] = 0.8
    film = recording.new(frames, np.arange(5) / 20, np.arange(31), np.arange(43))
    path = write_movie(tmp_path / f"a{suffix}", film)
    pixels, meta = decode(path)
    back = pixels[:, :31, :43, 0]
    assert back.shape == frames.shape and abs(back / 255 - frames).mean() < 0.02
    assert meta["fps"] == pytest.approx(20)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("rate", [40, 60, 75, 120])
def test_browsers_play_a_gif_in_real_time(tmp_path, rate):
    """Who asks for 10 ms or less a frame gets 100."""
    frames = np.random.default_rng(0).random((61, 20, 20))
    film = recording.new(frames, np.arange(61) / rate, np.arange(20), np.arange(20))
    with Image.open(write_movie(tmp_path / "a.gif", film)) as gif:
        shown = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert min(shown) >= 20 and sum(shown) == pytest.approx(1e3 * 61 / rate, abs=40)


def test_mp4_is_what_browsers_play(tmp_path, clip):
    path = write_movie(tmp_path / "a.mp4", clip)
    _, meta = decode(path)
    assert meta["codec"] == "h264" and meta["pix_fmt"].startswith("yuv420p")
    assert all(n % 2 == 0 for n in meta["size"])


def test_a_dropped_frame_leaves_the_one_before_on_the_screen(tmp_path, clip):
    longer = xr.concat([clip, clip.assign_coords(time=clip.time + 0.08)], "time")
    path = write_movie(tmp_path / "a.mp4", longer.isel(time=[0, 1, 3, 4, 5]))
    pixels, meta = decode(path)
    assert len(pixels) == 6 and meta["fps"] == pytest.approx(50)
    steps = abs(np.diff(pixels.astype(float), axis=0)).mean(axis=(1, 2, 3))
    assert steps[1] < 0.3 * np.delete(steps, 1).min()


def test_the_mesh_is_drawn_where_it_is(tmp_path, clip):
    clip["bmode"] = clip["bmode"] * 0
    path = write_movie(tmp_path / "a.gif", clip, draw_mesh=True)
    with Image.open(path) as first:
        image = np.asarray(first.convert("RGB")).astype(int)
    for layer, colour in ((0, movie.COLOURS["endocardium"]), (-1, movie.COLOURS["epicardium"])):
        x, z = clip["mesh"].values[0, 4, layer]
        row, column = round((z - 0.010) * 1e3), round((x + 0.025) * 1e3)
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        patch = image[row - 1 : row + 2, column]
        assert abs(patch - wanted).sum(axis=-1).min() < 40
    assert not image[:10].any()


def test_the_centreline_of_an_even_number_of_layers_lies_between_them(tmp_path, clip):
    assert clip.mesh.shape[2] == 4
    clip["bmode"] = clip["bmode"] * 0
    path = write_movie(tmp_path / "a.gif", clip.assign(mesh=10 * clip.mesh / 9), draw_mesh=True)
    with Image.open(path) as first:
        image = np.asarray(first.convert("RGB")).astype(int)
    wanted = [int(movie.COLOURS["centreline"][i : i + 2], 16) for i in (1, 3, 5)]
    rows = np.flatnonzero(abs(image[:, 25] - wanted).sum(axis=-1) < 40)
    depth = 10 / 9 * (0.025 + 0.034) / 2
    assert rows == pytest.approx(1e3 * (depth - 0.010), abs=1)


def test_films_stand_abreast_in_step(tmp_path, clip):
    frames = np.zeros(clip.bmode.shape, np.float32)
    frames[1:] = 0.8
    other = clip.assign(bmode=(clip.bmode.dims, frames))
    pixels, _ = decode(write_movie(tmp_path / "a.mp4", [clip, other]))
    width = clip.sizes["x"]
    assert pixels.shape[:3] == (4, clip.sizes["z"], 2 * width)
    right = pixels[:, :, width + 3 :, 0].mean(axis=(1, 2)) / 255
    assert right == pytest.approx([0, 0.8, 0.8, 0.8], abs=0.03)
    left = pixels[:, :, : width - 3, 0] / 255
    wanted = clip.bmode.values[:, :, : width - 3]
    assert np.corrcoef(left.ravel(), wanted.ravel())[0, 1] > 0.95


def test_oblong_pixels_become_square(tmp_path, clip):
    wide = clip.drop_vars("mesh").assign_coords(x=2 * clip["x"])
    with Image.open(write_movie(tmp_path / "a.gif", wide)) as image:
        assert image.size == (101, 50)


@pytest.mark.parametrize(
    ("name", "options", "field"), [("a.webp", {}, "suffix"), ("a.mp4", {"draw_mesh": True}, "mesh")]
)
def test_bad_requests_are_refused(tmp_path, clip, name, options, field):
    with pytest.raises(InputError, match=rf"{name}: {field}: .+; .+"):
        write_movie(tmp_path / name, clip.drop_vars("mesh"), **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_no_room_on_disk_leaves_nothing(tmp_path, clip, monkeypatch, suffix):
    def full(path, images, rate):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(movie, f"_write_{suffix[1:]}", full)
    with pytest.raises(InputError, match=r"file: .*No space left on device.*; free some room"):
        write_movie(tmp_path / f"a{suffix}", clip)
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_stops_early_leaves_nothing(tmp_path, clip, monkeypatch):
    monkeypatch.setattr(movie.imageio_ffmpeg, "count_frames_and_secs", lambda path: (1, 0.02))
    with pytest.raises(InputError, match=r"a\.mp4: file: .*kept 1 of 4 frames"):
        write_movie(tmp_path / "a.mp4", clip)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_real_write_failure_leaves_nothing(tmp_path, suffix):
    script = f"""
import resource, numpy as np
from tas_lib import recording
from tas_lib.movie import write_movie
from tas_lib.readers.video import decode
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
noise = np.random.default_rng(0).random((20, 200, 200))
film = recording.new(noise, np.arange(20) / 20, np.arange(200), np.arange(200))
write_movie({str(tmp_path / ("a" + suffix))!r}, film)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "InputError" in result.stderr and "cannot be written" in result.stderr
    assert not list(tmp_path.iterdir())

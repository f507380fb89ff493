"""Grey levels, times and scale of videos."""

import subprocess

import numpy as np
import pytest
from conftest import SECTOR
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image
from refusals import refuses

from tas_lib import errors, movie, readers, recording
from tas_lib.readers import video


def write_video(path, frames, rate=25):
    """Write grey frames (time, row, column) uint8 as a movie."""
    axes = (np.arange(n) for n in frames.shape[1:])
    return movie.write_movie(
        path, recording.new(frames / 255, np.arange(len(frames)) / rate, *axes)
    )


@pytest.mark.parametrize("suffix, tick", [(".mp4", 1e-3), (".gif", 10e-3)])
@pytest.mark.parametrize("rate", [25, 30, 47])
def test_a_video_keeps_grey_levels_and_times(sector_frames, tmp_path, suffix, tick, rate):
    path = write_video(tmp_path / f"a{suffix}", sector_frames, rate)
    ds = readers.read(path, spacing_mm=0.5)
    np.testing.assert_allclose(ds.time, np.arange(6) / rate, atol=tick / 2)
    assert ds.frame_rate == pytest.approx(rate, rel=tick * rate)
    assert ds.sector_r_max == pytest.approx(SECTOR.r_max * 0.5e-3, abs=1e-3)
    rows = np.rint(ds.z.values / 0.5e-3 + ds.origin_row).astype(int)
    columns = np.rint(ds.x.values / 0.5e-3 + ds.origin_column).astype(int)
    truth = sector_frames[:, rows[:, None], columns]
    inside = SECTOR.mask((120, 160))[rows[:, None], columns] & ds.sector.values
    assert np.corrcoef(truth[:, inside].ravel(), ds.bmode.values[:, inside].ravel())[0, 1] > 0.95
    faster = readers.read(path, spacing_mm=0.5, frame_rate=50)
    np.testing.assert_allclose(faster.time, np.arange(6) / 50)


def test_frames_that_come_unevenly_keep_their_times(sector_frames, tmp_path):
    """As phones film, and as editors leave a clip: each frame has a time of its own."""
    wanted = np.array([0, 0.02, 0.04, 0.08, 0.12, 1.0])
    even = write_video(tmp_path / "even.mp4", sector_frames, 50)
    path, stamps = tmp_path / "uneven.mp4", "+".join(f"{t}*eq(N,{k})" for k, t in enumerate(wanted))
    words = (
        "-i",
        even,
        "-vf",
        f"setpts='({stamps})/TB'",
        "-fps_mode",
        "vfr",
        "-enc_time_base",
        "1:1000",
    )
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *words, path], check=True)
    ds = readers.read(path, spacing_mm=0.5)
    np.testing.assert_allclose(ds.time, wanted, atol=1e-3)
    assert ds.duplicates_dropped == 0


def test_a_video_that_is_too_large_is_no_broken_one(sector_frames, tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", sector_frames)
    for module in (errors, video):
        monkeypatch.setattr(module, "MOST", 4 * 120 * 160)
    refuses(lambda: readers.read(path, spacing_mm=0.5), "a.mp4", "size", "5 x 120 x 160", "cut or")


def test_a_video_needs_a_spacing_and_a_sound_file(sector_frames, tmp_path):
    path = write_video(tmp_path / "a.mp4", sector_frames)
    refuses(lambda: readers.read(path), "a.mp4", "spacing_mm", "never guessed", "--spacing-mm")
    for bad in (0, -1, np.nan):
        refuses(lambda b=bad: readers.read(path, spacing_mm=b), "a.mp4", "spacing_mm", "positive")
    for far in (0.05, 5):
        refuses(lambda b=far: readers.read(path, spacing_mm=b), "a.mp4", "pixel spacing", "deep")
    bad_rate = {"spacing_mm": 1, "frame_rate": -1}
    refuses(lambda: readers.read(path, **bad_rate), "a.mp4", "frame_rate", "--frame-rate")
    one = tmp_path / "one.mp4"
    movie._write_mp4(one, [Image.fromarray(sector_frames[0])], 25)
    refuses(lambda: readers.read(one, spacing_mm=1), "one.mp4", "frames", "two or more")
    path.write_bytes(path.read_bytes()[:300])
    refuses(lambda: readers.read(path, spacing_mm=1), "a.mp4", "file", "decoded")
    refuses(lambda: readers.read(tmp_path / "b.mp4", spacing_mm=1), "b.mp4", "file", "not exist")

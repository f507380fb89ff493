"""What CONTRIBUTING.md shows works as it stands, and is short."""

import re
from pathlib import Path

import numpy as np
import pytest
from refusals import refuses

from tas_lib.scene import Scene
from tas_lib.trackers.tracker import track

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
TRACKER, STRATEGY, READER = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def made(block):
    names = {}
    exec(compile(block, "CONTRIBUTING.md", "exec"), names)
    return names


def test_each_is_short():
    assert max(len(block.splitlines()) for block in (TRACKER, STRATEGY, READER)) <= 40


def test_the_tracker_follows_what_moves_as_a_whole(moving_clip):
    clip = moving_clip(1e-3 * np.stack([np.arange(8), -0.5 * np.arange(8)], axis=-1))
    mesh = clip.mesh.values
    found = track(clip, mesh[4], made(TRACKER)["Shift"](), 4).tracks.values
    assert np.abs(found - mesh).max() < 0.6e-3 < np.abs(mesh - mesh[4]).max() / 5


def test_the_strategy_makes_speckle_fade(wall_clip, operator):
    scene = Scene(wall_clip(18e-3, np.zeros(6)), 0, operator=operator, progress=False)
    quick, slow = (made(STRATEGY)["fading"](scene, half_life) for half_life in (0.02, 10.0))
    change = [np.abs(film.bmode[5] - film.bmode[2]).mean().item() for film in (quick, slow)]
    assert change[0] > 3 * change[1] and quick.attrs["strategy"] == "S2"


def test_the_reader_reads_and_refuses(sector_frames, tmp_path):
    read, path = made(READER)["read"], tmp_path / "clip.npz"
    np.savez(path, frames=sector_frames, spacing_mm=0.3, frame_rate=50.0)
    found = read(path)
    assert found.attrs["pixel_mm"] == pytest.approx(0.3) and found.time[1] == pytest.approx(0.02)
    np.savez(path, frames=sector_frames[0], spacing_mm=0.3, frame_rate=50.0)
    refuses(lambda: read(path), str(path), "frames", "give uint8")
    np.savez(path, frames=sector_frames)
    refuses(lambda: read(path), str(path), "file", "spacing_mm")

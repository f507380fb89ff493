"""Training examples: what is cut out, and that tracks still ride on the picture after variation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from tas_lib import recording, samples
from tas_lib.errors import InputError
from tas_lib.samples import Clip, draw, load, sequence

SHIFTS = 1e-3 * np.stack([2 * np.sin(np.arange(12) / 2), np.cos(np.arange(12) / 2)], -1)


@pytest.fixture(scope="module")
def seq(moving_clip):
    return sequence(moving_clip(SHIFTS), 0.5e-3, 8e-3)


def test_a_sequence_holds_the_recordings_picture_and_motion(moving_clip, seq):
    ds = moving_clip(SHIFTS)
    assert seq.video.dtype == np.uint8 and seq.es == 6 and seq.tracks.shape == (12, 27, 2)
    moved = np.diff(seq.tracks, axis=0) * seq.pixel
    np.testing.assert_allclose(moved, np.diff(SHIFTS, axis=0)[:, None].repeat(27, 1), atol=1e-8)
    points = ds.mesh.values[3].reshape(-1, 2)
    row, column = (points[:, 1] - 0.01) / 0.5e-3, (points[:, 0] + 0.03) / 0.5e-3
    there = 255 * map_coordinates(ds.bmode.values[3], [row, column], order=1)
    x, y = seq.tracks[3].T
    found = map_coordinates(seq.video[3], [y, x], float, 1)
    assert np.corrcoef(found, there)[0, 1] > 0.98 and abs(found.mean() - there.mean()) < 3


@pytest.mark.parametrize("frames, least", [(24, 2), (8, 2), (5, 5), (3, 2)])
def test_every_clip_holds_end_systole_at_one_pace(frames, least):
    rng, paces, starts = np.random.default_rng(0), set(), set()
    for _ in range(200):
        found = samples._frames(21, 9, Clip(frames, 10, least), rng)
        assert 9 in found and least <= len(found) <= frames
        assert 0 <= found[0] and found[-1] < 21
        paces |= set(np.diff(found).tolist())
        starts.add(int(found[0]))
    assert paces <= {1, 2, 3} and len(paces) > 1 and len(starts) > 1 + (frames < 20)
    assert 0 in samples._frames(4, 0, Clip(9, 10, 4), rng)


def test_the_same_generator_draws_the_same_example(seq):
    a, b, c = (draw(seq, Clip(8, 10), np.random.default_rng(seed)) for seed in (3, 3, 4))
    for one, other in zip(a, b, strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    assert not torch.equal(a.tracks, c.tracks)


def test_examples_start_anywhere_or_at_the_first_frame(seq):
    rng = np.random.default_rng(0)
    assert len({draw(seq, Clip(6, 5), rng).frame for _ in range(40)}) > 3
    assert {draw(seq, Clip(6, 5), rng, any_start=False).frame for _ in range(20)} == {0}


def test_every_point_keeps_its_correlation_and_its_place_on_the_mesh(seq, monkeypatch):
    monkeypatch.setattr(samples, "_moved", lambda video, tracks, rng: (video, tracks, False))
    known = np.arange(12)[:, None] + np.arange(27) / 100  # of each frame and point another
    coded = replace(seq, correlation=known.astype(np.float32))
    rng, seen = np.random.default_rng(0), set()
    for _ in range(20):
        found = draw(coded, Clip(6, 9), rng)
        least, where = cKDTree(seq.tracks.reshape(-1, 2)).query(found.tracks)
        assert (least < 1e-3).all()
        frame, point = np.divmod(where, 27)
        np.testing.assert_allclose(found.correlation, known[frame, point], rtol=1e-5)
        torch.testing.assert_close(found.grid, seq.grid[point[0]])
        seen.add(bool(frame[0, 0] > frame[-1, 0]))
    assert seen == {False, True}  # forwards and backwards


def test_tracks_ride_on_the_varied_picture(seq, monkeypatch):
    """Around every track the texture looks the same in all frames, wherever it was moved to."""
    monkeypatch.setattr(samples, "_shown", lambda video, rng: video)
    monkeypatch.setattr(samples, "CLOUDED", 0)
    for seed in range(8):
        sample = draw(seq, Clip(6, 27), np.random.default_rng(seed))
        height, width = sample.video.shape[1:]
        spread = []
        for k in range(sample.tracks.shape[1]):
            x, y = sample.tracks[:, k].numpy().T
            if ((x > 3) & (x < width - 4) & (y > 3) & (y < height - 4)).all():
                grey = [
                    map_coordinates(f, [[b], [a]], order=1)[0]
                    for f, a, b in zip(sample.video.numpy(), x, y, strict=True)
                ]
                spread.append(np.std(grey))
        assert len(spread) > 5 and np.mean(spread) < 0.04 < sample.video.std()


def test_a_mirrored_wall_is_told_from_its_other_end(seq):
    """Longitudinal coordinates run from the image's left to its right, whatever was done to it."""
    for seed in range(10):
        sample = draw(seq, Clip(2, 27), np.random.default_rng(seed))
        order = sample.grid[:, 0].argsort(stable=True)
        x = sample.tracks[0, order, 0]
        assert x[-3:].mean() > x[:3].mean()
        assert 0 <= sample.grid.min() and sample.grid.max() <= 1


def test_haze_stands_still_noise_changes_and_a_shadow_takes_away(monkeypatch):
    black, grey = torch.zeros(5, 40, 50), torch.full((5, 40, 50), 0.5)
    monkeypatch.setattr(samples, "CLOUDED", 1)
    for still, changing in ((0.4, 0), (0, 0.4)):
        monkeypatch.setattr(samples, "HAZE", still)
        monkeypatch.setattr(samples, "CLUTTER", changing)
        monkeypatch.setattr(samples, "SHADOW", 0)
        video = samples._clouded(black, np.random.default_rng(1))
        assert 0.02 < video.max() <= 0.4 * 2 and (video[0] < 1e-3).float().mean() > 0.2
        assert torch.equal(video[0], video[4]) == bool(still)
        assert (samples._clouded(grey, np.random.default_rng(1)) >= grey - 1e-6).all()
    monkeypatch.setattr(samples, "CLUTTER", 0)
    monkeypatch.setattr(samples, "SHADOW", 0.4)
    video = samples._clouded(grey, np.random.default_rng(1))
    assert torch.equal(video[0], video[4]) and 0.1 <= video.min() < 0.45 and video.max() == 0.5


def test_grey_levels_stay_in_range(seq):
    for seed in range(12):
        video = draw(seq, Clip(5, 5), np.random.default_rng(seed)).video
        assert video.dtype == torch.float32 and 0 <= video.min() and video.max() <= 1


def test_what_lacks_truth_is_refused(moving_clip, tmp_path):
    ds = moving_clip(SHIFTS)
    for name in ("mesh", "correlation"):
        path = recording.save(ds.drop_vars(name), tmp_path / f"{name}.nc")
        with pytest.raises(InputError, match=f"{name}: is missing; train on"):
            load(path, 0.5e-3, 8e-3)

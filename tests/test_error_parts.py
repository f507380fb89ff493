"""Parts of an error that is known."""

import numpy as np
import pytest

from tas_lib.error_parts import PHASES, parts, smooth

FRAMES, ES = 21, 8


@pytest.fixture
def truth():
    """A mesh (49, 5) 60 mm below the probe that moves smoothly, and back where it began."""
    along, across = np.meshgrid(np.linspace(-1, 1, 49), np.linspace(-1, 1, 5), indexing="ij")
    rest = np.stack([30e-3 * along, 60e-3 + 5e-3 * across], -1)
    phase = np.sin(np.pi * np.arange(FRAMES) / (FRAMES - 1))[:, None, None, None]
    field = np.stack([along**3 + across, along**2 * (1 + across)], -1)
    return rest + 6e-3 * phase * field


def test_a_shift_of_the_mesh_is_told_from_what_is_rough(truth):
    """Noise that is rough over the mesh leaves its mean alone; smoothing takes most of it away."""
    rng = np.random.default_rng(0)
    shifted = parts(truth + np.array([3e-3, 4e-3]), truth, ES, ES, True)
    assert shifted["shift"] == pytest.approx(5e-3)
    noise = 1e-3 * rng.standard_normal(truth.shape)
    noise[ES] = 0
    rough = parts(truth + noise, truth, ES, ES, True)
    whole = np.linalg.norm(noise, axis=-1).mean()
    assert rough["shift"] == pytest.approx(whole / np.sqrt(49 * 5), rel=0.25)
    # of 49 x 5 numbers 9 x 2 are left
    assert rough["smoothed"] == pytest.approx(whole * np.sqrt(18 / 245), rel=0.1)


def test_smooth_motion_stays_as_it_is(truth):
    error = parts(truth, truth, ES, ES, True)
    assert max(error["smoothed"], error["closed"], error["shift"]) < 1e-12
    few = truth[:, ::12, :2]  # fewer nodes than the polynomial has terms
    np.testing.assert_allclose(smooth(few), few, atol=1e-12)


def test_along_the_beam_is_away_from_the_probe(truth):
    away = truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    aside = np.stack([away[..., 1], -away[..., 0]], -1)
    found = parts(truth + 3e-3 * away + 4e-3 * aside, truth, ES, ES, True)
    assert (found["beam"], found["across"]) == pytest.approx((3e-3, 4e-3))


def test_an_even_drift_is_taken_out_of_a_whole_beat_alone(truth):
    drift = np.multiply.outer(np.arange(FRAMES) - ES, np.full(truth.shape[1:], 0.1e-3))
    beat, part = (parts(truth + drift, truth, ES, ES, whole) for whole in (True, False))
    assert beat["closed"] < 1e-12 and np.isnan(part["closed"])
    open_truth = parts(truth + drift, truth + drift, ES, ES, True)
    assert open_truth["closed"] > 0.5e-3  # which closing takes for drift
    distance = 0.1e-3 * np.sqrt(2) * np.abs(np.arange(FRAMES) - ES)
    frames = [0, 2, 4, 6, 8, 11, 14, 17, 20]
    assert len(frames) == 2 * PHASES + 1
    np.testing.assert_allclose(beat["growth"], distance[frames])

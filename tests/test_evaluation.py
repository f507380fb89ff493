"""Errors against the truth: a tracker that knows the motion has none."""

import numpy as np
import pytest
from conftest import SHIFTS

from tas_lib.evaluation import BINS, evaluate, tally, tap
from tas_lib.strain import longitudinal_strain, segment_nodes

SQUEEZE = np.ones((9, 2))  # along x; most one frame after end-systole
SQUEEZE[:, 0] = 1, 0.96, 0.92, 0.88, 0.86, 0.84, 0.9, 0.96, 1


class Knowing:
    """Squeezes and shifts whatever mesh it is given as is known, and adds an error [m]."""

    pixel, least = 0.5e-3, (2, 16)

    def __init__(self, start="es", error=(0.0, 0.0)):
        self.start, self.error = start, np.array(error)

    def follow(self, canvas, mesh, frame, progress=False):
        rest = (canvas.to_metres(mesh) - SHIFTS[frame]) / SQUEEZE[frame]
        moved = rest * SQUEEZE[:, None, None] + (SHIFTS + self.error)[:, None, None]
        moved[frame] -= self.error
        return canvas.to_pixels(moved), None


class Rough(Knowing):
    """Errs in all frames but the given one, in the middle of the wall against both its sides."""

    def follow(self, canvas, mesh, frame, progress=False):
        found, seen = super().follow(canvas, mesh, frame)
        error = np.random.default_rng(0).normal(size=(len(mesh), 1, 2)) * [[4], [-8], [4]]
        return found + error * (np.arange(len(found)) != frame)[:, None, None, None], seen


@pytest.fixture(scope="module")
def clip(moving_clip):
    return moving_clip(SHIFTS, squeeze=SQUEEZE).assign_attrs(cycle="ED to ED")


@pytest.mark.parametrize("start", ["es", "first"])
def test_who_knows_the_motion_has_no_error(clip, start):
    found = evaluate(clip, Knowing(start))
    assert found["mte"] < 1e-9 and found["median"] < 1e-9 and found["folds"] == 0
    assert found["gls"] == pytest.approx(found["gls_true"], abs=1e-9)
    np.testing.assert_allclose(found["segments"], found["segments_true"], atol=1e-9)
    whole, segments = longitudinal_strain(clip.mesh.values, 0)
    assert found["gls_true"] == pytest.approx(whole[5]) and whole[5] < whole[4] - 5e-3 < -0.05
    np.testing.assert_allclose(found["segments_true"], segments[4])
    assert found["closure"] == pytest.approx(np.hypot(*(SHIFTS[-1] - SHIFTS[0])))


def test_a_known_error_is_found(clip):
    found = evaluate(clip, Knowing(error=(3e-3, 4e-3)))
    assert found["mte"] == pytest.approx(8 / 9 * 5e-3)  # the frame that is given has none
    assert found["median"] == pytest.approx(5e-3)


@pytest.mark.parametrize("start", ["es", "first"])
def test_smooth_tracks_neither_fold_nor_change_strain(clip, start):
    """An error of the middle line against both walls has no part that is straight across."""
    found = evaluate(clip, Rough(start))
    assert found["folds"] > 0 and found["folds_smoothed"] == 0
    assert found["gls_smoothed"] == pytest.approx(found["gls_true"])
    assert abs(found["gls"] - found["gls_true"]) > 0.01


def test_tap_metrics_count_points_within_pixels_of_a_scaled_picture():
    """Errors of 3 pixels along x lie within 4, 8 and 16 of the five limits."""
    truth = np.zeros((5, 2, 2, 2))
    found = truth + np.array([3 * 0.2 / 256, 0])
    found[2] += 1.0  # where it is given, nothing counts
    right = tap(found, truth, 2, (0.2, 0.1))
    assert right["delta_average"] == right["jaccard"] == pytest.approx(3 / 5)
    half = np.zeros((5, 2, 2), bool)
    half[:, 0] = True
    less = tap(found, truth, 2, (0.2, 0.1), half)
    assert less["delta_average"] == 3 / 5
    assert less["jaccard"] == pytest.approx(3 * 0.5 / 5)
    across = tap(found[..., ::-1], truth, 2, (0.2, 0.1))
    assert across["delta_average"] == pytest.approx(2 / 5)  # 6 pixels along z


def test_half_a_beat_need_not_close(clip):
    assert np.isnan(evaluate(clip.assign_attrs(cycle="ED to ES"), Knowing())["closure"])


def test_pixels_of_tap_are_of_the_film_as_wide_and_as_high_as_it_is(clip):
    """0.85 mm of 60.5 mm along x are 3.6 pixels, of 50 mm along z 4.4."""
    along, down = (evaluate(clip, Knowing(error=e)) for e in ((0.85e-3, 0), (0, 0.85e-3)))
    assert along["delta_average"] == pytest.approx(3 / 5)
    assert down["delta_average"] == pytest.approx(2 / 5)


class Seeing(Knowing):
    """Also says how well nodes are seen: those of segment k by (k + 0.5) / 6."""

    def follow(self, canvas, mesh, frame, progress=False):
        tracks, _ = super().follow(canvas, mesh, frame)
        seen = np.empty(tracks.shape[:3])
        for k, nodes in enumerate(segment_nodes(mesh.shape[0])):
            seen[:, nodes] = (k + 0.5) / 6
        return tracks, seen


def test_segments_have_errors_visibility_and_correlation(clip):
    found = evaluate(clip, Seeing(error=(3e-3, 4e-3)))
    np.testing.assert_allclose(found["errors"], 8 / 9 * 5e-3)
    np.testing.assert_allclose(found["visibility"], (np.arange(6) + 0.5) / 6)
    np.testing.assert_allclose(found["correlation"], 1)
    number, total = found["calibration"]
    assert number.sum() == total.sum() == 8 * clip.mesh[0, :, :, 0].size  # ES alone is left out
    assert (number > 0).sum() == 6
    unknown = evaluate(clip.drop_vars("correlation"), Knowing())
    assert np.isnan([*unknown["visibility"], *unknown["correlation"]]).all()
    assert not unknown["calibration"].any()


def test_a_tally_counts_by_visibility():
    number, total = tally(np.array([0, 0.05, 0.95, 1, np.nan]), np.array([0.1, 0.2, 0.8, 0.9, 1]))
    np.testing.assert_allclose(number, [2, *[0] * (BINS - 2), 2])
    np.testing.assert_allclose(total, [0.3, *[0] * (BINS - 2), 1.7])

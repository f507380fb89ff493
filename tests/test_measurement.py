"""Strain of a clip of known motion: its uncertainty, its quality, what half a beat can't give."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter, map_coordinates
from typer.testing import CliRunner

from tas_lib import cli, clicks, corrections, drawings, measurement, recording, starts
from tas_lib.corrections import Correction, Corrections
from tas_lib.drawings import Clip, to_file
from tas_lib.errors import InputError
from tas_lib.measurement import measure, spread, thickness_note
from tas_lib.mesh import centreline
from tas_lib.strain import peaks
from tas_lib.trackers.block_matching import SpeckleTracking

PIXEL = 0.5e-3
LENGTH = np.array([1, 0.95, 0.89, 0.85, 0.83, 0.86, 0.91, 0.96, 1])  # of everything, by frame
SPECKLE = {"speckle": SpeckleTracking(drift_compensation=False)}


@pytest.fixture(scope="module")
def shrinking(oval):
    """A wall of 24 x 5 nodes in texture; all of it shrinks alike towards the apex of the sector."""
    z, x = PIXEL * np.arange(20, 200), PIXEL * np.arange(-90, 91)
    texture = gaussian_filter(np.random.default_rng(0).standard_normal((280, 260)), 1.5)
    grey = np.clip(0.5 + 0.25 * texture / texture.std(), 0, 1)
    down, right = np.meshgrid(z / PIXEL, x / PIXEL + 130, indexing="ij")
    bmode = [
        map_coordinates(grey, [down / s, (right - 130) / s + 130], order=3).clip(0, 1)
        for s in LENGTH
    ]
    attrs = {"source": "shrinking", "view": "A4C", "ed_frame": 0, "es_frame": 4}
    ds = recording.new(bmode, np.arange(9) / 50, z, x, cycle="ED to ED", **attrs)
    mesh = LENGTH[:, None, None, None] * oval(24, 0.68, 60e-3)
    ds["mesh"] = (recording.MESH_DIMS, mesh)
    ds.attrs |= {"origin_row": 0.0, "origin_column": 90.0, "pixel_mm": 0.5}
    return recording.validate(ds.assign_coords(frame=("time", np.arange(9))))


@pytest.fixture(scope="module")
def measured(shrinking):
    return measure(starts.start(shrinking), SPECKLE, drawings=5)


def test_all_of_a_wall_that_shrinks_alike_has_the_strain_of_its_length(measured):
    true = 100 * (LENGTH - 1)
    assert list(measured.curves.columns[:2]) == ["GLS", "basal inferoseptal"]
    np.testing.assert_allclose(measured.curves.GLS, true, atol=0.5)
    for curve in measured.curves.values.T:
        np.testing.assert_allclose(curve, true, atol=1.5)
    np.testing.assert_allclose(measured.samples[0, 0, :, 0], -17, atol=1.5)
    assert not measured.quality.doubtful.any() and measured.quality.measured.min() > 0.8
    assert measured.view == "A4C" and measured.film.attrs["start_frame"] == 4


def test_whose_strain_is_the_same_everywhere_is_measured_alike_from_all_drawings(measured):
    """Then errors of the drawing do not matter, and the uncertainty is that of tracking alone."""
    assert measured.runs.shape == (1, 6, 9, 7) and measured.es_frames[0] == 4
    sd, half = spread(measured.samples)
    assert 0 < sd[0, 1] < 0.5 and sd.shape == (7, 4)
    np.testing.assert_allclose(half[0, 1], stats.t.ppf(0.975, 4) * sd[0, 1])


def test_what_is_reported_is_what_the_curves_say(measured):
    for run, es, found in zip(
        measured.runs[0], measured.es_frames, measured.samples[0], strict=True
    ):
        end, systolic, peak, index = peaks(run, es)
        np.testing.assert_allclose(found, np.stack([end, systolic, peak, 100 * index], -1))


def test_other_drawings_follow_from_the_seed_and_serve_all_trackers(shrinking, measured):
    start = starts.start(shrinking)
    both = measure(start, {"a": SPECKLE["speckle"], "b": SPECKLE["speckle"]}, drawings=1)
    np.testing.assert_array_equal(both.runs[0], both.runs[1])
    np.testing.assert_array_equal(both.runs[0], measured.runs[0, :2])
    for seed in (1, (0, 1)):  # of another view, the latter
        other = measure(start, SPECKLE, drawings=1, seed=seed)
        assert np.abs(other.runs[0, 1] - both.runs[0, 1]).max() > 1e-3


@pytest.mark.parametrize(
    ("trackers", "drawings", "of_trackers", "of_drawings"),
    [(1, 10, 0, 2), (2, 4, 1, 2), (4, 6, 0, 2), (6, 5, 3, 1), (3, 20, 1, 1), (8, 0, 3, 0)],
)
def test_the_interval_holds_as_often_as_stated(trackers, drawings, of_trackers, of_drawings):
    """Around the true value, another tracker's reading of another drawing."""
    rng, runs = np.random.default_rng(0), 8000
    sds = of_trackers, of_drawings, 0.5
    shapes = (trackers, 1), (1, drawings), (trackers, drawings or 1)
    errors = [rng.normal(0, sd, (*shape, runs)) for sd, shape in zip(sds, shapes, strict=True)]
    if drawings:  # errors from the walls that are given, which have none from themselves
        given = errors[0] + rng.normal(0, 0.5, (trackers, 1, runs))
        samples = np.concatenate([given, sum(errors)], axis=1)
    else:
        samples = errors[0] + errors[2]
    sd, half = spread(samples)
    assert np.sqrt((sd**2).mean()) == pytest.approx(np.linalg.norm(sds), rel=0.03)
    another = sum(rng.normal(0, sd, runs) for sd in sds)
    assert (np.abs(another) < half).mean() == pytest.approx(0.95, abs=0.025)


def test_trackers_apart_are_not_as_many_as_their_drawings():
    """Two, 2 % apart, each sure of itself: no more is known of a third than from two numbers."""
    samples = np.repeat([[-16.0], [-18.0]], 21, axis=1)[..., None]
    sd, half = spread(samples)
    assert sd == pytest.approx(np.sqrt(2)) and half == pytest.approx(stats.t.ppf(0.975, 1) * sd)


def test_few_numbers_have_no_spread():
    samples = np.array([[[9.0, 9.0], [1.0, 1.0], [2.0, np.nan], [4.0, 3.0]]])
    sd, half = spread(samples)
    assert sd[0] == pytest.approx(np.std([1, 2, 4], ddof=1)) and np.isnan([sd[1], half[1]]).all()
    assert np.isnan(spread(samples[:, :3])).all()


@pytest.mark.parametrize(
    ("cycle", "words"), [("ED to ES", "ends with end-systole"), (None, "does not say")]
)
def test_without_a_whole_beat_what_comes_later_is_not_computed(shrinking, cycle, words):
    half = shrinking.isel(time=slice(5))
    half.attrs = {k: v for k, v in half.attrs.items() if k != "cycle"}
    if cycle:
        half.attrs["cycle"] = cycle
    found = measure(starts.start(half), SPECKLE, drawings=0)
    assert np.isfinite(found.samples[..., :2]).all() and np.isnan(found.samples[..., 2:]).all()
    assert any(words in note and "not computed" in note for note in found.notes)


def test_a_wall_in_changing_noise_is_doubtful(shrinking):
    noise = np.random.default_rng(3).random(shrinking.bmode.shape)
    left = shrinking.x.values < -4e-3
    bmode = np.where(left, noise, shrinking.bmode.values).astype(np.float32)
    hidden = shrinking.assign(bmode=(shrinking.bmode.dims, bmode))
    found = measure(starts.start(hidden), SPECKLE, drawings=0)
    assert found.quality.doubtful.tolist() == [True] * 3 + [False] * 3
    assert any("3 of 6 segments are doubtful" in note for note in found.notes)


class Doubting(SpeckleTracking):
    """Expects little correlation of the first half of the wall."""

    expects_correlation = True

    def follow(self, *given, **options):
        tracks, _ = super().follow(*given, **options)
        visibility = np.ones(tracks.shape[:3])
        visibility[:, : tracks.shape[1] // 2] = 0.2
        return tracks, visibility


def test_where_a_tracker_expects_little_correlation_segments_are_doubtful(shrinking):
    found = measure(starts.start(shrinking), {"doubting": Doubting()}, drawings=0).quality
    assert found.doubtful.tolist() == [True] * 3 + [False] * 3
    np.testing.assert_allclose(found.expected, [0.2] * 3 + [1] * 3)
    early = starts.start(shrinking, at="first")  # what it expects is of end-systole, not of this
    found = measure(early, {"doubting": Doubting()}, drawings=0).quality
    assert found.expected.isna().all() and not found.doubtful.any()
    assert found.measured.min() > 0.8


def test_the_command_takes_clicks_corrections_and_several_trackers(shrinking, tmp_path):
    recording.save(shrinking.drop_vars("mesh"), tmp_path / "clip.nc")
    clip, me = Clip("shrinking", rows=220, columns=200, frames=9), ("me", "2026-11-27")
    points = to_file(shrinking.mesh.values[4][[0, 12, 23], 0], shrinking)
    beat = {"view": "A4C", "ed_frame": 0, "es_frame": 4, "last_frame": 8}
    clicked = clicks.Clicks(clip, *me, **beat, frame=4, points=points)
    moved = to_file(centreline(shrinking.mesh.values[8])[0] + [0, 4e-3], shrinking)
    corrected = Corrections(clip, *me, (Correction(8, 0.0, *map(float, moved)),))
    drawings.write(clicked, clicks.FORMAT, tmp_path / "clicks.json")
    drawings.write(corrected, corrections.FORMAT, tmp_path / "corrections.json")
    words = ["strain", tmp_path / "clip.nc", "--init", tmp_path / "clicks.json", "--drawings", 1]
    words += ["--corrections", tmp_path / "corrections.json", "--out", tmp_path / "report"]
    words += ["--tracker", "speckle", "--tracker", "myotracker"]
    result = CliRunner().invoke(cli.app, list(map(str, words)))
    assert result.exit_code == 0, result.output
    view = json.loads((tmp_path / "report" / "report.json").read_text())["views"][0]
    assert view["runs"] == 4 and any("8 mm, is assumed" in note for note in view["notes"])
    tracks = recording.open(tmp_path / "report" / "A4C.nc").tracks.values
    found = to_file(centreline(tracks[8])[0], shrinking)
    np.testing.assert_allclose(found, moved, atol=1e-2)


def test_corrected_points_are_kept_to_from_all_drawings(shrinking):
    start = starts.start(shrinking)
    point = to_file(centreline(shrinking.mesh.values[8])[0] + [0, 4e-3], shrinking)
    clip = Clip("shrinking", rows=220, columns=200, frames=9)
    given = Corrections(clip, "me", "2026", (Correction(8, 0.0, *map(float, point)),))
    found = measure(start, SPECKLE, drawings=2, corrected=given)
    at = centreline(found.film.tracks.values[8])[0]
    np.testing.assert_allclose(to_file(at, shrinking), point, atol=1e-3)
    free = measure(start, SPECKLE, drawings=2)
    longer = (found.runs - free.runs)[0]  # by 4 mm at the left base, in the last frame
    assert (longer[:, 8, 1] > 5).all() and np.abs(longer[:, 8, 6]).max() < 1
    np.testing.assert_allclose(longer[:, 4], longer[:, 0], atol=1e-9)  # the walls stay as drawn


def test_a_correction_may_take_nodes_beside_it_out_of_the_picture(shrinking):
    low = float(shrinking.z[-1])
    mesh = shrinking.mesh + [0, low - float(shrinking.mesh[..., 1].max()) - 1e-3]  # at its edge
    clip = Clip("shrinking", rows=220, columns=200, frames=9)
    lower = to_file(centreline(mesh.values[8])[3] + [0, 4e-3], shrinking)
    given = Corrections(clip, "me", "2026", (Correction(8, 3 / 23, *map(float, lower)),))
    start = starts.start(shrinking.assign(mesh=mesh))
    film = measure(start, SPECKLE, drawings=0, corrected=given).film
    assert float(film.tracks[8, ..., 1].max()) == pytest.approx(low)


def test_a_slow_clip_and_one_played_backwards_are_said_to_be(shrinking):
    slow = shrinking.assign_coords(time=2 * shrinking.time).assign_attrs(reversed=1)
    notes = " ".join(measure(starts.start(slow), SPECKLE, drawings=0).notes)
    assert "25 frames a second" in notes and "backwards" in notes


def test_without_room_for_other_drawings_there_is_no_uncertainty(shrinking, monkeypatch):
    def refuse(*args):
        raise InputError("recording", "mesh", "leaves the sector by 4 mm", "draw it again")

    monkeypatch.setattr(measurement, "observer", refuse)
    found = measure(starts.start(shrinking), SPECKLE)
    assert found.runs.shape[1] == 1 and np.isnan(spread(found.samples)).all()
    assert "No uncertainty" in found.notes[-1] and "leaves the sector by 4 mm" in found.notes[-1]


def test_the_assumed_thickness_is_varied(shrinking, monkeypatch):
    points = to_file(shrinking.mesh.values[4][[0, 12, 23], 0], shrinking)
    clip = Clip("shrinking", rows=220, columns=200, frames=9)
    beat = {"view": "A4C", "ed_frame": 0, "es_frame": 4, "last_frame": 8}
    clicked = clicks.Clicks(clip, "me", "2026", **beat, frame=4, points=points)
    note = thickness_note(shrinking.drop_vars("mesh"), clicked, SPECKLE["speckle"])
    assert "8 mm, is assumed" in note and "at 6 mm" in note and "at 10 mm" in note
    words = note.replace("\N{MINUS SIGN}", "-").split()
    values = [float(word) for word in words if word.startswith("-")]
    np.testing.assert_allclose(values, -17, atol=1)  # all shrinks alike
    longer = to_file(centreline(shrinking.mesh.values[0])[0] + [0, 6e-3], shrinking)
    given = Corrections(clip, "me", "2026", (Correction(0, 0.0, *map(float, longer)),))
    corrected = thickness_note(shrinking.drop_vars("mesh"), clicked, SPECKLE["speckle"], given)
    words = corrected.replace("\N{MINUS SIGN}", "-").split()
    assert max(float(word) for word in words if word.startswith("-")) < min(values) - 1
    start = starts.start

    def narrow(recording, drawn, at):
        if drawn.thickness_mm > clicked.thickness_mm:
            raise InputError("clip", "mesh", "leaves the sector", "draw it within")
        return start(recording, drawn, at)

    monkeypatch.setattr(starts, "start", narrow)
    again = thickness_note(shrinking.drop_vars("mesh"), clicked, SPECKLE["speckle"])
    assert again == note[: note.index(" and ")] + " and unknown at 10 mm (leaves the sector)."

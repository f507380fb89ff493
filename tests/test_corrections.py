"""Corrected points: tracks pass through them, and come nearer to the truth."""

import json

import numpy as np
import pytest
from refusals import refuses
from scipy.ndimage import gaussian_filter

from tas_lib import corrections
from tas_lib.corrections import APART, REACH, Correction, Corrections, follow, keyframes
from tas_lib.drawings import Clip, by_clip, to_file, write
from tas_lib.mesh import centreline
from tas_lib.trackers.block_matching import SpeckleTracking
from tas_lib.trackers.tracker import track

CLIP = Clip("texture", rows=120, columns=140, frames=17)
FRAMES = 17
SHIFTS = 1e-3 * np.stack([3 * np.sin(np.arange(FRAMES) / 3), 2 * np.cos(np.arange(FRAMES) / 3)], -1)


@pytest.fixture(scope="module")
def beat(moving_clip):
    """Tissue that moves by SHIFTS; its left third is hidden by still noise in frames 4 to 8."""
    ds = moving_clip(SHIFTS - SHIFTS[0])
    noise = gaussian_filter(np.random.default_rng(5).standard_normal(ds.bmode.shape[1:]), 1.5)
    hidden = np.clip(0.5 + 0.25 * noise / noise.std(), 0, 1)
    left = ds.x.values < -0.008
    ds.bmode.values[4:9, :, left] = hidden[:, left]
    ds.attrs |= {"origin_row": 0.0, "origin_column": 70.0, "pixel_mm": 0.5}
    return ds.assign_coords(frame=("time", np.arange(FRAMES)))


@pytest.fixture(scope="module")
def run(beat):
    return track(beat, beat.mesh.values[0], SpeckleTracking(), 0)


def truth(beat, frame, *along):
    """What someone says who sees where these points of the middle of the wall are."""
    line, node = centreline(beat.mesh.values[frame]), np.linspace(0, 1, beat.mesh.shape[1])
    points = np.stack([np.interp(along, node, x) for x in line.T], -1)
    return [
        Correction(frame, a, *map(float, point))
        for a, point in zip(along, to_file(points, beat), strict=True)
    ]


def said(*points):
    return Corrections(CLIP, "me", "2026", tuple(point for some in points for point in some))


def test_a_corrected_frame_has_its_points_where_they_are_and_the_rest_nearly_unmoved(beat, run):
    given = said([Correction(9, 0.0, 40.0, 60.0), Correction(9, 0.125, 42.0, 55.0)])
    (mesh,) = keyframes(given, beat, run.tracks.values, 0).values()
    there = to_file(centreline(mesh), beat)
    np.testing.assert_allclose(there[[0, 1]], [[40, 60], [42, 55]], atol=1e-9)
    shift = np.linalg.norm(mesh - run.tracks.values[9], axis=-1)
    assert shift[-1].max() < 1e-2 * shift.max()
    across = (np.diff(m, axis=1) for m in (mesh, run.tracks.values[9]))
    np.testing.assert_allclose(*across, atol=1e-12)  # the wall is as thick as it was


def test_one_correction_falls_off_as_stated(beat, run):
    given = said([Correction(9, 0.5, 70.0, 20.0)])
    shift = keyframes(given, beat, run.tracks.values, 0)[9] - run.tracks.values[9]
    along = np.linspace(-0.5, 0.5, 9) / REACH
    share = np.linalg.norm(shift, axis=-1) / np.linalg.norm(shift[4], axis=-1)
    np.testing.assert_allclose(share, np.exp(-np.abs(along[:, None])).repeat(3, 1), atol=1e-9)


@pytest.mark.parametrize("shifts", [(0, 1, 0), (1, 0, 1), (1, -1, 1)])
@pytest.mark.parametrize("apart", [APART, 1 / 12])
def test_nothing_moves_farther_than_what_was_corrected(beat, run, shifts, apart):
    tracks = run.tracks.values
    line = centreline(tracks[9])
    points = []
    for k, shift in enumerate(shifts):
        along = 0.4 + k * apart
        at = [np.interp(along, np.linspace(0, 1, len(line)), x) for x in line.T]
        points.append(Correction(9, along, *to_file(np.array(at) + (1e-3 * shift, 0), beat)))
    moved = keyframes(said(points), beat, tracks, 0)[9] - tracks[9]
    assert np.abs(moved).max() <= 1e-3 * (1 + 1e-6)


def test_tracks_pass_through_walls_and_corrections_and_come_nearer_to_the_truth(beat, run):
    start = beat.mesh.values[0]
    meshes = {0: start} | keyframes(
        said(truth(beat, 8, 0, 1 / 6, 1 / 3), truth(beat, 16, 0, 1 / 6)), beat, run.tracks.values, 0
    )
    found = follow(beat, SpeckleTracking(), meshes)
    for frame, mesh in meshes.items():
        np.testing.assert_allclose(found.tracks.values[frame], mesh, atol=1e-6)
    hidden = slice(0, 3)
    error, before = (
        np.linalg.norm(tracks - beat.mesh, axis=-1)[:, hidden].mean()
        for tracks in (found.tracks, run.tracks)
    )
    assert before > 0.5e-3 and error < 0.5 * before
    assert found.tracks.dims == run.tracks.dims and found.tracks.attrs["units"] == "m"
    assert found.visibility.shape == run.visibility.shape


def test_without_corrections_nothing_changes(beat, run):
    found = follow(beat, SpeckleTracking(), {0: beat.mesh.values[0]})
    np.testing.assert_array_equal(found.tracks, run.tracks)


def test_frames_that_cannot_be_corrected_are_named(beat, run):
    late = beat.isel(time=slice(2, None))
    for frame, words in ((1, ("outside the beat", "2 to 16")), (4, ("walls were given",))):
        given = said(truth(beat, frame, 0.5))
        refuses(
            lambda g=given: keyframes(g, late, run.tracks.values[2:], 2),
            "corrections",
            "frame",
            *words,
        )


def test_a_frame_and_its_dropped_repetition_are_corrected_as_one(beat, run):
    gap = beat.isel(time=np.delete(np.arange(FRAMES), 10))  # frame 10 repeated 9
    tracks = np.delete(run.tracks.values, 10, axis=0)
    one, other = Correction(9, 0.25, 40.0, 60.0), Correction(9, 0.75, 100.0, 55.0)
    repeated = Correction(10, 0.75, 100.0, 55.0)
    (wanted,), (found,) = (
        keyframes(said([one, second]), gap, tracks, 0).values() for second in (other, repeated)
    )
    np.testing.assert_array_equal(found, wanted)
    twice = said([other, repeated])
    refuses(lambda: keyframes(twice, gap, tracks, 0), "corrections", "frame", "one of the two")


def test_corrections_come_back_from_their_file(beat, tmp_path):
    given = said(truth(beat, 9, 0.1, 0.5))
    loaded = corrections.load(write(given, corrections.FORMAT, tmp_path / "points.json"))
    assert loaded.corrections == given.corrections and loaded.clip == CLIP
    assert loaded.span == (9, 9)


FAULTS = {
    "none": ([], "corrections", "one point"),
    "no list": ({}, "corrections", "one point"),
    "frame": ([{"frame": 17}], r"corrections\[0\].frame", "17 frames"),
    "along": ([{"along": 1.2}], r"corrections\[0\].along", "apex"),
    "outside": ([{"row": 130.0}], r"corrections\[0\]", "120 rows"),
    "near": ([{}, {"along": 0.501}], r"corrections\[1\].along", "one of the two"),
    "missing": ([{"row": None}], r"corrections\[0\].row", "float"),
    "other": ([{"node": 3}], r"corrections\[0\].node", "not known"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_named(tmp_path, fault):
    points, field, *words = FAULTS[fault]
    good = {"frame": 9, "along": 0.5, "column": 70.0, "row": 20.0}
    path = write(said([Correction(**good)]), corrections.FORMAT, tmp_path / "points.json")
    data = json.loads(path.read_text())
    data["corrections"] = [good | p for p in points] if isinstance(points, list) else points
    path.write_text(json.dumps(data))
    refuses(lambda: corrections.load(path), str(path), field, *words)


def test_each_drawing_finds_its_clip(beat):
    other = beat.assign_attrs(source="other.dcm")
    given = said(truth(beat, 9, 0.5))
    assert by_clip([given], [other, beat]) == [None, given]
    refuses(lambda: by_clip([given], [other]), "corrections", "clip.file", "other.dcm")
    refuses(lambda: by_clip([given], [other, other]), "corrections", "clip", "none of the clips")
    refuses(lambda: by_clip([given, given], [beat]), "corrections", "clip", "same")

"""Three clicks or drawn walls become one beat and its mesh in one frame."""

import json
from dataclasses import replace

import numpy as np
import pytest
from refusals import refuses

from tas_lib import clicks, recording, starts
from tas_lib.anatomy import Anatomy
from tas_lib.clicks import Clicks, prior
from tas_lib.contours import Contours
from tas_lib.drawings import Clip, to_metres, write
from tas_lib.mesh import centreline

CLIP = Clip("beat.dcm", rows=300, columns=320, frames=40)
LEFT, APEX, RIGHT = [110.0, 250.0], [145.0, 80.0], [180.0, 240.0]  # mm: half of it
BEAT = {"view": "A2C", "ed_frame": 5, "es_frame": 15, "last_frame": 30}
THREE = Clicks(CLIP, "A. N. Other", "2026", **BEAT, frame=12, points=np.array([LEFT, APEX, RIGHT]))


@pytest.fixture
def whole():
    """The whole file, its apex at row 20, column 150; 0.5 mm a pixel."""
    z, x = np.arange(0, 270) * 5e-4, np.arange(-150, 151) * 5e-4
    bmode = np.zeros((40, z.size, x.size), np.float32)
    place = {"source": "beat.dcm", "origin_row": 20.0, "origin_column": 150.0, "pixel_mm": 0.5}
    ds = recording.new(bmode, np.arange(40) / 30, z, x, **place)
    return ds.assign_coords(frame=("time", np.arange(40)))


def written(tmp_path, **changes):
    data = json.loads(write(THREE, clicks.FORMAT, tmp_path / "clicks.json").read_text())
    (tmp_path / "clicks.json").write_text(json.dumps(data | changes))
    return tmp_path / "clicks.json"


def test_clicks_come_back_from_their_file(tmp_path):
    loaded = starts.load(written(tmp_path))
    np.testing.assert_array_equal(loaded.points, THREE.points)
    assert (loaded.clip, loaded.thickness_mm, loaded.frame) == (CLIP, 8.0, 12)


def test_the_prior_is_the_anatomy_s_cavity():
    across, up = prior().T
    heart = Anatomy()
    height = heart.length - up * (heart.length - heart.apex)
    radius = np.abs(across) * heart.inner(heart.length)
    np.testing.assert_allclose(radius, heart.inner(height), atol=1e-9)
    np.testing.assert_allclose(prior()[[0, 20, 40]], [[-1, 0], [0, 1], [1, 0]], atol=1e-12)


def test_walls_pass_through_the_clicks_and_are_as_thick_as_stated(whole):
    for thickness in (6.0, 11.0):
        walls = clicks.walls(replace(THREE, thickness_mm=thickness), whole)
        (drawn,) = walls.contours
        np.testing.assert_allclose(drawn.endo[[0, 20, 40]], THREE.points, atol=1e-6)
        apart = to_metres(drawn.epi, whole) - to_metres(drawn.endo, whole)
        np.testing.assert_allclose(np.linalg.norm(apart, axis=1), 1e-3 * thickness)
        assert f"{thickness:g} mm" in walls.method


def test_clicks_start_in_their_frame_and_cut_the_beat(whole):
    start = starts.start(whole, THREE)
    assert start.frame == 12 - 5 and start.mesh.shape == (36, 5, 2)
    assert (start.beat.sizes["time"], start.beat.attrs["es_frame"]) == (26, 10)
    assert (start.beat.attrs["view"], start.beat.attrs["cycle"]) == ("A2C", "ED to ED")
    ends = centreline(start.mesh)[[0, -1]]
    clicked = to_metres(THREE.points[[0, 2]], whole)
    np.testing.assert_allclose(np.linalg.norm(ends - clicked, axis=1), 4e-3, rtol=0.05)
    half = starts.start(whole, replace(THREE, last_frame=15))
    assert half.beat.attrs["cycle"] == "ED to ES" and half.beat.sizes["time"] == 11


@pytest.fixture
def contour(whole):
    return clicks.walls(THREE, whole).contours[0]


def contours(contour, *frames):
    walls = tuple(replace(contour, frame=frame) for frame in frames)
    return Contours(CLIP, "me", "2026", **BEAT, method="by eye", uncertainty_mm=1.0, contours=walls)


def test_drawn_walls_are_taken_where_the_tracker_wants_them_or_first(whole, contour):
    many = contours(contour, 2, 5, 15, 30)
    assert starts.start(whole, many, "es").frame == 10
    assert starts.start(whole, many, "first").frame == 0
    assert starts.start(whole, contours(contour, 2, 9, 30), "es").frame == 4
    outside = contours(contour, 2, 33)
    refuses(lambda: starts.start(whole, outside), "contours", "frame", "2, 33", "draw them")


def test_a_drawn_frame_that_repeats_another_stands_for_it(whole, contour):
    without = whole.isel(time=np.delete(np.arange(40), 15))
    assert starts.start(without, contours(contour, 15)).frame == 9


def test_a_recording_brings_its_own_walls(clip):
    given = clip.assign_attrs(ed_frame=0, es_frame=2)
    for at, frame in (("es", 2), ("first", 0)):
        start = starts.start(given, at=at)
        assert start.frame == frame and "mesh" not in start.beat
        np.testing.assert_array_equal(start.mesh, given.mesh.values[frame])
    refuses(lambda: starts.start(clip, where="a.nc"), "a.nc", "ed_frame", "contour file")
    refuses(lambda: starts.start(clip.drop_vars("mesh"), where="a.nc"), "a.nc", "walls", "draw")


FAULTS = {
    "two": ({"points": [LEFT, APEX]}, "points", "2 instead of 3", "in this order"),
    "text": ({"points": "apex"}, "points", "no list"),
    "outside": ({"points": [LEFT, [400, 20], RIGHT]}, "points", "320 columns"),
    "frame": ({"frame": 40}, "frame", "40 frames"),
    "thin": ({"thickness_mm": 0.8}, "thickness_mm", "3 to 30 mm"),
    "beat": ({"es_frame": 31}, "ed_frame, es_frame, last_frame", "rising"),
    "unknown": ({"apex": APEX}, "apex", "not known"),
    "format": ({"format": "tas-walls"}, "format", "tas-clicks-1", "tas-contours-1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_named(tmp_path, fault):
    changes, field, *words = FAULTS[fault]
    path = written(tmp_path, **changes)
    refuses(lambda: starts.load(path), str(path), field, *words)


WRONG = {
    "exchanged": ([RIGHT, APEX, LEFT], "right end", "in this order"),
    "upside down": ([[110, 80], [145, 250], [180, 90]], "below the annulus", "in this order"),
    "order": ([APEX, [110, 100], [180, 240]], "degrees off", "in this order"),
    "small": ([[140, 250], [150, 230], [160, 250]], "cavity of 10 mm", "scale"),
    "wide": ([[60, 250], [145, 80], [240, 240]], "annulus of 90 mm", "scale"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_clicks_that_are_no_ventricle_are_refused(whole, wrong):
    points, *words = WRONG[wrong]
    call = replace(THREE, points=np.array(points, float))
    refuses(lambda: clicks.walls(call, whole), "clicks", "points", *words)


def test_drawn_walls_at_a_wrong_scale_are_refused(whole, contour):
    far = whole.assign_coords(z=2 * whole.z, x=2 * whole.x).assign_attrs(pixel_mm=1.0)
    refuses(lambda: starts.start(far, contours(contour, 15)), "contours", "walls", "clip's scale")


def test_walls_beyond_the_sector_are_refused(whole):
    narrow = whole.assign_attrs(sector_half_angle=0.3, sector_r_min=0.0, sector_r_max=0.14)
    refuses(lambda: starts.start(narrow, THREE), "clicks", "mesh", "sector")
    refuses(lambda: starts.start(whole.assign_attrs(source="b.dcm"), THREE), "clicks", "clip.file")

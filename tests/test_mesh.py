from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pytest
import shapely
from conftest import wall_distance
from hypothesis import given, settings
from hypothesis import strategies as st

from tas_lib import mesh, recording
from tas_lib.contours import Contour, Contours, load
from tas_lib.drawings import Clip
from tas_lib.errors import InputError
from tas_lib.readers import default_clip, read

ED, ES = (24e-3, 85e-3), (15e-3, 72e-3)  # m, half width and height of the cavity


def wall(half_width, height, points=15, base=110e-3):
    """Half an ellipse that stands on its base, a little leaning: (points, 2) [x, z] metres."""
    angle = np.linspace(0, np.pi, points)
    x, z = -half_width * np.cos(angle), base - height * np.sin(angle)
    return np.stack((x + 0.1 * (base - z), z), axis=-1)


def walls(half_width, height, thickness=8e-3, points=15):
    epi = wall(half_width + thickness, height + thickness, points)
    return wall(half_width, height, points), epi


def ventricle(half_width, height, count=36, points=15):
    return mesh.mesh_from_walls(*walls(half_width, height, points=points), count, 5)


def orientations(nodes):
    return np.unique(np.sign(recording.triangle_areas(nodes[None])))


def similar(points):
    """Turned by 10 degrees, 20 % larger, moved."""
    turn = np.radians(10)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return 1.2 * points @ matrix + (3e-3, -2e-3)


@pytest.mark.parametrize("count", [36, 37])
def test_nodes_have_equal_arc_lengths_on_each_half_wall(count):
    nodes = ventricle(*ED, count, points=200)
    half = (count - 1) // 2
    for line in (nodes[:, 0], nodes[:, -1]):
        step = np.linalg.norm(np.diff(line, axis=0), axis=1)
        for part in (step[:half], step[-half:]):  # chords are a little shorter where it bends
            assert np.ptp(part) < 0.02 * part.mean()


def test_the_middle_radial_line_lies_on_the_long_axis_at_the_apex():
    middle, base = ventricle(*ED, 37)[18], np.array([0, 110e-3])
    along = (middle - base) / np.linalg.norm(middle - base, axis=1, keepdims=True)
    np.testing.assert_allclose(along, along[[0]].repeat(5, axis=0), atol=1e-6)
    for node, drawn in zip(middle[[0, -1]], walls(*ED, points=999), strict=True):
        far = np.linalg.norm(drawn - base, axis=1).max()
        assert np.linalg.norm(node - base) == pytest.approx(far, rel=2e-3)


def test_the_mesh_starts_at_the_bases_and_keeps_to_the_walls():
    nodes = ventricle(*ED)
    for line, fine in zip((nodes[:, 0], nodes[:, -1]), walls(*ED, points=999), strict=True):
        np.testing.assert_allclose(line[[0, -1]], fine[[0, -1]], atol=2e-4)
        assert shapely.distance(shapely.LineString(fine), shapely.points(line)).max() < 3e-4
    np.testing.assert_allclose(nodes[:, 2], (nodes[:, 0] + nodes[:, 4]) / 2)
    assert orientations(nodes).size == 1


def test_walls_that_are_moved_turned_and_scaled_move_the_mesh_alike():
    endo, epi = walls(*ED)
    moved = mesh.mesh_from_walls(similar(endo), similar(epi), 36, 5)
    np.testing.assert_allclose(moved, similar(mesh.mesh_from_walls(endo, epi, 36, 5)), atol=1e-12)


def test_sampling_and_pixel_noise_hardly_move_the_nodes():
    exact = ventricle(*ED, points=400)
    np.testing.assert_allclose(ventricle(*ED, points=15), exact, atol=1e-3)
    pixel = 0.5e-3
    steps = (np.round(line / pixel) * pixel for line in walls(*ED, points=400))
    steps = (line[np.append(True, (np.diff(line, axis=0) != 0).any(axis=1))] for line in steps)
    np.testing.assert_allclose(mesh.mesh_from_walls(*steps, 36, 5), exact, atol=1e-3)


def test_walls_that_give_folds_are_refused():
    endo, epi = walls(*ED)
    with pytest.raises(InputError, match="endo, epi: .* cells .* fold; draw"):
        mesh.mesh_from_walls(endo, epi[::-1], 36, 5)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_locate_is_the_inverse_of_carry(seed):
    rng = np.random.default_rng(seed)
    nodes = mesh.extend(ventricle(*ED) + rng.uniform(-3e-4, 3e-4, (36, 5, 2)), 3e-3)
    uv = rng.uniform((0, 0), (37, 6), (2000, 2))
    points = mesh.interpolate(nodes, uv)
    np.testing.assert_allclose(mesh.locate(nodes, points), uv, atol=1e-7)
    np.testing.assert_allclose(
        mesh.interpolate(nodes, mesh.locate(nodes, points)), points, atol=1e-12
    )


def test_locate_finds_nodes_and_nothing_outside():
    nodes = ventricle(*ED)
    index = np.stack(np.indices((36, 5)), axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(mesh.locate(nodes, nodes.reshape(-1, 2)), index, atol=1e-8)
    points = np.random.default_rng(1).uniform((-0.06, 0), (0.06, 0.13), (20000, 2))
    outside = wall_distance(nodes, points) > 0
    assert 0.05 < 1 - outside.mean() < 0.5
    np.testing.assert_array_equal(np.isnan(mesh.locate(nodes, points)).all(axis=1), outside)
    assert mesh.locate(nodes, np.empty((0, 2))).shape == (0, 2)


def test_square_cells_have_exact_index_coordinates():
    square = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0), indexing="ij"), axis=-1)
    points = np.random.default_rng(2).uniform(0, (3, 2), (500, 2))
    for nodes in (square, square * (-1, 1)):  # both orientations
        points_here = points * (nodes[1, 0, 0], 1)
        np.testing.assert_allclose(mesh.locate(nodes, points_here), points, atol=1e-12)


def test_interpolation_reproduces_a_bilinear_field():
    u, v = np.indices((36, 5))
    rng = np.random.default_rng(3)
    uv = rng.uniform((0, 0), (35, 4), (500, 2))

    def field(u, v):
        return 2 + 3 * u - v + 0.5 * u * v

    np.testing.assert_allclose(mesh.interpolate(field(u, v), uv), field(*uv.T))
    nodes = ventricle(*ED)
    np.testing.assert_allclose(
        mesh.interpolate(nodes[..., 1], uv), mesh.interpolate(nodes, uv)[:, 1]
    )
    assert np.isnan(mesh.interpolate(field(u, v), np.array([[np.nan, np.nan]]))).all()


@pytest.mark.parametrize("size", [ED, ES, (7e-3, 60e-3)])
@pytest.mark.parametrize("width", [1e-3, 4e-3])
def test_extend_adds_a_ring_without_folds(size, width):
    nodes = ventricle(*size)
    wide = mesh.extend(nodes, width)
    assert wide.shape == (38, 7, 2)
    np.testing.assert_array_equal(wide[1:-1, 1:-1], nodes)
    assert orientations(wide).size == 1
    assert mesh.outline(wide).is_valid
    step = np.linalg.norm(wide[1:-1, 1] - wide[1:-1, 0], axis=-1)
    assert step.max() <= width * (1 + 1e-12)
    for ring in (wide[1:-1, -1], wide[0, 1:-1], wide[-1, 1:-1]):  # nothing limits these
        np.testing.assert_allclose(wall_distance(nodes, ring), width, rtol=0.02)
    if size == ED:
        np.testing.assert_allclose(step, width)
    both = mesh.extend(np.stack((nodes, similar(nodes))), width)
    np.testing.assert_array_equal(both[0], wide)


def test_distance_and_mask_agree_with_geometry():
    nodes = ventricle(*ED)
    middle = mesh.centreline(nodes)
    np.testing.assert_allclose(middle, nodes[:, 2])
    np.testing.assert_allclose(mesh.centreline(nodes[:, :4]), nodes[:, 1:3].mean(axis=1))
    assert not wall_distance(nodes, middle[1:-1]).any()
    below = nodes[0, 2] + (0, 5e-3)
    assert wall_distance(nodes, below[None])[0] == pytest.approx(5e-3, rel=0.01)
    z, x = np.arange(0, 0.13, 2e-4), np.arange(-0.06, 0.06, 2e-4)
    image = mesh.mask(nodes, z, x)
    assert image.shape == (z.size, x.size)
    area = np.abs(recording.triangle_areas(nodes[None]).sum())
    assert image.sum() * 4e-8 == pytest.approx(area, rel=2e-3)


def test_folds_counts_the_triangles_that_turned():
    frames = np.repeat(ventricle(*ED)[None], 3, axis=0)
    np.testing.assert_array_equal(mesh.folds(frames), [0, 0, 0])
    frames[1, 10, 2] += 1.5 * (frames[1, 11, 2] - frames[1, 10, 2])  # past its neighbour
    frames[2] *= (-1, 1)  # mirrored: each of 35 x 4 x 2 triangles
    assert mesh.folds(frames)[0] == 0
    assert 1 <= mesh.folds(frames)[1] <= 6
    assert mesh.folds(frames)[2] == 280
    square = np.stack(np.meshgrid([0.0, 1, 2], [0.0, 1], indexing="ij"), axis=-1)
    pushed = square.copy()
    pushed[1, 0, 0] = 2.5  # of the four triangles only that between it and the next two turns
    np.testing.assert_array_equal(mesh.folds(np.stack((square, pushed))), [0, 1])


def test_a_quarter_of_a_million_points_are_quick():
    nodes = mesh.extend(ventricle(*ED), 3e-3)
    points = np.random.default_rng(4).uniform((-0.06, 0), (0.06, 0.13), (250_000, 2))
    start = process_time()
    mesh.locate(nodes, points)
    assert process_time() - start < 1


PIXEL, ORIGIN = 0.5e-3, (150.0, -10.0)  # m; column and row of the apex of the sector
CLIP = Clip("beat.dcm", rows=300, columns=320, frames=40, sop_instance_uid="1.2.3")


def drawing(sizes):
    drawn = tuple(
        Contour(frame, *(line / PIXEL + ORIGIN for line in walls(*size)))
        for frame, size in sizes.items()
    )
    ends = min(sizes), max(sizes)
    beat = {"view": "A4C", "ed_frame": ends[0], "es_frame": 15, "last_frame": ends[1]}
    return Contours(
        CLIP, "A. N. Other", "2026", **beat, method="by eye", uncertainty_mm=2.0, contours=drawn
    )


def clip(dropped=()):
    """A recording of `CLIP` without some frames, with uneven times."""
    frames = np.setdiff1d(np.arange(40), dropped)
    time = frames / 30 + 0.005 * np.sin(frames)
    z, x = PIXEL * np.arange(10, 300), PIXEL * np.arange(-100, 101)
    bmode = np.zeros((frames.size, z.size, x.size), np.float32)
    place = {"origin_column": ORIGIN[0], "origin_row": ORIGIN[1], "pixel_mm": 1e3 * PIXEL}
    ids = {"source": "beat.dcm", "sop_instance_uid": "1.2.3"}
    made = recording.new(bmode, time - time[0], z, x, **place, **ids)
    return made.assign_coords(frame=("time", frames))


SIZES = {5: ED, 9: (22e-3, 83e-3), 15: ES, 22: (19e-3, 78e-3), 30: (23.5e-3, 84e-3)}


def test_the_template_passes_through_the_drawn_frames():
    given_clip = clip()
    made = mesh.template_mesh(drawing(SIZES), given_clip)
    assert made["mesh"].dims == recording.MESH_DIMS
    assert made["mesh"].shape == (26, 36, 5, 2)
    assert (made.attrs["ed_frame"], made.attrs["es_frame"]) == (0, 10)
    assert made.time.values[0] == 0
    np.testing.assert_allclose(np.diff(made.time), np.diff(given_clip.time)[5:30])
    for frame, size in SIZES.items():
        at = int(np.flatnonzero(made["frame"] == frame)[0])
        np.testing.assert_allclose(made["mesh"].values[at], ventricle(*size), atol=1e-12)
    gap = np.abs(made["mesh"].values[-1] - made["mesh"].values[0]).max()
    assert gap > 2e-4  # the beat is not forced to close
    assert not mesh.folds(made["mesh"].values).any()
    assert "mesh" not in given_clip and "ed_frame" not in given_clip.attrs


def test_motion_between_drawn_frames_is_smooth_and_overshoots_nowhere():
    made = mesh.template_mesh(drawing(SIZES), clip())
    nodes, drawn = made["mesh"].values, np.array([0, 4, 10, 17, 25])
    for a, b in zip(drawn[:-1], drawn[1:], strict=True):
        ends = nodes[[a, b]]
        assert (nodes[a : b + 1] >= ends.min(axis=0) - 1e-12).all()
        assert (nodes[a : b + 1] <= ends.max(axis=0) + 1e-12).all()
    uneven = mesh.template_mesh(drawing({5: ED, 30: ES}), clip())
    share = (uneven["mesh"].values - ventricle(*ED))[:, 0, 0, 0]
    np.testing.assert_allclose(share / share[-1], uneven.time / uneven.time[-1], atol=1e-9)


def test_a_dropped_frame_stands_for_the_one_it_repeats():
    kept = mesh.template_mesh(drawing(SIZES), clip(dropped=[5, 12, 15, 30]))
    assert list(kept["frame"].values[[0, -1]]) == [4, 29]
    assert kept["frame"].values[kept.attrs["es_frame"]] == 14
    for at, size in ((0, ED), (kept.attrs["es_frame"], ES), (-1, SIZES[30])):
        np.testing.assert_allclose(kept["mesh"].values[at], ventricle(*size), atol=1e-12)
    twice = mesh.template_mesh(drawing(SIZES | {14: (14e-3, 71e-3)}), clip(dropped=[15]))
    np.testing.assert_allclose(
        twice["mesh"].values[twice.attrs["es_frame"]],
        (ventricle(*ES) + ventricle(14e-3, 71e-3)) / 2,
        atol=1e-12,
    )


def test_drawings_outside_the_recording_are_ignored():
    sizes = {2: (30e-3, 80e-3)} | SIZES | {32: (30e-3, 80e-3), 38: (30e-3, 80e-3)}
    whole = mesh.template_mesh(replace(drawing(sizes), ed_frame=5, last_frame=30), clip())
    cut = clip().isel(time=slice(4, 31))
    made = mesh.template_mesh(replace(drawing(sizes), ed_frame=5, last_frame=30), cut)
    np.testing.assert_array_equal(made["frame"], whole["frame"])
    at = int(np.flatnonzero(made["frame"] == 15)[0])
    for frame, size in ((0, ED), (at, ES), (-1, SIZES[30])):
        np.testing.assert_allclose(made["mesh"].values[frame], ventricle(*size), atol=1e-12)


def test_template_refuses_what_it_cannot_mesh():
    with pytest.raises(InputError, match="mesh: n_longitudinal, n_radial: are 3, 5; choose"):
        mesh.template_mesh(drawing(SIZES), clip(), n_longitudinal=3)
    with pytest.raises(InputError, match="drawn on another clip"):
        mesh.template_mesh(drawing(SIZES), clip().assign_attrs(sop_instance_uid="9"))
    with pytest.raises(InputError, match=r"contours: mesh: leaves the sector by .*; correct"):
        mesh.template_mesh(drawing(SIZES | {9: (60e-3, 83e-3)}), clip())
    spoilt = drawing(SIZES)
    bad = replace(spoilt.contours[1], epi=spoilt.contours[1].epi[::-1])
    spoilt = replace(spoilt, contours=(spoilt.contours[0], bad, *spoilt.contours[2:]))
    with pytest.raises(InputError, match=r"contours: contours\[1\]: endo, epi: .*fold"):
        mesh.template_mesh(spoilt, clip())


@pytest.fixture(scope="module")
def template():
    contours = load(Path(mesh.__file__).parent / "data" / "a4c_contours.json")
    return mesh.template_mesh(contours, read(default_clip()))


def test_the_default_clip_gets_a_sound_mesh(template):
    nodes = template["mesh"].values
    assert not mesh.folds(nodes).any()
    length = np.linalg.norm(np.diff(mesh.centreline(nodes), axis=1), axis=-1).sum(axis=1)
    strain = length / length[0] - 1
    assert abs(int(np.argmin(strain)) - template.attrs["es_frame"]) <= 1
    assert -0.25 < strain.min() < -0.1
    speed = np.linalg.norm(np.diff(nodes, axis=0), axis=-1).max(axis=(1, 2))
    assert (speed / np.diff(template.time)).max() < 0.15  # m/s, about the fastest annulus


def test_the_default_mesh_extends_without_folds(template):
    wide = mesh.extend(template["mesh"].values, 4e-3)
    for frame in wide:
        assert orientations(frame).size == 1
        assert mesh.outline(frame).is_valid

import re

import numpy as np
import pytest
import shapely
from scipy import ndimage

from tas_lib import mesh, recording
from tas_lib.errors import InputError
from tas_lib.masks import mesh_from_masks, walls_from_mask

CENTRE = np.array([0, 70e-3])
SHAPES = {  # half width, height, angle below the widest level at which it is cut, turn
    "half ellipse": (24e-3, 85e-3, 0, 0),
    "narrow base, turned right": (24e-3, 70e-3, 0.4, 0.2),
    "turned left": (20e-3, 70e-3, 0.2, -0.35),
}


def wall(half_width, height, low=0.0, turn=0.0):
    """An ellipse cut at its base, turned about CENTRE: (points, 2) [x, z] metres, left to right."""
    angle = np.linspace(-low, np.pi + low, 3001)
    points = np.stack((-half_width * np.cos(angle), 110e-3 - height * np.sin(angle)), axis=-1)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (points - CENTRE) @ matrix + CENTRE


def truth(half_width=24e-3, height=85e-3, low=0.0, turn=0.0, thickness=8e-3):
    """Both walls, cut at one level."""
    outer = half_width + thickness, height + thickness
    low_outside = np.arcsin(np.sin(low) * height / outer[1])
    return wall(half_width, height, low, turn), wall(*outer, low_outside, turn)


def grid(pixel=0.5e-3):
    """z and x [m] of an image 145 mm deep and 120 mm wide."""
    depth, width = (pixel * np.arange(round(size / pixel)) for size in (145e-3, 120e-3))
    return depth + 5e-3, width - 60e-3


def raster(walls, z, x):
    cavity, union = (shapely.contains_xy(shapely.Polygon(w), *np.meshgrid(x, z)) for w in walls)
    return np.where(cavity, 1, np.where(union, 2, 0))


@pytest.fixture(scope="module")
def labels():
    return raster(truth(), *grid())


def distance(points, line):
    return shapely.distance(shapely.LineString(line), shapely.points(points))


@pytest.mark.parametrize("pixel", [0.3e-3, 0.5e-3])
@pytest.mark.parametrize("shape", SHAPES)
def test_walls_lie_where_they_were_rasterised(shape, pixel):
    z, x = grid(pixel)
    walls = truth(*SHAPES[shape])
    found = walls_from_mask(raster(walls, z, x), z, x)
    for line, true in zip(found, walls, strict=True):
        assert distance(line, true).mean() < 0.15 * pixel
        assert distance(true, line).mean() < 0.15 * pixel
        assert distance(line, true).max() < pixel
        assert np.linalg.norm(line[[0, -1]] - true[[0, -1]], axis=1).max() < 1.5 * pixel
        assert line[0, 0] < line[-1, 0]
        assert line[:, 1].argmin() not in (0, len(line) - 1)
    nodes, true = (mesh.mesh_from_walls(*w, 36, 5) for w in (found, walls))
    assert np.linalg.norm(nodes - true, axis=-1).mean() < 0.5 * pixel


def test_pixels_may_be_twice_as_wide_as_deep():
    z, x = grid(0.3e-3)
    for line, true in zip(
        walls_from_mask(raster(truth(), z, x[::2]), z, x[::2]), truth(), strict=True
    ):
        assert distance(line, true).mean() < 0.1e-3
        assert np.linalg.norm(line[[0, -1]] - true[[0, -1]], axis=1).max() < 0.6e-3


def test_whole_pixels_of_shift_shift_the_walls(labels):
    z, x = grid()
    moved = np.roll(labels, (7, -11), axis=(0, 1))
    for line, there in zip(
        walls_from_mask(labels, z, x), walls_from_mask(moved, z, x), strict=True
    ):
        np.testing.assert_allclose(there, line + 0.5e-3 * np.array([-11, 7]), rtol=0, atol=1e-9)


def test_a_mirrored_mask_gives_mirrored_walls():
    z, x = grid()
    x = x - x.mean()
    image = raster(truth(*SHAPES["turned left"]), z, x)
    for line, there in zip(
        walls_from_mask(image, z, x), walls_from_mask(image[:, ::-1], z, x), strict=True
    ):
        np.testing.assert_allclose(there, line[::-1] * (-1, 1), rtol=0, atol=0.3e-3)


def test_specks_and_holes_are_ignored(labels):
    z, x = grid()
    random = np.random.default_rng(0)
    inner, wall_, outer = (np.isin(labels, k) for k in (1, 2, 0))
    pixels = random.random(labels.shape) < 0.01
    clear = ndimage.maximum_filter(labels, 7) == ndimage.minimum_filter(labels, 7)
    noisy = labels.copy()
    for part, other in ((inner, 2), (inner, 0), (wall_, 1), (wall_, 0), (outer, 1), (outer, 2)):
        noisy[part & clear & pixels & (random.random(labels.shape) < 0.5)] = other
    assert (noisy != labels).sum() > 100
    for line, there in zip(
        walls_from_mask(labels, z, x), walls_from_mask(noisy, z, x), strict=True
    ):
        np.testing.assert_array_equal(there, line)


@pytest.mark.parametrize("label", [1, 2])
def test_an_island_in_a_hole_of_the_cavity_is_not_the_heart(labels, label):
    z, x = grid()
    away = np.hypot(*np.meshgrid(x, z - 70e-3))
    holed = np.where(away < 2e-3, np.where(away < 0.75e-3, label, 0), labels)
    for line, there in zip(
        walls_from_mask(labels, z, x), walls_from_mask(holed, z, x), strict=True
    ):
        np.testing.assert_array_equal(there, line)


def test_an_atrium_is_outside(labels):
    z, x = grid()
    zz, xx = np.meshgrid(z, x, indexing="ij")
    atrium = (labels == 0) & (zz > 110e-3) & (np.hypot(xx, zz - 118e-3) < 22e-3)
    for line, there in zip(
        walls_from_mask(labels, z, x),
        walls_from_mask(np.where(atrium, 3, labels), z, x),
        strict=True,
    ):
        np.testing.assert_array_equal(there, line)


def test_labels_may_be_of_any_type(labels):
    z, x = grid()
    walls = walls_from_mask(labels.astype(np.float32), z, x)
    for line, there in zip(walls_from_mask(labels, z, x), walls, strict=True):
        np.testing.assert_array_equal(there, line)


def test_myocardium_may_touch_the_border(labels):
    z, x = grid()
    keep = x > -28e-3  # cuts half of the left wall away
    endo, epi = walls_from_mask(labels[:, keep], z, x[keep])
    assert distance(endo, truth()[0]).mean() < 0.1e-3
    assert abs(epi[:, 0].min() - x[keep][0]) < 0.5e-3
    right = epi[epi[:, 0] > 0]
    assert distance(right, truth()[1]).mean() < 0.1e-3


def test_a_contracting_ventricle_gives_the_strain_of_its_contours():
    z, x = grid()
    beat = np.sin(np.linspace(0, np.pi, 12)) ** 2
    walls = [truth(24e-3 - 8e-3 * s, 85e-3 - 13e-3 * s, thickness=8e-3 + 4e-3 * s) for s in beat]
    found = mesh_from_masks(np.stack([raster(w, z, x) for w in walls]), z, x)
    assert found.shape == (12, 36, 5, 2)
    assert mesh.folds(found).max() == 0
    true = np.stack([mesh.mesh_from_walls(*w, 36, 5) for w in walls])
    assert np.linalg.norm(found - true, axis=-1).mean() < 0.5e-3

    def strain(nodes):
        length = np.linalg.norm(np.diff(mesh.centreline(nodes), axis=1), axis=-1).sum(axis=1)
        return 100 * (length / length[0] - 1)

    assert strain(true).min() < -10
    np.testing.assert_allclose(strain(found), strain(true), atol=0.5)


def test_smoothing_over_time_calms_pixels_and_keeps_both_ends():
    z, x = grid()
    images = [raster(truth(24e-3 - s, 85e-3 - s), z, x) for s in 3e-3 * np.linspace(0, 1, 15)]
    found = mesh_from_masks(np.stack(images), z, x, 21, 3)
    single = np.stack([mesh.mesh_from_walls(*walls_from_mask(i, z, x), 21, 3) for i in images])
    np.testing.assert_array_equal(found[[0, -1]], single[[0, -1]])
    np.testing.assert_array_equal(mesh_from_masks(images[:3], z, x, 21, 3), single[:3])

    def jitter(nodes):
        return np.abs(np.diff(nodes[1:-1], 2, axis=0)).mean()

    assert jitter(found) < 0.5 * jitter(single)


def test_meshes_are_valid_in_a_recording(labels):
    z, x = grid()
    bmode = np.zeros((2, z.size, x.size))
    ds = recording.new(bmode, [0, 0.02], z, x)
    ds["mesh"] = (recording.MESH_DIMS, mesh_from_masks(np.stack((labels, labels)), z, x))
    recording.validate(ds)


FAULTS = {
    "another shape": (lambda m, z, x: m[:-1], "labels", "depth first"),
    "NaN": (lambda m, z, x: np.where(m == 2, np.nan, m), "labels", "by nearest pixel"),
    "fractions": (lambda m, z, x: m + 0.5, "labels", "by nearest pixel"),
    "no cavity": (lambda m, z, x: np.where(m == 1, 2, m), "cavity", "label 1"),
    "no myocardium": (lambda m, z, x: np.where(m == 2, 0, m), "myocardium", "label 2"),
    "border": (lambda m, z, x: np.where(z[:, None] > 109e-3, m[200], m), "cavity", "border"),
    "left wall only": (
        lambda m, z, x: np.where((m == 2) & (x > 0), 0, m),
        "cavity",
        "both its walls",
    ),
    "gap in a wall": (
        lambda m, z, x: np.where((m == 2) & (x > 0) & (abs(z[:, None] - 0.07) < 5e-3), 0, m),
        "cavity",
        "both its walls",
    ),
    "closed base": (
        lambda m, z, x: np.where(
            (abs(z[:, None] - 0.112) < 2.5e-3) & (abs(x) < 0.03) & (m == 0), 2, m
        ),
        "cavity",
        "two base corners",
    ),
    "apex down": (lambda m, z, x: m[::-1], "cavity", "apex to the top"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_the_frame_the_field_and_the_remedy(labels, fault):
    z, x = grid()
    spoil, field, text = FAULTS[fault]
    wrong = spoil(labels, z, x)
    with pytest.raises(InputError, match=rf"^clip: {field}: .*{re.escape(text)}"):
        walls_from_mask(wrong, z, x, where="clip")
    if wrong.shape == labels.shape:
        with pytest.raises(InputError, match=rf"^file\.nii: frame 1: {field}: "):
            mesh_from_masks(np.stack((labels, wrong)), z, x, where="file.nii")


@pytest.mark.parametrize("frames", [0, None])
def test_masks_without_frames_are_refused(labels, frames):
    with pytest.raises(InputError, match="^masks: labels: .* stack frames"):
        mesh_from_masks(labels if frames is None else labels[None][:0], *grid())

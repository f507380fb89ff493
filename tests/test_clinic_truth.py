"""The truth that comes with the virtual patient's images: mesh points, strain and segments."""

import numpy as np
import pytest
from clinic_fixtures import MOVING, POSE, Toy

from tas_lib.clinic import Pose
from tas_lib.heart import Heart
from tas_lib.mesh import centreline
from tas_lib.strain import segment_lengths


def test_mesh_points_ride_on_material_points(moving):
    named = POSE.in_plane(moving.mesh.values[0]).reshape(-1, 3)
    np.testing.assert_allclose(moving.elevation.values[0], 0, atol=1e-12)
    for t, mesh, y in zip(
        moving.time.values, moving.mesh.values, moving.elevation.values, strict=True
    ):
        x, z = np.moveaxis(mesh, -1, 0)
        here = POSE.to_heart(np.stack([x, y, z], -1)).reshape(-1, 3)
        np.testing.assert_allclose(here, MOVING.move(named, t), atol=1e-9)
    assert np.abs(moving.elevation).max() > 0.5e-3


def test_affine_motion_gives_its_analytic_strain(moving, film):
    """A fibre along d gets |F d| / |d| - 1; the image shows |P F d| / |d| - 1."""
    line = centreline(moving.mesh.values)
    step = POSE.in_plane(np.diff(line[0], axis=0)) - POSE.in_plane([0.0, 0.0])
    k = 2
    f = np.eye(3) + np.sin(np.pi * moving.time.values[k] / 0.1) ** 2 * MOVING.grow
    seen = (step @ f.T) @ POSE.axes.T
    rest = np.linalg.norm(step, axis=-1).sum()
    space, plane = (np.linalg.norm(d, axis=-1).sum() / rest - 1 for d in (seen, seen[:, [0, 2]]))
    assert moving.gls.values[k] == pytest.approx(space, abs=1e-9)
    assert moving.gls_in_plane.values[k] == pytest.approx(plane, abs=1e-9)
    assert abs(space - plane) > 1e-4

    shrunk = film(Toy(-0.15 * np.eye(3)), half=True)
    s = np.sin(np.pi * shrunk.time.values / 0.1) ** 2
    np.testing.assert_allclose(shrunk.strain, np.tile(-0.15 * s[:, None], 6), atol=1e-9)
    np.testing.assert_allclose(shrunk.strain_in_plane, shrunk.strain, atol=1e-9)


@pytest.mark.parametrize("view", ["A4C", "A2C", "A3C"])
def test_truth_in_an_ideal_view_is_the_hearts_own(scan_of, view):
    """The mesh's middle line and `Heart.segmental`'s are drawn by different rules: 1 point."""
    heart, time = Heart(), np.array([0.0, 0.2, 0.332])
    path = scan_of(heart, pose=Pose(view)).path(time)
    length = segment_lengths(centreline(path))
    np.testing.assert_allclose(length / length[0] - 1, heart.segmental(view, time), atol=0.01)
    whole = length.sum(-1)
    np.testing.assert_allclose(whole / whole[0] - 1, heart.gls(view, time), atol=0.003)


def test_segments_are_thirds_of_each_half_and_keep_to_their_nodes():
    x = np.linspace(0, 1, 36)
    line = np.stack(
        [np.stack([x, 0 * x], -1), np.stack([np.where(x < 0.5, x, 2 * x - 0.5), x], -1)]
    )
    np.testing.assert_allclose(segment_lengths(line[:1]), np.full((1, 6), 1 / 6))
    left, right = np.sqrt(2) / 6, np.sqrt(5) / 6
    np.testing.assert_allclose(segment_lengths(line)[1], [left] * 3 + [right] * 3, rtol=0.03)


def test_segments_are_named_from_image_left_base_over_the_apex(film):
    a3c = film(Toy(), pose=Pose("A3C", 18e-3), half=True)
    assert list(a3c.segment.values[:3]) == [
        f"{level} inferolateral" for level in ("basal", "mid", "apical")
    ]
    assert a3c.segment.values[-1] == "basal anteroseptal"
    assert a3c.attrs["view"] == "A3C"

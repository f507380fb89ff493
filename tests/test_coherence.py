import numpy as np
import pytest
from conftest import wall_distance

from tas_lib import recording
from tas_lib.coherence import WallMap

RAMP = 3e-3
LEFT, RIGHT, TOP, BOTTOM = -4e-3, 5e-3, 20e-3, 50e-3  # of the straight wall [m]


@pytest.fixture(scope="module")
def straight():
    """A recording of 2 frames with an upright straight wall, which moves 2 mm to the right."""
    x, z = 0.25e-3 * np.arange(-60, 61), 0.25e-3 * np.arange(300)
    ds = recording.new(np.zeros((2, len(z), len(x))), [0, 0.02], z, x)
    nodes = np.stack(
        np.meshgrid(np.linspace(LEFT, RIGHT, 4), np.linspace(TOP, BOTTOM, 7), indexing="xy"), -1
    )
    return ds.assign(mesh=(recording.MESH_DIMS, np.stack([nodes, nodes + [2e-3, 0]])))


@pytest.fixture(scope="module")
def wall(straight):
    return WallMap(straight, RAMP)


def pixels(straight, shift=0.0):
    """Distances [m] of all pixels from the straight wall, along x and along z; 0 inside."""
    x, z = np.meshgrid(straight.x, straight.z)
    beside = np.maximum.reduce([LEFT + shift - x, x - RIGHT - shift, np.zeros_like(x)])
    above = np.maximum.reduce([TOP - z, z - BOTTOM, np.zeros_like(x)])
    return beside, above


@pytest.mark.parametrize("frame, shift", [(0, 0.0), (1, 2e-3)])
def test_one_value_fills_the_wall_and_falls_linearly_to_zero_beside_it(
    straight, wall, frame, shift
):
    found = wall.spread(0.8)[frame]
    beside, above = pixels(straight, shift)
    expected = 0.8 * np.clip(1 - beside / RAMP, 0, 1) * np.clip(1 - above / RAMP, 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.dtype == np.float32


def test_values_of_the_nodes_are_bilinear_inside_and_carried_straight_out(straight, wall):
    """Node values linear along and across the wall make a plane; a frame has its own values."""
    rows, columns = 7, 4
    along, across = np.linspace(0, 0.5, rows)[:, None], np.linspace(0, 0.4, columns)
    found = wall.spread(np.stack([along + across, np.zeros((rows, columns))]))
    x, z = np.meshgrid(straight.x, straight.z)
    beside, above = pixels(straight)
    plane = 0.5 * np.clip((z - TOP) / (BOTTOM - TOP), 0, 1)
    plane += 0.4 * np.clip((x - LEFT) / (RIGHT - LEFT), 0, 1)
    fade = np.clip(1 - beside / RAMP, 0, 1) * np.clip(1 - above / RAMP, 0, 1)
    np.testing.assert_allclose(found[0], plane * fade, atol=1e-5)
    np.testing.assert_array_equal(found[1], 0)


def test_the_map_stays_between_zero_and_one(wall):
    wild = np.random.default_rng(0).normal(0.5, 2, (2, 7, 4))
    found = wall.spread(wild)
    assert found.min() == 0 and found.max() == 1
    np.testing.assert_array_equal(wall.spread(1.7), wall.spread(1.0))
    np.testing.assert_array_equal(wall.spread(-0.3), 0)


def test_a_bent_wall_has_the_full_value_inside_and_none_beyond_the_ramp(wall_clip):
    clip = wall_clip(8e-3, np.array([0.0, 1e-3, 2e-3]))
    found = WallMap(clip, RAMP).spread(0.6)
    points = np.stack(np.meshgrid(clip.x, clip.z), -1).reshape(-1, 2)
    for nodes, frame in zip(clip.mesh.values, found, strict=True):
        distance = wall_distance(nodes, points)
        np.testing.assert_allclose(frame.ravel()[distance == 0], 0.6, rtol=1e-5)
        np.testing.assert_array_equal(frame.ravel()[distance > np.sqrt(2) * RAMP], 0)
        beside = (distance > 0) & (distance < RAMP) & (np.abs(points[:, 0]) < 8e-3)
        expected = 0.6 * (1 - distance[beside] / RAMP)
        np.testing.assert_allclose(frame.ravel()[beside], expected, atol=0.02)


def test_sampling_an_image_is_bilinear_and_zero_outside(straight, wall):
    x, z = np.meshgrid(straight.x, straight.z)
    image = 3 + 50 * x - 20 * z
    rng = np.random.default_rng(1)
    points = np.stack([rng.uniform(-15e-3, 15e-3, 200), rng.uniform(0, 74e-3, 200)], -1)
    np.testing.assert_allclose(wall.sample(image, points), 3 + points @ [50, -20], atol=1e-9)
    outside = np.array([[0.0, -1e-3], [0.0, 80e-3], [16e-3, 30e-3], [-16e-3, 30e-3]])
    np.testing.assert_array_equal(wall.sample(image, outside), 0)


def test_sampling_the_map_gives_back_what_was_spread(straight, wall):
    """Between pixels as well: the map is linear there, but for the edges' bends."""
    rng = np.random.default_rng(2)
    points = np.stack([rng.uniform(LEFT, RIGHT, 300), rng.uniform(TOP, BOTTOM, 300)], -1)
    np.testing.assert_allclose(wall.sample(wall.spread(0.7)[0], points), 0.7, atol=1e-2)

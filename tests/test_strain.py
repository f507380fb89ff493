"""Strain of motions whose strain is known, and what is reported of curves."""

import numpy as np
import pytest

from tas_lib.mesh import centreline
from tas_lib.strain import longitudinal_strain, peaks, segment_lengths, segment_names, segment_nodes


@pytest.fixture(scope="module")
def wall(oval):
    return oval(36, 0.75, 55e-3)


def test_a_wall_that_is_scaled_and_turned_has_one_strain_everywhere(wall):
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    mesh = np.stack([wall, 0.8 * wall @ turn.T + 5e-3, 1.1 * wall])
    gls, segments = longitudinal_strain(mesh)
    np.testing.assert_allclose(gls, [0, -0.2, 0.1], atol=1e-12)
    np.testing.assert_allclose(segments, np.repeat(gls[:, None], 6, 1), atol=1e-12)
    since, _ = longitudinal_strain(mesh, 1)
    np.testing.assert_allclose(since, [1 / 0.8 - 1, 0, 1.1 / 0.8 - 1], atol=1e-12)


def test_segments_are_made_of_tissue(wall):
    """A wall of which one side's basal third alone shortens along itself, by a quarter."""
    line = np.stack([np.zeros(36), np.linspace(0, 0.1, 36)], -1)  # straight: arc length is z
    mesh = np.repeat(line[:, None], 3, 1) + [[0, 0], [1e-3, 0], [2e-3, 0]]
    z = mesh[..., 1]
    third = 0.05 / 3
    moved = mesh.copy()
    moved[..., 1] = np.where(z < third, 0.75 * z, z - 0.25 * third)
    gls, segments = longitudinal_strain(np.stack([mesh, moved]))
    assert segments[1, 0] == pytest.approx(-0.25, abs=0.03)  # nodes lie some way off its end
    np.testing.assert_allclose(segments[1, 2:], 0, atol=1e-9)
    assert gls[1] == pytest.approx(-0.25 * third / 0.1)
    _, back = longitudinal_strain(np.stack([moved, mesh]), 1)  # thirds are those at end-diastole
    np.testing.assert_allclose(back, segments[::-1], atol=1e-9)
    assert segment_names("A4C")[0] == "basal inferoseptal" and len(segment_names(None)) == 6


def test_nodes_lie_in_the_segments_whose_lengths_are_measured(wall):
    """The steps between nodes of one segment make up its length, but for parts of two steps."""
    steps = np.linalg.norm(np.diff(centreline(wall), axis=0), axis=1)
    nodes = segment_nodes(36)
    assert np.concatenate(nodes).tolist() == list(range(36)) and {*map(len, nodes)} == {6}
    of = np.repeat(range(6), 6)
    found = segment_lengths(centreline(wall)[None])[0]
    summed = np.bincount((of[:-1] + of[1:]) // 2, steps)
    np.testing.assert_allclose(summed, found, atol=steps.max())


def test_what_comes_before_end_diastole_is_no_systole():
    curves = np.array([-0.3, 0, -0.1, -0.2, -0.1])
    found = peaks(curves[:, None], 3, 1)
    assert (found.end_systolic, found.peak_systolic, found.peak) == (-0.2, -0.2, -0.2)


def test_peaks_are_told_with_their_timing():
    curves = np.array(
        [[0, 0, 0], [-0.1, 0.05, -0.2], [-0.15, 0.1, -0.1], [-0.2, 0.02, -0.05], [-0.05, 0.01, 0]]
    )
    found = peaks(curves, 2)
    np.testing.assert_allclose(found.end_systolic, [-0.15, 0.1, -0.1])
    np.testing.assert_allclose(found.peak_systolic, [-0.15, 0, -0.2])
    np.testing.assert_allclose(found.peak, [-0.2, 0, -0.2])
    np.testing.assert_allclose(found.post_systolic_index, [0.25, np.nan, 0])

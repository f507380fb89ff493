"""From echoes to the screen: compression, and samples that become pixels."""

import numpy as np
import pytest

from tas_lib.simulator.display import ScanConverter, compress


def test_compression_gives_back_the_envelope_it_was_made_of():
    """Between white and the floor V^gamma is the envelope; outside, white and black."""
    envelope = np.array([0.0, 0.9e-3, 1.1e-3, 0.1, 0.5, 1.0, 3.0]) * 7
    for gamma in 1.0, 2.0, 2.5:
        grey = compress(envelope, white=7.0, gamma=gamma, dynamic_range=60.0)
        np.testing.assert_allclose(grey[2:6] ** gamma * 7, envelope[2:6])
        np.testing.assert_array_equal(grey[[0, 1, 6]], [0, 0, 1])


@pytest.fixture(scope="module")
def screen(acquisition):
    x, z = 0.4e-3 * np.arange(-90, 91), 0.4e-3 * np.arange(175)
    return ScanConverter(acquisition, z, x), *np.meshgrid(x, z)


def test_a_constant_stays_constant_in_the_sector_and_is_zero_outside(acquisition, screen):
    convert, x, z = screen
    picture = convert(np.full((len(acquisition.depth), acquisition.n_lines), 0.7))
    r, angle = np.hypot(x, z), np.abs(np.arctan2(x, z))
    pixel, half = 0.4e-3, acquisition.sector / 2
    first, last = acquisition.depth[[0, -1]]
    inside = (r > first + pixel) & (r < last - pixel) & (r * (half - angle) > pixel)
    outside = (r < first - pixel) | (r > last + pixel) | (r * (angle - half) > pixel)
    np.testing.assert_allclose(picture[inside], 0.7, rtol=1e-5)
    np.testing.assert_array_equal(picture[outside], 0)
    assert inside.sum() > 0.9 * (picture > 0).sum()


def test_ranges_and_angles_come_out_at_the_pixels_they_belong_to(acquisition, screen):
    """The mean range over a pixel p is p^2 / 24 r beyond the range of its centre: under 1 um."""
    convert, x, z = screen
    r, angle = np.hypot(x, z), np.arctan2(x, z)
    inside = (r > 16e-3) & (r < 64e-3) & (np.abs(angle) < acquisition.sector / 2 - 0.03)
    ranges = np.repeat(acquisition.depth[:, None], acquisition.n_lines, 1)
    angles = np.repeat(acquisition.angle[None], len(acquisition.depth), 0)
    np.testing.assert_allclose(convert(ranges)[inside], r[inside], atol=1e-6)
    np.testing.assert_allclose(convert(angles)[inside], angle[inside], atol=1e-5)


def test_detail_finer_than_a_pixel_is_averaged_rather_than_aliased(acquisition, screen):
    """Stripes of one sample, two to a pixel: grey where the pixels lie along the beam."""
    convert, x, z = screen
    stripes = np.resize([1.0, -1.0], len(acquisition.depth))[:, None]
    picture = convert(np.repeat(stripes, acquisition.n_lines, 1))
    ahead = (np.abs(np.arctan2(x, z)) < 0.02) & (z > 20e-3) & (z < 60e-3)
    assert np.abs(picture[ahead]).max() < 0.05

"""Random fields to compare operators by: uniform over the sector, errors as defined."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tas_lib.accuracy import percent, place, relative_error, scatterers
from tas_lib.figures import show_power
from tas_lib.simulator import Acquisition

ACQ = Acquisition()


def test_scatterers_fill_the_sector_evenly():
    x, z, rc = scatterers(ACQ, 50_000, seed=1)
    r, angle = np.hypot(x, z), np.arctan2(x, z)
    share = (r**2 - ACQ.r_min**2) / (ACQ.r_max**2 - ACQ.r_min**2)  # of the area that is nearer
    for uniform in (share, angle / ACQ.sector + 0.5):
        assert uniform.min() >= 0 and uniform.max() <= 1
        counts, _ = np.histogram(uniform, 10, (0, 1))
        assert abs(counts / 5_000 - 1).max() < 0.06
    assert rc.mean() == pytest.approx(0, abs=0.02) and rc.std() == pytest.approx(1, abs=0.02)


def test_places_are_as_far_as_said():
    x, z = place(np.array([1.0, 2.0]), np.radians([0.0, 30.0]))
    np.testing.assert_allclose(x, [0, 1], atol=1e-12)
    np.testing.assert_allclose(z, [1, np.sqrt(3)])


def test_an_error_is_relative_to_the_exact_image():
    exact = np.array([[1 + 1j, 2], [100, 0]])
    image = exact * np.array([[1.01], [1.2]])
    assert relative_error(2 * exact, exact) == 1
    assert percent(image, exact, np.array([True, False])) == pytest.approx(1)
    assert percent(image, exact, np.array([False, True])) == pytest.approx(20)


def test_power_is_shown_where_it_is():
    """In decibels and millimetres, nothing beyond the sector."""
    power = np.ones((len(ACQ.depth), ACQ.n_lines))
    power[ACQ.depth > 80e-3] = 100
    ax = Figure().subplots()
    shown = show_power(ax, ACQ, power, pixel=1e-3)
    level, (left, right, low, high) = shown.get_array(), shown.get_extent()
    assert -left == pytest.approx(1e3 * ACQ.r_max * np.sin(ACQ.sector / 2), abs=0.1)
    column = level[:, level.shape[1] // 2]
    z = np.linspace(high, low, len(column))
    assert column[np.abs(z - 60).argmin()] == pytest.approx(0, abs=1e-3)
    assert column[np.abs(z - 100).argmin()] == pytest.approx(20, abs=1e-3)
    assert np.ma.getmaskarray(level)[0, 0] and right == pytest.approx(-left, abs=1.1)

"""The bound on displacement: its published form, what simulated signals reach, and limits of it."""

import numpy as np
import pytest

from tas_lib.errors import InputError
from tas_lib.limits import bandwidth, least_distance, least_error


def test_it_is_walker_and_traheys_formula():
    rho, snr, f0, band, length = 0.9, 10.0, 5e6, 0.5, 2e-6
    shape = 3 / (2 * f0**3 * np.pi**2 * length * (band**3 + 12 * band))
    published = np.sqrt(shape * (rho**-2 * (1 + snr**-2) ** 2 - 1))
    found = least_error(rho, length, f0 * (1 - band / 2), f0 * (1 + band / 2), snr)
    assert found == pytest.approx(published)


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (2.0, 4.0)], ids=["grey levels", "RF"])
def test_the_best_estimate_of_simulated_signals_reaches_it(low, high):
    """Of periodic signals in a flat band the likeliest delay is where they correlate most."""
    rng, length, samples, rho, fine = np.random.default_rng(0), 30.0, 512, 0.9, 8
    f = np.fft.rfftfreq(samples, length / samples)
    inside = (f > low) & (f < high)
    shared, *own = rng.standard_normal((3, 1000, len(f), 2)) @ (1, 1j) * inside
    a, b = (np.sqrt(rho) * shared + np.sqrt(1 - rho) * each for each in own)
    curves = np.fft.fftshift(np.fft.irfft(a * b.conj(), samples * fine), 1)
    step, middle = length / samples / fine, samples * fine // 2
    reach = round(0.3 / high / step)
    curves = curves[:, middle - reach : middle + reach + 1]
    top = curves[:, 1:-1].argmax(1)[:, None] + [0, 1, 2]
    before, at, after = np.take_along_axis(curves, top, 1).T  # of a parabola
    found = step * (top[:, 1] - reach + (after - before) / (4 * at - 2 * (before + after)))
    assert 0.95 < found.std() / least_error(rho, length, low, high) < 1.15


def test_what_correlates_fully_is_found_without_error_and_nothing_else():
    assert least_error(1.0, 1.0, 0.0, 1.0) == 0 == least_distance(1.0, 1e-3, 2e-3)
    assert (np.diff(least_distance(np.linspace(0.05, 1, 9), 1e-3, 2e-3)) < 0).all()


def test_speckle_of_one_size_is_missed_by_as_much_along_both_axes():
    """Distances from the centre of a round normal cloud have mean SD sqrt(pi / 2)."""
    end, length = bandwidth(2e-3), 7.7e-3
    one = least_error(0.7, length, 0.0, end, looks=2 * length * end)
    assert least_distance(0.7, 2e-3, 2e-3) == pytest.approx(np.sqrt(np.pi / 2) * one)


def test_finer_speckle_is_found_better():
    coarse, fine = least_distance(0.7, 2e-3, 4e-3), least_distance(0.7, 1e-3, 2e-3)
    assert coarse / fine == pytest.approx(4)  # 3/2 powers of the band along, 1/2 across


def test_a_bands_end_follows_from_the_width_of_its_autocorrelation():
    x = np.linspace(0, 1, 2001)
    auto = np.sinc(2 * bandwidth(0.5) * x)
    assert 2 * x[auto < 0.5][0] == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize("correlation, high", [(0.0, 1.0), (1.1, 1.0), (np.nan, 1.0), (0.5, 0.0)])
def test_what_has_no_bound_is_refused(correlation, high):
    with pytest.raises(InputError, match="limits: "):
        least_error(correlation, 1.0, 0.0, high)

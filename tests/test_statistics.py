"""Statistics of speckle: what is measured of noise that is known, and theory in closed forms."""

import numpy as np
import pytest
from speckle_moves import (
    ACQ,
    DEPTHS,
    FOCUS,
    along,
    aside,
    of_the_exact_model,
    squared_envelopes,
    turned,
)

from tas_lib.simulator import Acquisition, Diverging, exact
from tas_lib.simulator.statistics import (
    RAYLEIGH_SNR,
    autocorrelation,
    correlation,
    full_width,
    rigid_theory,
    snr,
    strain_theory,
)


def test_gaussian_noise_has_the_statistics_of_speckle():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200, 2000)) + 1j * rng.standard_normal((2, 200, 2000))
    assert snr(np.abs(a)) == pytest.approx(RAYLEIGH_SNR, rel=0.005)
    mixed = 0.6j * a + 0.8 * b
    assert correlation(mixed, a) == pytest.approx(0.6j, abs=0.005)
    assert correlation(a, mixed) == pytest.approx(-0.6j, abs=0.005)
    assert correlation(1j * a, 5 * a) == pytest.approx(1j)
    assert squared_envelopes(mixed, a) == pytest.approx(0.36, abs=0.01)


def test_autocorrelation_tells_range_from_lines():
    rng = np.random.default_rng(1)
    white = rng.standard_normal((3, 300, 301)) + 1j * rng.standard_normal((3, 300, 301))
    rows, lines = autocorrelation(white[..., 1:] + 1j * white[..., :-1], 2)
    np.testing.assert_allclose(rows, [1, 0, 0], atol=0.01)
    np.testing.assert_allclose(lines, [1, 0.5j, 0], atol=0.01)


def test_width_is_right_between_the_samples():
    lag = np.arange(9)
    for half in (1.4, 1.9, 2.6):
        rho = np.exp(-np.log(2) * (lag / half) ** 2 + 0.3j * lag)
        assert full_width(rho) == pytest.approx(2 * half, rel=2e-3)


# Theory against its closed forms at the focus


def _power():
    """f [Hz] and |W|^2 / f: echoes' power, as beams narrow with f."""
    f = np.linspace(*exact.band(ACQ), 500)
    return f, np.abs(exact.pulse_echo_spectrum(ACQ, f)) ** 2 / f


@pytest.mark.parametrize("d", [0.05e-3, 0.2e-3, 0.4e-3])
def test_axial_theory_is_the_transform_of_the_echoes_power(d):
    f, power = _power()
    expected = power @ np.exp(4j * np.pi * f * d / ACQ.c) / power.sum()
    assert rigid_theory(ACQ, FOCUS, along(d)) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("angle", [5e-3, 0.015, 0.03])
def test_turning_theory_is_the_transform_of_the_squared_triangle(angle):
    """The aperture with itself: a triangle. Directivity takes 1 % off the outermost elements."""
    f, power = _power()
    pair = np.linspace(-1, 1, 401) * ACQ.probe.aperture
    triangle = 1 - np.abs(pair) / ACQ.probe.aperture
    waves = np.cos(2 * np.pi / ACQ.c * np.outer(f, pair) * angle)
    expected = power @ (waves @ triangle**2) / (power.sum() * (triangle**2).sum())
    assert rigid_theory(ACQ, FOCUS, turned(angle)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("d", [1e-3, 2e-3])
def test_seen_from_the_tissue_a_step_aside_moves_the_array(d):
    """Step and turn back: what is left is the overlap of two triangles 2 d apart, at all f."""

    def tilted(x, z):
        return turned(-d / FOCUS)(*aside(d)(x, z))

    pair = np.linspace(-1.5, 1.5, 3001) * ACQ.probe.aperture
    still, moved = ((1 - np.abs(pair - s) / ACQ.probe.aperture).clip(0) for s in (0, 2 * d))
    expected = still @ moved / (still @ still)
    assert np.abs(rigid_theory(ACQ, FOCUS, tilted)) == pytest.approx(expected, abs=0.01)


def test_strain_theory_is_the_overlap_of_a_pulse_and_a_stretched_one():
    """int h(y - t) conj h(y - (1 + e) t) dt, h of spectrum |W| / sqrt f, with carrier."""
    f, power = _power()
    t = np.arange(-6e-3, 6e-3, 0.02e-3)

    def pulse(r):
        return np.exp(4j * np.pi / ACQ.c * np.multiply.outer(r, f)) @ np.sqrt(power)

    offset = np.array([-2e-3, 0.0, 1e-3])
    for e in -0.06, 0.03:
        theory = strain_theory(ACQ, FOCUS, e, offset)
        pairs = ((pulse(y - t), pulse(y - (1 + e) * t)) for y in offset)
        np.testing.assert_allclose(theory, [correlation(a, b) for a, b in pairs], atol=0.01)
    np.testing.assert_allclose(strain_theory(ACQ, FOCUS, 0.0, offset), 1)


@pytest.mark.parametrize(
    "acq, r",
    [pytest.param(ACQ, r, id=f"{1e3 * r:.0f} mm") for r in DEPTHS]
    + [pytest.param(Acquisition(transmit=Diverging(), attenuation=0.5), 80e-3, id="diverging")],
)
def test_theory_is_that_of_the_exact_model(acq, r):
    """In and out of focus: within 0.007 at 30 mm, where beams change soonest, 0.001 at 90 mm."""
    lag = np.arange(6)
    rows, lines = (rho[:6] for rho in of_the_exact_model(acq, r))
    theory = [rigid_theory(acq, r, along(d)) for d in lag * acq.range_step]
    np.testing.assert_allclose(np.abs(theory), np.abs(rows), atol=0.01)
    theory = [rigid_theory(acq, r, turned(angle)) for angle in lag * acq.angle_step]
    np.testing.assert_allclose(np.abs(theory), np.abs(lines), atol=0.01)

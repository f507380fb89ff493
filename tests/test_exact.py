from dataclasses import replace

import numpy as np
import pymust
import pytest

from tas_lib.errors import InputError
from tas_lib.simulator import Acquisition, Probe, simulate_reference
from tas_lib.simulator.exact import band, beamform, echo_spectra, pulse_echo_spectrum

POINTS = np.array([[-3e-3, 43e-3], [0.0, 50e-3], [4e-3, 58e-3], [-6e-3, 62e-3]])
RC = np.array([1.0, -0.5, 0.8, 2.0])


def small(probe=Acquisition.probe, **changes):
    settings = dict(n_lines=8, sector=np.radians(16), focus=50e-3, r_min=40e-3, r_max=68e-3)
    return Acquisition(probe, **settings | changes)


def image(acq, points, rc, df=4e3, floor_db=-80.0):
    """Exact I/Q (depth, line); 1 / df [s] must be longer than the last echo takes."""
    f = np.arange(*band(acq, floor_db), df)
    return beamform(acq, echo_spectra(acq, *np.transpose(points), rc, f), f)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def width_at_half(values, at):
    """Full width at half maximum of a single peak."""
    above = np.flatnonzero(values > values.max() / 2)
    i, j = above[0], above[-1]
    rise = np.interp(values.max() / 2, values[i - 1 : i + 1], at[i - 1 : i + 1])
    return np.interp(-values.max() / 2, -values[j : j + 2], at[j : j + 2]) - rise


@pytest.mark.parametrize(
    "acq",
    [
        small(),
        small(Probe("PA4-2/20", 2.5e6, 64, 0.30e-3, 0.25e-3, 0.60)),
        small(Probe("narrow", 3.5e6, 48, 0.22e-3, 0.15e-3, 0.50), focus=80e-3, c=1480.0),
    ],
    ids=lambda acq: acq.probe.name,
)
def test_echoes_are_those_of_pymust_in_shape_phase_and_scale(acq):
    """PyMUST rounds to single precision, 2e-5 in all: 2e-4 leaves room for no other difference."""
    reference = simulate_reference(acq, *POINTS.T, RC)
    assert reference.shape == (len(acq.depth), acq.n_lines)
    assert relative(image(acq, POINTS, RC), reference) < 2e-4


def test_the_default_probe_is_the_p4_2v_of_pymust():
    theirs, ours = pymust.getparam("P4-2v"), Probe()
    assert theirs.fc == ours.centre_frequency and theirs.Nelements == ours.n_elements
    assert (theirs.pitch, theirs.width) == pytest.approx((ours.pitch, ours.width))
    assert theirs.bandwidth == pytest.approx(100 * ours.bandwidth)


def test_the_wavefront_of_all_elements_reaches_the_focus_together():
    acq = Acquisition()
    focus = acq.focus * np.stack([np.sin(acq.angle), np.cos(acq.angle)], -1)
    path = np.hypot(focus[:, :1] - acq.probe.x, focus[:, 1:])
    arrival = acq.transmit_delays(acq.angle) + path / acq.c
    np.testing.assert_allclose(arrival, acq.focus / acq.c, rtol=1e-12)


def test_receive_delays_are_the_way_out_from_the_origin_and_back_to_the_element():
    acq, r, angle = Acquisition(), 0.06, 0.3
    way = [r + np.hypot(r * np.sin(angle) - x, r * np.cos(angle)) for x in acq.probe.x]
    np.testing.assert_allclose(acq.receive_delays(r, angle) * acq.c, way, rtol=1e-12)


@pytest.mark.parametrize("r, angle", [(45e-3, -0.1), (50e-3, 0.0), (62e-3, 0.13)])
def test_a_point_appears_where_it_is(r, angle):
    acq = small(n_lines=33, range_step=0.1e-3)
    at = np.abs(image(acq, [[r * np.sin(angle), r * np.cos(angle)]], [1.0], df=6e3))
    profile = at.max(axis=1)
    near = profile > profile.max() / np.sqrt(2)
    assert np.average(acq.depth[near], weights=profile[near]) == pytest.approx(r, abs=0.1e-3)
    assert abs(acq.angle[at.max(axis=0).argmax()] - angle) <= acq.angle_step


def test_the_beam_is_as_wide_at_the_focus_as_diffraction_makes_it():
    """Two uniform apertures D give sinc^2(D sin / lambda): half of its peak 0.443 lambda / D out.

    A pulse has no single wavelength, and oblique elements are weaker: 5 % is left for both.
    """
    acq = small(n_lines=61, sector=np.radians(6), r_min=45e-3, r_max=55e-3)
    line = np.abs(image(acq, [[0.0, acq.focus]], [1.0], df=8e3)).max(axis=0)
    aperture = acq.probe.n_elements * acq.probe.pitch
    expected = 2 * 0.443 * acq.wavelength / aperture
    assert width_at_half(line, acq.angle) == pytest.approx(expected, rel=0.05)


def test_the_pulse_is_as_long_as_its_spectrum_makes_it():
    acq = small(range_step=0.02e-3, r_min=45e-3, r_max=55e-3, n_lines=9)
    pulse = np.abs(image(acq, [[0.0, acq.focus]], [1.0], df=8e3))[:, 4]
    f = np.linspace(*band(acq, -80.0), 2000)
    phase = np.exp(4j * np.pi * np.outer(acq.depth - acq.focus, f) / acq.c)
    theory = np.abs(phase @ pulse_echo_spectrum(acq, f))
    width = width_at_half(theory, acq.depth)
    assert width_at_half(pulse, acq.depth) == pytest.approx(width, rel=0.02)


def test_elements_send_as_they_receive():
    """The matrix (element sent, element heard), recovered from 16 focused lines, is symmetric."""
    acq = small(Probe(n_elements=8), n_lines=16, sector=np.radians(120), focus=30e-3)
    f = acq.probe.centre_frequency + np.array([0.0, 1e4])
    heard = echo_spectra(acq, *POINTS.T, RC, f)[..., 0]
    fire = np.exp(-2j * np.pi * f[0] * acq.transmit_delays(acq.angle))
    matrix = np.linalg.lstsq(fire, heard)[0]
    assert relative(fire @ matrix, heard) < 1e-4  # well posed
    assert relative(matrix.T, matrix) < 1e-4
    assert relative(np.diag(np.diag(matrix)), matrix) > 0.5  # and no trivial matrix


def test_images_add_up():
    acq = small()
    parts = sum(image(acq, POINTS[[i]], RC[[i]], df=8e3) for i in range(len(RC)))
    assert relative(image(acq, POINTS, RC, df=8e3), parts) < 1e-5


def test_beamforming_is_the_sum_over_elements_and_frequencies_at_the_delays_of_a_pixel():
    acq = small()
    f = np.arange(*band(acq), 2e4)
    spectra = echo_spectra(acq, *POINTS.T, RC, f)
    row, line = 37, 5
    r = acq.depth[row]
    delay = acq.receive_delays(r, acq.angle[line])[:, None]
    total = 2 * 2e4 * (spectra[line] * np.exp(2j * np.pi * f * delay)).sum()
    expected = total * np.exp(-2j * acq.wavenumber * r)
    assert beamform(acq, spectra, f)[row, line] == pytest.approx(expected, rel=1e-4)


def test_the_band_ends_where_the_spectrum_has_fallen_by_the_floor():
    acq = Acquisition()
    f = np.linspace(0, 8e6, 8001)
    peak = np.abs(pulse_echo_spectrum(acq, f)).max()
    for floor in (-40.0, -60.0):
        edges = np.abs(pulse_echo_spectrum(acq, np.array(band(acq, floor)))) / peak
        np.testing.assert_allclose(20 * np.log10(edges), floor, atol=0.5)  # 2 kHz steps


@pytest.mark.parametrize(
    "field, value, remedy",
    [
        ("sector", 0.0, "positive number in SI units"),
        ("sector", 3.2, "up to 120 degrees"),
        ("focus", -0.09, "positive number in SI units"),
        ("r_min", np.nan, "positive number in SI units"),
        ("range_step", 0.0, "positive number in SI units"),
        ("c", np.inf, "positive number in SI units"),
        ("n_lines", 4, "8 lines or more"),
        ("n_lines", 24.5, "8 lines or more"),
        ("r_max", 15e-3, "10 mm or more below r_min"),
        ("r_max", np.nan, "positive number in SI units"),
    ],
)
def test_impossible_acquisitions_are_refused(field, value, remedy):
    with pytest.raises(InputError, match=rf"acquisition: {field}.*{remedy}"):
        replace(Acquisition(), **{field: value})


@pytest.mark.parametrize(
    "field, value",
    [
        ("n_elements", 1),
        ("pitch", -1e-3),
        ("bandwidth", 0.0),
        ("bandwidth", 2.0),
        ("width", np.nan),
    ],
)
def test_impossible_probes_are_refused(field, value):
    with pytest.raises(InputError, match=f"probe: {field}"):
        Probe(**{field: value})


def test_what_decides_the_point_spread_decides_the_key():
    keys = {
        replace(Acquisition(), **change).key
        for change in ({}, {"focus": 0.08}, {"c": 1500.0}, {"probe": Probe(pitch=0.31e-3)})
    }
    assert len(keys) == 4 and Acquisition().key in keys

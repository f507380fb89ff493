from dataclasses import replace

import numpy as np
import pymust
import pytest
import torch

from tas_lib.accuracy import relative_error
from tas_lib.simulator import PROBES, Acquisition, Diverging, Focused, Probe, simulate_reference
from tas_lib.simulator.exact import (
    band,
    beamform,
    echo_spectra,
    element_factor,
    pulse_echo_spectrum,
)

POINTS = np.float32([[-3e-3, 43e-3], [0.0, 50e-3], [4e-3, 58e-3], [-6e-3, 62e-3]]).astype(float)
RC = np.array([1.0, -0.5, 0.8, 2.0])
FOCUSED = Focused(50e-3)
NARROW = Probe("narrow", 3.5e6, 48, 0.22e-3, 0.15e-3, 0.50)
THREE = Diverging(tuple(np.radians([-20.0, 0.0, 10.0])))


def small(probe=Acquisition.probe, transmit=FOCUSED, **changes):
    grid = dict(n_lines=8, sector=np.radians(16), r_min=40e-3, r_max=68e-3)
    return Acquisition(probe, transmit, **grid | changes)


def image(acq, points, rc, df=4e3, floor_db=-80.0):
    """Exact I/Q (depth, line); 1 / df [s] must be longer than the last echo takes."""
    f = np.arange(*band(acq, floor_db), df)
    return beamform(acq, echo_spectra(acq, *np.transpose(points), rc, f), f)


def width_at_half(values, at):
    """Full width at half maximum of a single peak."""
    above = np.flatnonzero(values > values.max() / 2)
    i, j = above[0], above[-1]
    rise = np.interp(values.max() / 2, values[i - 1 : i + 1], at[i - 1 : i + 1])
    return np.interp(-values.max() / 2, -values[j : j + 2], at[j : j + 2]) - rise


def double_precision(acq, points, rc, f):
    """Spectra (shot, element, frequency) by the formula itself, everything in double precision."""
    dx, z = points[:, :1] - acq.probe.x, points[:, 1:]
    r = np.hypot(dx, z)
    directivity = np.sinc(acq.probe.width / acq.wavelength * dx / r) * z / r / np.sqrt(r)
    nepers = acq.attenuation * np.log(10) / 20 * 1e-4 * f[:, None, None]
    g = directivity * np.exp(-(nepers + 2j * np.pi / acq.c * f[:, None, None]) * r)
    fire = acq.weights * np.exp(-2j * np.pi * f[:, None, None] * acq.shots)
    out = (fire @ g.swapaxes(1, 2) * rc) @ g
    return (out * pulse_echo_spectrum(acq, f)[:, None, None]).transpose(1, 2, 0)


def pymust_spectra(acq, points, rc, shot):
    """Frequencies kept by PyMUST, and its spectra (element, frequency) in our sign and scale."""
    param = pymust.utils.Param()
    for name, value in {
        "fc": acq.probe.centre_frequency,
        "pitch": acq.probe.pitch,
        "width": acq.probe.width,
        "kerf": acq.probe.pitch - acq.probe.width,
        "Nelements": acq.probe.n_elements,
        "bandwidth": 100 * acq.probe.bandwidth,
        "radius": np.inf,
        "c": acq.c,
        "fs": 4 * acq.probe.centre_frequency,
        "TXapodization": acq.weights,
        "attenuation": acq.attenuation,
    }.items():
        setattr(param, name, value)
    delays = acq.shots[shot]
    start = delays.min()
    _, spectra = pymust.simus(*points.T, rc, (delays - start)[None], param)
    f = np.linspace(0, 2 * param.fc, len(spectra))
    kept = np.flatnonzero(np.abs(spectra).sum(1))
    spectra = spectra[kept].conj() / (f[1] * acq.probe.width)
    f = f[kept]
    return f, spectra.T * np.exp(-2j * np.pi * f * start)


SEQUENCES = {
    "focused": small(),
    "diverging": small(transmit=THREE),
    "focused, attenuated": small(attenuation=0.5),
    "diverging, attenuated": small(transmit=THREE, attenuation=0.5),
    "focused, apodised": small(apodisation="hann"),
    "diverging, apodised, attenuated": small(
        transmit=THREE, apodisation="hamming", attenuation=0.5
    ),
    "PA4-2/20 focused": small(PROBES["PA4-2/20"]),
    "PA4-2/20 diverging, attenuated": small(PROBES["PA4-2/20"], THREE, attenuation=0.5),
    "narrow": small(NARROW, Focused(80e-3), c=1480.0),
}
ALL = pytest.mark.parametrize("acq", SEQUENCES.values(), ids=SEQUENCES.keys())


@ALL
@pytest.mark.parametrize("shot", [1, 2])
def test_spectra_are_those_of_simus_to_one_in_ten_thousand(acq, shot):
    """Over all of PyMUST's band, down to -100 dB.

    PyMUST takes 8.69 dB for a neper, 0.05 % more than 20 / ln 10: 6e-4 of these echoes, so ours get
    0.05 % less attenuation. What is left, 2e-5 to 7e-5, is that both store paths, or their
    exponentials, in single precision.
    """
    f, theirs = pymust_spectra(acq, POINTS, RC, shot)
    same = replace(acq, attenuation=acq.attenuation * 20 / np.log(10) / 8.69)
    assert relative_error(echo_spectra(same, *POINTS.T, RC, f)[shot], theirs) < 1e-4


@ALL
def test_single_precision_costs_less_than_one_in_ten_thousand(acq):
    """The whole range of the picture and beyond; frequencies as many as a frame takes."""
    r = np.geomspace(3e-3, 160e-3, 40)
    angle = np.random.default_rng(0).uniform(-0.7, 0.7, 40)
    points = np.stack([r * np.sin(angle), r * np.cos(angle)], -1)
    f = np.linspace(*band(acq, -80.0), 900)
    ours = echo_spectra(acq, *points.T, np.ones(40), f)
    assert relative_error(ours, double_precision(acq, points, np.ones(40), f)) < 1e-4


@pytest.mark.parametrize("name", ["focused", "diverging, apodised, attenuated", "narrow"])
def test_frames_are_those_of_pymust_in_shape_phase_and_scale(name):
    """PyMUST also rounds its signals to 1e-6 of their peak: 2e-4; 6e-4 for its 8.69 dB."""
    acq = SEQUENCES[name]
    reference = simulate_reference(acq, *POINTS.T, RC)
    assert reference.shape == (len(acq.depth), acq.n_lines)
    allowed = 1e-3 if acq.attenuation else 2e-4
    assert relative_error(image(acq, POINTS, RC), reference) < allowed


def test_attenuation_is_in_decibels_a_centimetre_and_megahertz():
    """Two elements see a point 50 mm away alike: 10 cm there and back, 0.5 dB, f MHz."""
    acq = small(Probe(n_elements=2))
    f = np.linspace(1e6, 4.5e6, 8)
    plain, weak = (
        np.abs(echo_spectra(replace(acq, attenuation=a), [0.0], [50e-3], [1.0], f)[0, 0])
        for a in (0.0, 0.5)
    )
    np.testing.assert_allclose(20 * np.log10(weak / plain), -0.5 * 10 * f / 1e6, atol=1e-3)


def test_nothing_behind_the_array_is_heard():
    acq, f = small(), np.linspace(1e6, 4e6, 5)
    front, behind = POINTS, POINTS * [1, -1]
    both = echo_spectra(acq, *np.concatenate([front, behind]).T, np.concatenate([RC, RC]), f)
    assert relative_error(both, echo_spectra(acq, *front.T, RC, f)) < 1e-5
    assert not echo_spectra(acq, *behind.T, RC, f).any()


def test_the_factor_of_an_element_grows_no_further_within_half_a_wavelength():
    acq = small()
    inside = acq.wavelength * np.array([0.05, 0.2, 0.499])
    g, path = element_factor(acq, np.full(3, acq.probe.x[20]), inside, 2e6)
    np.testing.assert_allclose(path[:, 20], acq.wavelength / 2)
    assert torch.isfinite(g.abs()).all()


@pytest.mark.parametrize("transmit", [FOCUSED, THREE], ids=["focused", "diverging"])
@pytest.mark.parametrize("r, angle", [(45e-3, -0.1), (50e-3, 0.0), (62e-3, 0.13)])
def test_a_point_appears_where_it_is(transmit, r, angle):
    acq = small(transmit=transmit, n_lines=17, range_step=0.15e-3)
    at = np.abs(image(acq, [[r * np.sin(angle), r * np.cos(angle)]], [1.0], df=8e3))
    profile = at.max(axis=1)
    near = profile > profile.max() / np.sqrt(2)
    assert np.average(acq.depth[near], weights=profile[near]) == pytest.approx(r, abs=0.1e-3)
    assert abs(acq.angle[at.max(axis=0).argmax()] - angle) <= 0.6 * acq.angle_step


@pytest.mark.parametrize("window", ["boxcar", "hann"])
def test_the_beam_is_as_wide_at_the_focus_as_diffraction_makes_it(window):
    """Product of the transforms of both apertures; uniform ones D make sinc^2(D sin / lambda).

    A pulse has no single wavelength, and oblique elements are weaker: 5 % is left for both.
    """
    acq = small(n_lines=61, sector=np.radians(6), r_min=45e-3, r_max=55e-3, apodisation=window)
    line = np.abs(image(acq, [[0.0, acq.transmit.distance]], [1.0], df=8e3)).max(axis=0)
    fine = np.linspace(acq.angle[0], acq.angle[-1], 2001)
    one_way = np.exp(1j * acq.wavenumber * np.outer(np.sin(fine), acq.probe.x))
    theory = np.abs((one_way @ acq.weights) * one_way.sum(1))
    expected = width_at_half(theory, fine)
    if window == "boxcar":
        assert expected == pytest.approx(2 * 0.443 * acq.wavelength / acq.probe.aperture, rel=1e-2)
    assert width_at_half(line, acq.angle) == pytest.approx(expected, rel=0.05)


def test_the_pulse_is_as_long_as_its_spectrum_makes_it():
    acq = small(range_step=0.02e-3, r_min=45e-3, r_max=55e-3, n_lines=9)
    focus = acq.transmit.distance
    pulse = np.abs(image(acq, [[0.0, focus]], [1.0], df=8e3))[:, 4]
    f = np.linspace(*band(acq, -80.0), 2000)
    phase = np.exp(4j * np.pi * np.outer(acq.depth - focus, f) / acq.c)
    theory = np.abs(phase @ pulse_echo_spectrum(acq, f))
    width = width_at_half(theory, acq.depth)
    assert width_at_half(pulse, acq.depth) == pytest.approx(width, rel=0.02)


def test_elements_send_as_they_receive():
    """The matrix (element sent, element heard), recovered from 16 focused lines, is symmetric."""
    acq = small(
        Probe(n_elements=8), Focused(30e-3), n_lines=16, sector=np.radians(120), attenuation=0.5
    )
    f = acq.probe.centre_frequency + np.array([0.0, 1e4])
    heard = echo_spectra(acq, *POINTS.T, RC, f)[..., 0]
    fire = np.exp(-2j * np.pi * f[0] * acq.shots)
    matrix = np.linalg.lstsq(fire, heard)[0]
    assert relative_error(fire @ matrix, heard) < 1e-4  # well posed
    assert relative_error(matrix.T, matrix) < 1e-4
    assert relative_error(np.diag(np.diag(matrix)), matrix) > 0.5  # and no trivial matrix


def test_images_of_points_add_up():
    acq = small()
    parts = sum(image(acq, POINTS[[i]], RC[[i]], df=8e3) for i in range(len(RC)))
    assert relative_error(image(acq, POINTS, RC, df=8e3), parts) < 1e-5


def test_images_of_compounded_shots_add_up():
    parts = sum(
        image(small(transmit=Diverging((tilt,))), POINTS, RC, df=8e3) for tilt in THREE.tilts
    )
    assert relative_error(image(small(transmit=THREE), POINTS, RC, df=8e3), parts) < 1e-5


@pytest.mark.parametrize("transmit", [FOCUSED, THREE], ids=["focused", "diverging"])
def test_beamforming_is_the_sum_over_elements_and_frequencies_at_the_delays_of_a_pixel(transmit):
    acq = small(transmit=transmit)
    f = np.arange(*band(acq), 2e4)
    spectra = echo_spectra(acq, *POINTS.T, RC, f)
    row, line = 37, 5
    r, angle = acq.depth[row], acq.angle[line]
    back = acq.receive_delays(np.array([r]), np.array([angle]))[0]
    shots = spectra[[line]] if transmit.delays(acq, acq.angle).shape[1] > 1 else spectra
    arrival = acq.transmit.arrival(acq, r, angle)
    delay = (np.reshape(arrival, (-1, 1)) + back)[..., None]
    total = 2 * 2e4 * (shots * np.exp(2j * np.pi * f * delay)).sum()
    expected = total * np.exp(-2j * acq.wavenumber * r)
    assert beamform(acq, spectra, f)[row, line] == pytest.approx(expected, rel=1e-4)


def test_the_band_ends_where_the_spectrum_has_fallen_by_the_floor():
    acq = Acquisition()
    f = np.linspace(0, 8e6, 8001)
    peak = np.abs(pulse_echo_spectrum(acq, f)).max()
    for floor in (-40.0, -60.0):
        edges = np.abs(pulse_echo_spectrum(acq, np.array(band(acq, floor)))) / peak
        np.testing.assert_allclose(20 * np.log10(edges), floor, atol=0.5)  # 2 kHz steps

"""Speckle of the fast operator against the exact model and theory.

Along the range a pixel is independent of one 0.4 mm away, across the lines of one 1.3 degrees away;
n such cells tell a correlation rho to (1 - rho^2) / sqrt(2 n), a width or a mean level over SD to
0.7 / sqrt(n) of itself. Tolerances are three to six times that.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest
from speckle_moves import ACQ, DEPTHS, along, aside, of_the_exact_model, squared_envelopes, turned

from tas_lib.simulator import Probe, SectorOperator, exact, statistics
from tas_lib.simulator.calibration import Settings, load_bands
from tas_lib.simulator.statistics import (
    RAYLEIGH_SNR,
    autocorrelation,
    correlation,
    exact_autocorrelation,
    full_width,
    rigid_theory,
    snr,
    strain_theory,
)


@pytest.fixture(scope="module")
def default():
    return SectorOperator(ACQ, progress=False)


def draw(rng, count, half_angle):
    """r, angle and sign of scatterers, as many in every cell of the polar grid."""
    r = rng.uniform(ACQ.r_min, ACQ.r_max + 5e-3, count)
    angle = rng.uniform(-1, 1, count) * np.radians(half_angle)
    return r, angle, rng.choice([-1.0, 1.0], count)


def image(operator, fields, move=lambda x, z: (x, z)):
    """I/Q (frame, depth, line) of fields after a move, of an even mean level."""
    frames = [operator(*move(r * np.sin(a), r * np.cos(a)), rc) for r, a, rc in fields]
    return np.stack(frames) * np.sqrt(ACQ.depth)[:, None] / operator.sensitivity


def near(frames, r, half_angle, half_depth=None):
    """The part of frames around range r, up to half_angle degrees beside the axis.

    Thin near the array, where the defocused beam lets the pulse ripple with depth.
    """
    half_depth = half_depth or min(4e-3, r / 15)
    rows, lines = np.abs(ACQ.depth - r) < half_depth, np.abs(ACQ.angle) < np.radians(half_angle)
    return frames[:, rows][:, :, lines]


def test_uniform_tissue_has_a_rayleigh_envelope(default):
    """Mean over SD 1.913 within 1 %, and at all depths within 2 %; exponential intensity.

    About 20,000 cells a frame: 0.45 % in one, 0.14 % in ten. A million scatterers are not
    infinitely many: that alone costs 0.4 %, four times that with a quarter of them. The depths have
    30,000 cells or more, 0.4 %.
    """
    rng = np.random.default_rng(0)
    frames = image(default, (draw(rng, 1_000_000, 48) for _ in range(10)))[:, ACQ.depth > 15e-3]
    envelope, depth = np.abs(frames), ACQ.depth[ACQ.depth > 15e-3]
    assert snr(envelope) == pytest.approx(RAYLEIGH_SNR, rel=0.01)
    for first, last in (15e-3, 35e-3), (35e-3, 60e-3), (60e-3, 100e-3), (100e-3, 150e-3):
        part = envelope[:, (depth >= first) & (depth < last)]
        assert snr(part) == pytest.approx(RAYLEIGH_SNR, rel=0.02)
    intensity = envelope[:, ::3, ::3].ravel() ** 2
    assert kstest(intensity / intensity.mean(), "expon").statistic < 0.01
    assert np.abs((frames**2).mean()) < 0.01 * (envelope**2).mean()  # no phase is preferred


def test_few_scatterers_make_no_rayleigh_envelope(default):
    """Under one a cell: the envelope varies more, the test above would see it."""
    frames = image(default, [draw(np.random.default_rng(1), 40_000, 48) for _ in range(3)])
    assert snr(np.abs(frames)) < 0.95 * RAYLEIGH_SNR


@pytest.fixture(scope="module")
def fields():
    rng = np.random.default_rng(2)
    return [draw(rng, 60_000, 22) for _ in range(60)]


@pytest.fixture(scope="module")
def speckle(default, fields):
    return image(default, fields)


@pytest.mark.parametrize("r", [20e-3, *DEPTHS])
def test_grains_are_as_long_and_as_wide_as_those_of_the_exact_model(speckle, r):
    """3 %: 60 frames of 20 x 15 cells know it to 0.5 %."""
    measured = autocorrelation(near(speckle, r, 10), 8)
    for fast, slow in zip(measured, of_the_exact_model(ACQ, r), strict=True):
        assert full_width(fast) == pytest.approx(full_width(slow), rel=0.03)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(ACQ, probe=Probe(n_elements=60)), id="smaller array"),
        pytest.param(replace(ACQ, probe=Probe(bandwidth=0.66)), id="narrower band"),
    ],
)
def test_another_acquisition_has_other_grains(speckle, other):
    errors = [
        full_width(fast) / full_width(slow) - 1
        for fast, slow in zip(
            autocorrelation(near(speckle, 130e-3, 10), 8),
            exact_autocorrelation(other, 130e-3, 8),
            strict=True,
        )
    ]
    assert np.abs(errors).max() > 0.03


@pytest.mark.slow
@pytest.mark.parametrize("column", [0, 32, 60], ids=["axis", "half way", "edge"])
@pytest.mark.parametrize("r", [16e-3, 20e-3, 26e-3, 36e-3, 55e-3, 90e-3, 140e-3])
def test_kernels_have_the_autocorrelation_of_the_exact_model(monkeypatch, r, column):
    """No draw, no noise: the low-rank kernels in the place of the exact ones, 0.5 %."""
    expected = exact_autocorrelation(ACQ, r, 8, column)
    bands = load_bands(ACQ, Settings())
    whole = replace(ACQ, n_lines=2 * 68 + 1, sector=2 * 68 * ACQ.angle_step)  # lines at columns

    def compressed(acq, r, columns, n_r, n_a):
        row = round((r - acq.r_min) / acq.range_step)
        band = next(b for b in bands if b.start <= row < b.stop)
        one = replace(band, start=row, stop=row + 1)
        weights = one.maps(whole)[:, 0, 68 + columns]
        patches = np.tensordot(weights, band.kernel(), (0, 0))
        out = np.zeros((len(columns), 2 * n_r + 1, 2 * n_a + 1), complex)
        (to_r, to_a), (from_r, from_a) = (
            [slice(c - m, c + m + 1) for c, m in zip(middle, shared, strict=True)]
            for shared in [np.minimum((n_r, n_a), band.reach)]
            for middle in ((n_r, n_a), band.reach)
        )
        out[:, to_r, to_a] = patches[:, from_r, from_a]
        return out

    monkeypatch.setattr(statistics, "point_spread", compressed)
    for fast, slow in zip(exact_autocorrelation(ACQ, r, 8, column), expected, strict=True):
        np.testing.assert_allclose(fast, slow, atol=0.01)
        assert full_width(fast) == pytest.approx(full_width(slow), rel=0.005)


@pytest.mark.weekly
@pytest.mark.slow
def test_grains_are_those_of_an_exact_frame(default):
    """The same scatterers in both: 1 % at each depth, of I/Q and envelope."""
    r, angle, rc = draw(np.random.default_rng(4), 3000, 37)
    x, z = r * np.sin(angle), r * np.cos(angle)
    f = np.arange(*exact.band(ACQ), 4e3)
    slow = exact.beamform(ACQ, exact.echo_spectra(ACQ, x, z, rc, f), f)
    frames = [iq / default.sensitivity for iq in (default(x, z, rc), slow)]
    for r in (17e-3, 25e-3, *DEPTHS):
        pieces = [near(iq[None], r, 38, 6e-3) for iq in frames]
        for kind in (lambda iq: iq, lambda iq: np.abs(iq) - np.abs(iq).mean()):
            fast, slow = (autocorrelation(kind(piece), 8) for piece in pieces)
            for a, b in zip(fast, slow, strict=True):
                assert full_width(a) == pytest.approx(full_width(b), rel=0.01)


# Tissue that moves


@pytest.mark.parametrize(
    "move",
    [pytest.param(along(d), id=f"{1e3 * d:.1f} mm along") for d in (0.2e-3, 0.4e-3)]
    + [pytest.param(turned(a), id=f"{1e3 * a:.0f} mrad turned") for a in (10e-3, 20e-3)],
)
def test_speckle_forgets_a_shift_as_pulse_and_beam_do(default, fields, speckle, move):
    """20 frames of 300 cells: 0.009 for I/Q, 0.013 for the squared envelope."""
    before, after = speckle[:20], image(default, fields[:20], move)
    for r in DEPTHS:
        a, b = near(before, r, 10), near(after, r, 10)
        theory = np.abs(rigid_theory(ACQ, r, move))
        assert np.abs(correlation(a, b)) == pytest.approx(theory, abs=0.035)
        assert squared_envelopes(a, b) == pytest.approx(theory**2, abs=0.05)


def test_a_step_aside_is_forgotten_as_a_turn_and_a_tilt(default):
    """Close to the axis only; 40 frames of 100 cells: 0.016. A turn alone would be off."""
    rng, d = np.random.default_rng(3), 1.5e-3
    tissue = [draw(rng, 30_000, 14) for _ in range(40)]
    frames = image(default, tissue), image(default, tissue, aside(d))
    tilts = []
    for r in DEPTHS[1:]:
        theory = np.abs(rigid_theory(ACQ, r, aside(d))) ** 2
        measured = squared_envelopes(*(near(iq, r, 3) for iq in frames))
        assert measured == pytest.approx(theory, abs=0.05)
        tilts.append(np.abs(rigid_theory(ACQ, r, turned(d / r))) ** 2 - theory)
    assert np.max(tilts) > 0.05


@pytest.mark.parametrize("strain", [-0.08, -0.03, 0.05])
def test_speckle_forgets_a_strain_as_the_pulse_does(default, strain):
    """Windows of 4 mm, 14 mm apart, each in tissue strained about the window's centre.

    8 windows, 8 frames of 10 x 38 cells each: 0.005 for the I/Q.
    """
    rng = np.random.default_rng(5)
    tissue = [draw(rng, 150_000, 40) for _ in range(8)]
    first, period = 38e-3, 14e-3

    def strained(x, z):
        r = np.hypot(x, z)
        scale = 1 + strain * (1 - (first + period * np.round((r - first) / period)) / r)
        return scale * x, scale * z

    frames = image(default, tissue), image(default, tissue, strained)
    measured, theory = [], []
    for centre in np.arange(first, 140e-3, period):
        a, b = (near(iq, centre, 25, 2.05e-3) for iq in frames)
        offset = ACQ.depth[np.abs(ACQ.depth - centre) < 2.05e-3] - centre
        rho = strain_theory(ACQ, centre, strain, offset)
        measured.append([correlation(a, b).real, squared_envelopes(a, b)])
        theory.append([rho.mean().real, (np.abs(rho) ** 2).mean()])
    np.testing.assert_allclose(measured, theory, atol=0.04)
    np.testing.assert_allclose(np.mean(measured, 0), np.mean(theory, 0), atol=0.015)

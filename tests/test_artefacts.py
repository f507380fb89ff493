"""Noise, haze, ribs, reverberation, gain and grey levels of the console, each as loud as stated."""

import dataclasses

import numpy as np
import pytest
from clinic_fixtures import db

from tas_lib.artefacts import Console, Shadow
from tas_lib.tissue import from_decibels


@pytest.fixture(scope="session")
def console_of(operator, scanner):
    def make(seed=0, **changes):
        return Console(dataclasses.replace(scanner, **changes), operator, seed)

    return make


def silence(operator):
    return np.zeros((len(operator.acq.depth), operator.acq.n_lines), np.complex64)


def test_noise_grows_with_depth_to_its_level(console_of, operator):
    noise = console_of(noise=-10.0).amplify(silence(operator), np.random.default_rng(0))
    rows = [np.abs(operator.acq.depth - r) < 1.5e-3 for r in (40e-3, 50e-3, 59e-3)]
    levels = [db(noise[row]) for row in rows]
    assert levels[0] < levels[1] < levels[2]
    assert levels[2] == pytest.approx(-10, abs=0.8)
    assert not console_of().amplify(silence(operator), np.random.default_rng(0)).any()


def test_haze_stands_still_and_fades(console_of, operator):
    """Its patches are 6 dB louder or fainter, so that the slope is known to some 3 dB."""
    near, far = (np.abs(operator.acq.depth - r) < 4e-3 for r in (20e-3, 50e-3))
    falls = []
    for seed in range(8):
        console = console_of(seed, haze=0.0, haze_fall=800.0)
        frames = [console.amplify(silence(operator), np.random.default_rng(k)) for k in range(2)]
        np.testing.assert_array_equal(*frames)
        falls.append(db(frames[0][near]) - db(frames[0][far]))
    assert np.mean(falls) == pytest.approx(24, abs=6)


def test_ribs_darken_their_lines_only(console_of, operator):
    rib = Shadow(0.2, width=0.2, loss=15.0)
    iq = operator(
        *np.random.default_rng(0).uniform([-0.03, 0.02], [0.03, 0.06], (9000, 2)).T,
        1 + np.zeros(9000),
    )
    free, shaded = (
        console_of(shadows=ribs).amplify(iq, np.random.default_rng(0)) for ribs in ((), (rib,))
    )
    lost = 20 * np.log10(np.abs(shaded).mean(0) / np.abs(free).mean(0))
    angle = operator.acq.angle
    assert lost[np.argmin(np.abs(angle - 0.2))] == pytest.approx(-15, abs=0.2)
    np.testing.assert_allclose(lost[np.abs(angle - 0.2) > 0.2], 0, atol=0.1)


def test_reverberation_copies_echoes_to_a_greater_depth(console_of, operator):
    iq = operator([0.0], [30e-3], [1.0])
    shown = console_of(reverberation=-12.0, reverberation_path=12e-3).amplify(
        iq, np.random.default_rng(0)
    )
    line = np.abs(shown[:, operator.acq.n_lines // 2])
    first, second = (line[np.abs(operator.acq.depth - r) < 2e-3].max() for r in (30e-3, 42e-3))
    assert 20 * np.log10(second / first) == pytest.approx(-12, abs=0.2)


def test_time_gain_compensation_is_imperfect(console_of, operator):
    """Between its eight sliders it is less than at them, where it has the SD that is stated."""
    right = console_of().tgc
    errors = [20 * np.log10(console_of(seed, tgc_error=2.0).tgc / right) for seed in range(60)]
    assert np.std(errors) == pytest.approx(1.8, abs=0.15)


def test_grey_levels_span_the_dynamic_range(console_of):
    console = console_of(gain=-20.0, dynamic_range=50.0, contrast=2.0, smoothing=0.0)
    acq = console.scanner.acquisition
    for level, grey in ((20, 1.0), (0, (30 / 50) ** 2), (-30, 0.0), (-80, 0.0)):
        shown = console.show(np.full((len(acq.depth), acq.n_lines), from_decibels(level) + 0j))
        assert shown[console.sector].max() == pytest.approx(grey, abs=1e-3)
        assert not shown[~console.sector].any()

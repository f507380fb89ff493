"""What a laboratory would report of a heart, where theory knows it."""

import numpy as np
import pytest
from conftest import mean_gls

from tas_lib.heart import Heart, Motion
from tas_lib.patients import measures


def test_measures_of_uniform_motion_are_the_analytic_ones():
    """z shrinks by a fifth, x and y grow so that volume stays."""
    still = {"rotation_base": 0, "rotation_apex": 0, "sway": (1e-3, 0, 2e-3)}
    heart = Heart(motion=Motion(-0.2, circumferential=-0.5, cap=-1, lift=0, **still))
    found, wider = measures(heart), 0.8**-0.5
    assert found["mapse"] == pytest.approx(1e3 * 0.2 * heart.anatomy.length)
    assert found["lvids"] == pytest.approx(1e3 * wider * heart.anatomy.diameter)
    assert found["ef"] == pytest.approx(0, abs=1e-4)
    assert found["circumferential"] == pytest.approx(100 * (wider - 1), abs=1e-3)
    assert found["thickening"] == pytest.approx(100 * (wider - 1), abs=1e-3)
    assert found["gls"] == pytest.approx(found["A4C"])
    assert found["gls"] == pytest.approx(100 * mean_gls(heart), abs=0.1)


def test_gls_is_the_peak_of_the_beat_not_of_one_view():
    """Post-systolic shortening of one wall counts, and views peak at different times: the mean of
    their curves has a peak that is less than the mean of their peaks.
    """
    after = np.zeros((3, 6))
    after[:, 0] = -0.1  # the anteroseptal wall, which the A3C alone cuts
    found = measures(Heart(motion=Motion(after=after)))
    usual = measures(Heart())
    assert found["A3C"] < usual["A3C"] - 2 and found["A4C"] == pytest.approx(usual["A4C"], abs=0.1)
    late = np.zeros((3, 6))
    late[:, [0, 3]] = 0.2  # of the A3C's two walls
    found = measures(Heart(motion=Motion(delay=late)))
    mean = (found["A4C"] + found["A2C"] + found["A3C"]) / 3
    assert mean + 0.3 < found["gls"] < mean + 3

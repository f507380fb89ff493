"""Measures of realism find in a film what was put into it."""

import numpy as np
import pytest
from clinic_fixtures import OFF, Toy

from tas_lib.errors import InputError
from tas_lib.realism import correlation_curve, realism
from tas_lib.tissue import Echogenicity


def test_realism_measures_what_is_there(film):
    still = film(Toy(), Echogenicity(blood=OFF, variation=0), gain=-15)
    found = realism(still)
    assert found["wall_p50"] > 3 * found["blood_p50"]
    assert found["contrast"] == pytest.approx(found["wall_p50"] - found["blood_p50"])
    assert found["correlation_33"] == pytest.approx(1, abs=1e-3)
    assert np.isnan(found["correlation_400"])  # the clip is shorter
    assert 0.3 < found["speckle_axial"] < 4 and 0.5 < found["speckle_lateral"] < 6


def test_the_left_wall_is_measured_by_itself(film):
    still = film(Toy(), Echogenicity(blood=OFF, variation=0), gain=-15)
    noise = np.random.default_rng(0).random(still.bmode.shape, np.float32)
    half = still.assign(bmode=still.bmode.where(still.x < 0, noise))
    found = realism(half)
    assert found["left_33"] > 0.95 and found["correlation_33"] < 0.85


def test_speckle_correlation_falls_with_time_as_the_wall_moves(moving):
    curve = correlation_curve(moving, (0.0, 0.02, 0.04))
    assert curve[0] == pytest.approx(1) and curve[0] > curve[1] > curve[2] > 0.2


def test_realism_needs_a_mesh(moving):
    with pytest.raises(InputError, match="mesh.*missing"):
        realism(moving.drop_vars("mesh"))

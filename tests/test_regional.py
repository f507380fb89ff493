"""Segments, one by one: names, akinesia found by strain, and what visibility is worth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tas_lib.detection import area, area_less, roc
from tas_lib.errors import InputError
from tas_lib.evaluation import BINS, tally
from tas_lib.quality import COVERAGES, calibration, gained, risk_coverage
from tas_lib.regional import SEGMENTS, by_segment, levels


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_eighteen_segments_are_three_levels_of_six_walls():
    assert len(set(SEGMENTS)) == 18
    assert levels(pd.Series(SEGMENTS)).value_counts().tolist() == [6, 6, 6]


def test_a_row_a_segment_in_percent_and_millimetres():
    about = {"file": "a.nc", "patient": "1", "view": "A2C", "pathology": "healthy", "tracker": "t"}
    six = {"segments": [-0.1, 0, 0, 0, 0, -0.2], "segments_true": [-0.2] * 6}
    six |= {"errors": [1e-3] * 6, "visibility": [None] * 6, "correlation": [0.5] * 6}
    table = by_segment(pd.DataFrame([about | six]))
    assert table.segment.tolist() == SEGMENTS[6:12] and table.segment[0] == "basal inferior"
    assert table.strain.tolist() == [-10, 0, 0, 0, 0, -20] and (table.strain_true == -20).all()
    assert (table.error == 1).all() and table.visibility.isna().all()


def test_hanley_and_mcneils_readings():
    """Their Table 1 (1982): 58 normal and 51 abnormal images, rated 1 to 5; area 0.893."""
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    rated = np.repeat([1, 2, 3, 4, 5] * 2, normal + abnormal)
    ill = np.repeat([False, True], [58, 51])
    found = area(rated, ill, np.arange(109))
    assert found.value == pytest.approx(0.893, abs=5e-4)
    assert found.low < 0.893 - 1.5 * 0.032 and found.high > 0.893 + 1.2 * 0.032  # their SE
    false, true = roc(rated, ill)
    assert np.trapezoid(true, false) == pytest.approx(found.value)
    np.testing.assert_allclose(true * 51, [0, 33, 44, 46, 48, 51])
    np.testing.assert_allclose(false * 58, [0, 2, 13, 19, 25, 58])


def test_the_area_of_two_normal_populations(rng):
    ill = rng.random(4000) < 0.3
    strain = rng.normal(np.where(ill, -2, -16), 7)
    theory = stats.norm.cdf(14 / (7 * np.sqrt(2)))
    found = area(strain, ill, np.repeat(np.arange(400), 10))
    assert found.low < theory < found.high and found.high - found.low < 0.04


def test_areas_of_the_same_segments_are_compared_pair_by_pair(rng):
    ill, patient = rng.random(800) < 0.3, np.repeat(np.arange(80), 10)
    first = rng.normal(np.where(ill, -2, -16), 7)
    second = first + rng.normal(0, 7, 800)
    less = area_less(first, second, ill, patient)
    theory = stats.norm.cdf(14 / (7 * np.sqrt(2))) - stats.norm.cdf(14 / 14)
    assert less.low < theory < less.high and less.low > 0
    alone = [area(strain, ill, patient) for strain in (first, second)]
    assert less.high - less.low < 0.8 * np.hypot(*(one.high - one.low for one in alone))


@pytest.mark.parametrize("akinetic", [[True, True], [False, False], [True]])
def test_what_has_no_roc_is_refused(akinetic):
    for call in (roc, lambda *both: area(*both, np.arange(2))):
        with pytest.raises(InputError, match="detection: "):
            call([0.0, 1.0], akinetic)


def test_a_visibility_that_is_the_correlation_but_for_noise_is_calibrated(rng):
    tallies = []
    for _ in range(12):
        said = rng.random(4000)
        tallies.append(tally(said, said + rng.normal(0, 0.2, 4000)).tolist())
    found = calibration(pd.Series(tallies), pd.Series(np.repeat(np.arange(6), 2)))
    np.testing.assert_allclose(found.measured, found.said, atol=0.02)
    assert (found.low <= found.measured).all() and (found.measured <= found.high).all()
    assert len(found) == BINS and found.share.sum() == pytest.approx(1)


def width(found):
    return np.ravel(np.subtract(found.high, found.low))[-1]  # of risks that of all segments


@pytest.mark.parametrize("what", ["area", "risk", "calibration"])
def test_what_one_patient_shows_many_times_is_not_known_so_often(rng, what):
    """Thirty patients of whom each is measured twenty times alike, or six hundred of one time."""
    own = np.repeat(rng.normal(0, 1, 30), 20)
    ill = np.repeat(np.arange(30) % 2 == 0, 20)

    def found(patient):
        if what == "area":
            return area(own + ill, ill, patient)
        if what == "risk":
            return risk_coverage(rng.random(600), own**2, patient)
        tallies = [tally(np.array([0.5]), value[None]).tolist() for value in own]
        return calibration(pd.Series(tallies), pd.Series(patient))

    assert width(found(np.repeat(np.arange(30), 20))) > 2.5 * width(found(np.arange(600)))


def test_a_tracker_that_says_nothing_is_not_calibrated():
    with pytest.raises(InputError, match="calibration: tallies: "):
        calibration(pd.Series([np.zeros((2, BINS)).tolist()] * 3), pd.Series([1, 2, 3]))


def test_risk_falls_where_the_score_knows_the_error_and_nowhere_else(rng):
    error, patient = rng.exponential(1, 6000), np.repeat(np.arange(100), 60)
    found = risk_coverage(-error, error, patient)
    np.testing.assert_allclose(found.risk, found.best)
    # of an exponential law the smallest share c has mean 1 + (1 - c) ln(1 - c) / c
    c = COVERAGES[:-1]
    np.testing.assert_allclose(found.risk[:-1], 1 + (1 - c) * np.log1p(-c) / c, atol=0.03)
    blind = risk_coverage(rng.random(6000), error, patient)
    assert ((blind.low < 1.02) & (blind.high > 0.98)).all()
    assert blind.risk.iloc[-1] == pytest.approx(error.mean())


def test_what_a_score_gains_lies_between_chance_and_knowledge(rng):
    error, patient = rng.exponential(1, 1200), np.repeat(np.arange(100), 12)
    assert gained(-error, error, patient).value == pytest.approx(1)
    blind = gained(rng.random(1200), error, patient)
    assert blind.low < 0 < blind.high and blind.high - blind.low < 0.2
    half = np.where(rng.random(1200) < 0.5, -error, rng.permutation(-error))
    found = gained(half, error, patient)
    assert 0.3 < found.low < found.value < found.high < 0.7
    risk = risk_coverage(half, error, patient).set_index(COVERAGES.round(2)).loc[0.8]
    assert found.value == pytest.approx((error.mean() - risk.risk) / (error.mean() - risk.best))


def test_scores_that_are_missing_are_refused():
    with pytest.raises(InputError, match="risk: score, error: hold NaN"):
        risk_coverage([np.nan, 1.0], [1.0, 1.0], [1, 2])
    with pytest.raises(InputError, match="risk: score, error, patient: have shapes"):
        risk_coverage([1.0], [1.0, 1.0], [1, 2])

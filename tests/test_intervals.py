"""Intervals: those of theory, which hold the truth as often as they say, of few patients too."""

import numpy as np
import pytest

from tas_lib import intervals
from tas_lib.intervals import FEWEST, interval, interval_apart, rows_by


@pytest.fixture
def few_draws(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 500)


def test_few_patients_have_no_interval():
    few, enough = np.arange(FEWEST - 1.0), np.arange(float(FEWEST))
    assert np.isnan([interval(few), interval_apart(few, enough), interval_apart(enough, few)]).all()
    assert np.isfinite([interval(enough), interval_apart(enough, enough)]).all()


def test_an_interval_of_a_mean_is_that_of_a_normal_one():
    values = np.random.default_rng(0).normal(3, 2, 200)
    low, high = interval(values)
    error = values.std() / np.sqrt(200)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)
    assert interval(values) == (low, high)


@pytest.mark.parametrize(("n", "least"), [(FEWEST, 0.865), (12, 0.915)])
def test_intervals_of_few_hold_the_truth_almost_as_often(few_draws, n, least):
    """91 and 94 times in 100, give or take 1; plain percentiles would do so 84 and 90 times."""
    drawn = np.random.default_rng(n).normal(1, 2, (500, n))
    low, high = np.array([interval(some) for some in drawn]).T
    held = np.mean((low < 1) & (high > 1))
    assert least < held < 0.97


def test_the_difference_of_two_groups_is_held_as_often(few_draws):
    rng = np.random.default_rng(0)
    found = [interval_apart(rng.normal(3, 1, 8), rng.normal(1, 3, 8)) for _ in range(500)]
    low, high = np.array(found).T
    assert 0.92 < np.mean((low < 2) & (high > 2)) < 0.975


def test_what_is_paired_stays_paired():
    """Two trackers that differ by a constant factor differ by it in every draw."""
    one = np.random.default_rng(0).uniform(1, 9, 30)
    pair = np.column_stack((one, 2 * one))
    found = interval(pair, lambda draws: np.divide(*draws.mean(1)[:, ::-1].T))
    assert found == pytest.approx((2, 2))


def test_rows_are_gathered_by_patient():
    assert [rows.tolist() for rows in rows_by(["b", "a", "b"])] == [[1], [0, 2]]

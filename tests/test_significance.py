"""Tests of differences keep their level; corrections and ratios are those of published examples."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tas_lib.errors import InputError
from tas_lib.significance import ALPHA, HIGH, LOW, comparisons, equivalent, holm, paired


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_darwins_maize():
    """Fisher's example (The Design of Experiments, 1935, ch. III), crossed plants less selfed ones
    in eighths of an inch: by Student's t 4.97 %; 1,726 of all 2^15 signs go as far, 5.267 %.
    """
    apart = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])
    found = paired(np.zeros(15), apart, np.arange(15))
    assert found.difference.value == pytest.approx(-20.933, abs=1e-3)
    assert 2 * found.t == pytest.approx(0.0497, abs=1e-4)
    assert 2 * found.signs == pytest.approx(1726 / 2**15, abs=0.005)  # 9,999 of them
    ends = found.difference[1:]
    assert ends == pytest.approx((-41.84, -0.03), abs=3)  # Student's; the differences are skew


def test_views_of_one_patient_do_not_add_patients(rng):
    """Where trackers are alike but patients differ, the t test of all views is too often sure."""
    sure = np.zeros(2)
    for _ in range(80):
        own = np.repeat(rng.normal(0, 1, 10), 6)
        found = paired(own + rng.normal(0, 0.2, 60), np.zeros(60), np.repeat(np.arange(10), 6))
        sure += found.t < ALPHA, found.signs < ALPHA
    assert sure[0] / 80 > 0.2 and sure[1] / 80 < 0.15


def test_holms_correction():
    """0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02: steps of 4, 3, 2, 1."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert len(holm([])) == 0


def test_a_table_of_tests_is_of_its_pairs_and_corrects_for_all(rng):
    index = pd.MultiIndex.from_product([range(9), ["a", "b"]], names=["patient", "file"])
    errors = pd.DataFrame(rng.normal(1, 1, (18, 3)), index, list("xyz"))
    found = comparisons(errors, {"one": ("x", "y"), "two": ("z", "y")})
    alone = paired(errors.x, errors.y, index.get_level_values("patient"))
    assert found.loc["one"].tolist()[:3] == list(alone) and found.index.tolist() == ["one", "two"]
    assert found["holm"].tolist() == holm(found.signs).tolist()


def test_equivalence_holds_where_its_interval_lies_between_the_limits(rng):
    seen = set()
    for ratio in np.linspace(0.7, 1.4, 60):
        y = rng.gamma(8, 0.25, 20)
        x = ratio * y + rng.normal(0, 0.25, 20)
        found = equivalent(x, y, np.arange(20))
        inside = found.ratio.low > LOW and found.ratio.high < HIGH
        assert (found.p < ALPHA) == inside
        assert (found.p_worse < ALPHA) == (found.ratio.high < HIGH)
        seen.add(inside)
    assert seen == {True, False}


def test_a_ratio_at_the_limit_is_called_equivalent_no_more_than_once_in_twenty(rng):
    called = 0
    for _ in range(2000):
        y = rng.gamma(8, 0.25, 30)
        called += equivalent(HIGH * y + rng.normal(0, 0.3, 30), y, np.arange(30)).p < ALPHA
    assert called / 2000 == pytest.approx(ALPHA, abs=0.015)


def test_fiellers_interval_is_that_of_the_t_test_it_inverts(rng):
    y = rng.normal(3, 1, 12)
    x = y + rng.normal(0, 1, 12)
    found = equivalent(x, y, np.arange(12)).ratio
    for end, side in ((found.low, "greater"), (found.high, "less")):
        assert stats.ttest_1samp(x - end * y, 0, alternative=side).pvalue == pytest.approx(ALPHA)


def test_a_mean_that_may_be_nothing_bounds_no_ratio():
    found = equivalent(np.array([1.0, 2, 3]), np.array([-1.0, 1, 0.5]), np.arange(3))
    assert found.ratio.low == -np.inf and found.ratio.high == np.inf and found.p > ALPHA


@pytest.mark.parametrize(
    "first, patient",
    [([1, 2, 3], [1, 1, 2]), ([1, 2, np.nan], [1, 2, 3]), ([1, 2], [1, 2, 3]), ([[1]], [[1]])],
)
def test_what_cannot_be_tested_is_refused(first, patient):
    for test in (paired, equivalent):
        with pytest.raises(InputError, match="significance: errors: "):
            test(first, np.ones(np.shape(first)), patient)

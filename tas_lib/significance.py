"""Is one tracker better than another, or as good as? Tests of paired errors.

The paper's: Student's t, one-tailed (Table IV), by our reading on all recordings, which takes those
of one patient for independent and leaves the number of comparisons out. Beside it ours: patients'
mean differences change sign at random (Good 2005, DOI 10.1007/b138696), and Holm's correction
(1979, JSTOR 4615733). A test that finds no difference shows no equality: use `equivalent`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tas_lib.errors import InputError
from tas_lib.intervals import Estimate, interval

SIGNS = 9_999  # drawn at random, where all would be more
LOW, HIGH = 0.8, 1.25  # of a ratio that counts as equal: the convention of bioequivalence
ALPHA = 0.05


class Paired(NamedTuple):
    """Of the first less the second, in their unit."""

    difference: Estimate  # mean over patients, 95 % bootstrap interval by patient
    t: float  # p, if the first errs no less: Student's t, all recordings
    signs: float  # the same by random signs, a patient each


def paired(first: np.ndarray, second: np.ndarray, patient: np.ndarray) -> Paired:
    """Whether errors first (n,) are smaller than errors second (n,) of the same recordings: tests.

    patient (n,): whose each recording is. Raises InputError.
    """
    one, two = _means(first, second, patient)
    difference = one - two
    middle = Estimate(float(difference.mean()), *interval(difference))
    signs = stats.permutation_test(
        (difference, np.zeros_like(difference)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative="less",
        n_resamples=SIGNS,
        vectorized=True,
        rng=0,
    )
    t = stats.ttest_rel(first, second, alternative="less")
    return Paired(middle, float(t.pvalue), float(signs.pvalue))


def holm(p: np.ndarray) -> np.ndarray:
    """p (k,) of as many comparisons, corrected so that all together err with the stated chance."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def comparisons(errors: pd.DataFrame, pairs: Mapping[Hashable, tuple]) -> pd.DataFrame:
    """`paired` of pairs of columns, by their titles, and p after Holm for all of them together.

    errors: recordings, told apart by an index with a level `patient`, x what is compared. Columns:
    difference, t, signs, holm. Raises InputError.
    """
    patient = errors.index.get_level_values("patient")
    found = {
        title: paired(errors[first], errors[second], patient)._asdict()
        for title, (first, second) in pairs.items()
    }
    table = pd.DataFrame(found).T
    return table.assign(holm=holm(table.signs))


class Equivalence(NamedTuple):
    ratio: Estimate  # of means, with its 90 % interval (Fieller)
    p: float  # if the ratio lies outside LOW to HIGH: below ALPHA, both are equivalent
    p_worse: float  # if it lies above HIGH: below ALPHA, the first is not inferior


def equivalent(first: np.ndarray, second: np.ndarray, patient: np.ndarray) -> Equivalence:
    """Two one-sided tests that errors first (n,) are, on average, about those of second (n,).

    Of patients' means x and y, mean(x - LOW y) must be above 0 and mean(x - HIGH y) below, each by
    a paired t test at ALPHA (Schuirmann 1987, DOI 10.1007/BF01068419; of a ratio: Sasabuchi 1980,
    DOI 10.1093/biomet/67.2.429). p < ALPHA where the 90 % interval lies between LOW and HIGH.
    Errors are positive. Raises InputError.
    """
    x, y = _means(first, second, patient)
    above, below = (
        stats.ttest_1samp(x - limit * y, 0, alternative=side).pvalue
        for limit, side in ((LOW, "greater"), (HIGH, "less"))
    )
    n, quantile = len(x), stats.t.ppf(1 - ALPHA, len(x) - 1)
    means = x.mean(), y.mean()
    (xx, xy), (_, yy) = np.outer(means, means) - quantile**2 / n * np.cov(x, y)
    half = np.sqrt(max(xy**2 - xx * yy, 0))
    ends = ((xy - half) / yy, (xy + half) / yy) if yy > 0 else (-np.inf, np.inf)
    ratio = Estimate(float(x.mean() / y.mean()), *map(float, ends))
    return Equivalence(ratio, float(max(above, below)), float(below))


def _means(
    first: np.ndarray, second: np.ndarray, patient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means (P,) of either over each patient's recordings."""
    shapes = {np.shape(each) for each in (first, second, patient)}
    if len(shapes) > 1 or len(next(iter(shapes))) != 1:
        remedy = "give one error of either and one patient for each recording"
        raise InputError("significance", "errors", f"have shapes {shapes}", remedy)
    both = np.stack([first, second], -1).astype(float)
    means = pd.DataFrame(both).groupby(np.asarray(patient)).mean().to_numpy()
    if len(means) < 3 or not np.isfinite(both).all():
        problem = f"are of {len(means)} patients, or hold NaN"
        raise InputError(
            "significance", "errors", problem, "give those of three or more, all known"
        )
    return tuple(means.T)

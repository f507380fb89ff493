"""How sure a number is of other patients: percentiles of bootstrap draws, wide enough for few.

Patients are drawn again, with all that was measured of each. Of few patients, percentile intervals
of the mean are too narrow: by sqrt((n - 1) / n), and as those of a normal, not of Student's t.
Percentiles farther out correct both (Hesterberg 2015, DOI 10.1080/00031305.2015.1089789). Fewer
than FEWEST patients have no draws as far out as that, and get no interval.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, norm, t

DRAWS = 4_000
FEWEST = 5
Statistic = Callable[[np.ndarray], np.ndarray]


class Estimate(NamedTuple):
    """A number and its interval; without one, both ends are NaN."""

    value: float  # the number itself
    low: float  # end of the 95 % interval
    high: float  # the other end


def means(draws: np.ndarray) -> np.ndarray:
    """Of each draw's patients: (D, P, ...) -> (D, ...)."""
    return draws.mean(1)


def one_by_one(statistic: Callable[[np.ndarray], Any]) -> Statistic:
    """For `interval`, from a statistic of one draw (P, ...): slow."""
    return lambda draws: np.stack([statistic(drawn) for drawn in draws])


def interval(values: np.ndarray, statistic: Statistic = means) -> tuple[Any, Any]:
    """95 % interval of a statistic of patients' values (P, ...): bootstrap, widened for few.

    The statistic is of many draws at once, (D, P, ...), and gives a number of each, (D,), or an
    array, (D, k); the ends are numbers or arrays (k,) as well. NaN below FEWEST = 5 patients.
    """
    if len(values) < FEWEST:
        return np.nan, np.nan
    found = bootstrap(
        (np.arange(len(values)),),
        lambda drawn, axis: np.moveaxis(statistic(values[np.atleast_2d(drawn)]), 0, -1),
        n_resamples=DRAWS,
        method="percentile",
        confidence_level=_level(len(values)),
        rng=0,
    )
    return tuple(found.confidence_interval)


def interval_apart(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """95 % interval of mean(first) - mean(second), values (P,) and (Q,) of other patients."""
    few = min(len(first), len(second))
    if few < FEWEST:
        return np.nan, np.nan
    found = bootstrap(
        (first, second),
        lambda one, two, axis: one.mean(axis) - two.mean(axis),
        n_resamples=DRAWS,
        method="percentile",
        confidence_level=_level(few),
        rng=0,
    )
    low, high = found.confidence_interval
    return float(low), float(high)


def of_rows(statistic: Callable[[np.ndarray], float], patient: np.ndarray) -> Estimate:
    """A statistic of the numbers of rows, (n,), with its interval; patient (n,): whose rows are."""
    ends = interval(rows_by(patient), one_by_one(lambda drawn: statistic(np.concatenate(drawn))))
    return Estimate(statistic(np.arange(len(patient))), *ends)


def rows_by(patient: np.ndarray) -> np.ndarray:
    """Arrays of the numbers of each patient's rows (P,), to be drawn again as they are."""
    rows = pd.Series(range(len(patient))).groupby(np.asarray(patient)).apply(np.asarray)
    return rows.to_numpy(dtype=object)


def _level(n: int) -> float:
    """Share of draws between percentiles that hold the mean of n normal values 95 times in 100."""
    return float(1 - 2 * norm.cdf(-np.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1)))

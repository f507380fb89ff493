"""Agreement of two measurements of the same things (Bland and Altman 1986, section IV-D.2).

Differences d = first - second have bias mean(d), SD s and limits of agreement bias +- 1.96 s, all
with 95 % intervals: that of the bias from Student's t, those of the limits exact for normal
differences, from the non-central t (Carkeet 2015, DOI 10.1097/OPX.0000000000000513). They suppose
independent pairs; where a patient gives several, `of_patients` draws whole patients anew.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tas_lib.errors import InputError
from tas_lib.intervals import Estimate, interval

LIMIT = stats.norm.ppf(0.975)  # 1.96 SD: where 95 % of normal differences lie


class Agreement(NamedTuple):
    """In the unit of the measurements."""

    n: int  # pairs
    bias: Estimate  # mean of first less second
    sd: Estimate  # of first less second
    lower: Estimate  # limit of agreement
    upper: Estimate  # limit of agreement
    absolute: float  # mean |difference|: the paper's MAE


def agreement(first: np.ndarray, second: np.ndarray) -> Agreement:
    """Of measurements first and second (n,) of the same n >= 3 things, in their unit.

    Intervals suppose independent pairs; where patients give several, see `of_patients`. Raises
    InputError.
    """
    first, second = _pairs(first, second)
    difference, n = first - second, len(first)
    bias, sd = difference.mean(), difference.std(ddof=1)
    error = stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)
    spread = sd * np.sqrt((n - 1) / stats.chi2.ppf((0.975, 0.025), n - 1))
    near, far = stats.nct.ppf((0.025, 0.975), n - 1, LIMIT * np.sqrt(n)) * sd / np.sqrt(n)
    return Agreement(
        n,
        Estimate(bias, bias - error, bias + error),
        Estimate(sd, *spread),
        Estimate(bias - LIMIT * sd, bias - far, bias - near),
        Estimate(bias + LIMIT * sd, bias + near, bias + far),
        float(np.abs(difference).mean()),
    )


def of_patients(first: np.ndarray, second: np.ndarray, patient: np.ndarray) -> dict[str, Estimate]:
    """Bias, SD, limits of agreement (lower, upper), mean absolute difference and slope of pairs
    (n,), with intervals by bootstrap of patients.

    The SD of few patients who are drawn again is too small, by sqrt((P - 1) / P) where pairs of a
    patient are alike; this is corrected. The slope is that of the difference over the mean of
    both: a bias that grows with what is measured. patient (n,): whose each pair is. A draw of one
    pair alone has no slope: 0. Raises InputError.
    """
    first, second = _pairs(first, second)
    d, m = first - second, (first + second) / 2
    m = m - m.mean()  # for the sake of digits
    powers = np.stack([np.ones_like(d), d, d**2, abs(d), m, m**2, d * m], -1)
    sums = pd.DataFrame(powers).groupby(np.asarray(patient)).sum().to_numpy()

    def numbers(draws: np.ndarray, grow: float = 1.0) -> np.ndarray:
        n, total, squares, absolute, middle, middles, products = draws.sum(1).T
        bias, sd = total / n, grow * np.sqrt(np.maximum(squares - total**2 / n, 0) / (n - 1))
        rise, run = products - total * middle / n, middles - middle**2 / n
        slope = np.divide(rise, run, out=np.zeros_like(run), where=run > 1e-9 * sums[:, 5].sum())
        limits = bias - LIMIT * sd, bias + LIMIT * sd
        return np.stack([bias, sd, *limits, absolute / n, slope], axis=1)

    names, people = ("bias", "sd", "lower", "upper", "absolute", "slope"), len(sums)
    found = interval(sums, partial(numbers, grow=np.sqrt(people / max(people - 1, 1))))
    ends = np.broadcast_to(np.reshape(found, (2, -1)), (2, len(names)))  # few have no interval
    return {
        name: Estimate(*map(float, three))
        for name, *three in zip(names, *numbers(sums[None]), *ends, strict=True)
    }


def _pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 3:
        problem = f"have shapes {first.shape} and {second.shape}"
        raise InputError("agreement", "measurements", problem, "give three or more pairs")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError(
            "agreement", "measurements", "hold NaN or infinity", "leave such pairs out"
        )
    return first, second

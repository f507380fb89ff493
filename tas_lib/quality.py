"""What a tracker's visibility is worth: is it calibrated, and are segments that it doubts bad ones?

Calibration: where a visibility of v is said, does speckle correlate with end-systole by v?
Selection (Geifman and El-Yaniv 2017, arXiv:1705.08500): of the segments of highest visibility a
share is kept, the coverage; their mean error is the risk.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tas_lib.errors import InputError
from tas_lib.evaluation import BINS
from tas_lib.intervals import Estimate, interval, of_rows, one_by_one, rows_by

COVERAGES = np.arange(0.1, 1.001, 0.05)


def calibration(tallies: pd.Series, patient: pd.Series) -> pd.DataFrame:
    """Of `evaluation.tally` of recordings: what was said, and measured, with intervals by patient.

    Rows: parts of 0 to 1 in which points are. Columns: said (its middle), share of all points,
    measured (mean correlation), low, high (95 %). Raises InputError.
    """
    stacked = np.array(tallies.tolist(), float)
    if stacked.shape[1:] != (2, BINS) or not stacked.any():
        problem = f"have shape {stacked.shape}, or count no point"
        raise InputError("calibration", "tallies", problem, "take a tracker that gives visibility")
    people = np.stack([stacked[patient == who].sum(0) for who in patient.unique()])
    number, total = people.sum(0)
    there = number > 0

    def measured(draws: np.ndarray) -> np.ndarray:
        number, total = np.moveaxis(draws.sum(1)[..., there], 1, 0)
        whole = total.sum(1, keepdims=True) / number.sum(1, keepdims=True)
        return np.where(number > 0, total / np.maximum(number, 1), whole)

    low, high = interval(people, measured)
    return pd.DataFrame(
        {
            "said": ((np.arange(BINS) + 0.5) / BINS)[there],
            "share": (number / number.sum())[there],
            "measured": total[there] / number[there],
            "low": low,
            "high": high,
        }
    )


def risk_coverage(score: np.ndarray, error: np.ndarray, patient: np.ndarray) -> pd.DataFrame:
    """Mean error of the segments with the highest scores, at COVERAGES of them all.

    score, error, patient (n,). Columns: coverage; risk with its 95 % interval by patient (low,
    high); best, the risk if the errors themselves were known. Without any use of the score the risk
    is the same at all coverages. Raises InputError.
    """
    score, error = _checked(score, error, patient)

    def risks(drawn: np.ndarray) -> np.ndarray:
        some = np.concatenate(drawn)
        return _risks(error[some], -score[some], COVERAGES)

    low, high = interval(rows_by(patient), one_by_one(risks))
    return pd.DataFrame(
        {
            "coverage": COVERAGES,
            "risk": _risks(error, -score, COVERAGES),
            "low": low,
            "high": high,
            "best": _risks(error, error, COVERAGES),
        }
    )


def gained(
    score: np.ndarray, error: np.ndarray, patient: np.ndarray, coverage: float = 0.8
) -> Estimate:
    """How far `score` leads at a coverage: 0 where it is as no choice, 1 as if errors were known.

    score, error, patient (n,); with its 95 % interval by patient. Raises InputError.
    """
    score, error = _checked(score, error, patient)

    def share(some: np.ndarray) -> float:
        by_score, best = (
            _risks(error[some], by[some], np.array([coverage])).item() for by in (-score, error)
        )
        return (error[some].mean() - by_score) / (error[some].mean() - best)

    return of_rows(share, patient)


def _risks(error: np.ndarray, by: np.ndarray, coverages: np.ndarray) -> np.ndarray:
    """Mean error of the shares `coverages` of segments that come first in the order `by`."""
    total = np.cumsum(error[np.argsort(by, kind="stable")])
    kept = np.maximum(np.rint(coverages * len(error)).astype(int), 1)
    return total[kept - 1] / kept


def _checked(
    score: np.ndarray, error: np.ndarray, patient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    score, error = np.asarray(score, float), np.asarray(error, float)
    if not (score.shape == error.shape == np.shape(patient)) or score.ndim != 1 or not score.size:
        problem = f"have shapes {score.shape}, {error.shape} and {np.shape(patient)}"
        raise InputError("risk", "score, error, patient", problem, "give one of each a segment")
    if not np.isfinite([score, error]).all():
        raise InputError("risk", "score, error", "hold NaN", "take a tracker that gives visibility")
    return score, error

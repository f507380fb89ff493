"""Does a tracker see which segments don't shorten? Its strain as a test for akinesia, by ROC.

A segment is akinetic where its true end-systolic strain is above AKINETIC; the test calls those
whose measured strain is above a threshold, which runs from the most shortened segment to the least.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from tas_lib.errors import InputError
from tas_lib.intervals import Estimate, of_rows

AKINETIC = -5.0  # end-systolic strain [%]; our choice: scars of our hearts have -3 to 2


def roc(strain: np.ndarray, akinetic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares called, (k,) each, of segments that are not akinetic and of those that are.

    strain (n,): measured, any unit; akinetic (n,): bool. Raises InputError where there are none of
    either kind.
    """
    strain, akinetic = _checked(strain, akinetic)
    order = np.argsort(-strain, kind="stable")
    last = np.append(np.diff(strain[order]) != 0, True)  # equal strains are called together
    called = np.cumsum(np.stack([~akinetic, akinetic])[:, order], axis=1)[:, last]
    false, true = (np.insert(kind / kind[-1], 0, 0.0) for kind in called)
    return false, true


def area(strain: np.ndarray, akinetic: np.ndarray, patient: np.ndarray) -> Estimate:
    """Area under the ROC with its 95 % bootstrap interval by patient.

    The chance that of an akinetic and another segment the akinetic one shortens less (Hanley and
    McNeil 1982, DOI 10.1148/radiology.143.1.7063747). Draws without segments of either kind count
    as chance, 0.5. Raises InputError.
    """
    strain, akinetic = _checked(strain, akinetic)
    return of_rows(lambda some: _area(strain[some], akinetic[some]), patient)


def area_less(
    first: np.ndarray, second: np.ndarray, akinetic: np.ndarray, patient: np.ndarray
) -> Estimate:
    """The `area` of strain first (n,) less that of strain second (n,) of the same segments."""
    (first, akinetic), (second, _) = _checked(first, akinetic), _checked(second, akinetic)

    def apart(some: np.ndarray) -> float:
        return _area(first[some], akinetic[some]) - _area(second[some], akinetic[some])

    return of_rows(apart, patient)


def _area(strain: np.ndarray, akinetic: np.ndarray) -> float:
    """Mann and Whitney's U as a share of all pairs."""
    many = akinetic.sum()
    if not 0 < many < len(akinetic):
        return 0.5
    beaten = rankdata(strain)[akinetic].sum() - many * (many + 1) / 2
    return float(beaten / (many * (len(akinetic) - many)))


def _checked(strain: np.ndarray, akinetic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    strain, akinetic = np.asarray(strain, float), np.asarray(akinetic, bool)
    if strain.shape != akinetic.shape or strain.ndim != 1 or not np.isfinite(strain).all():
        problem = f"has shape {strain.shape} beside {akinetic.shape}, or NaN"
        raise InputError("detection", "strain", problem, "give one number a segment")
    if akinetic.all() or not akinetic.any():
        problem = f"are {akinetic.sum()} of {akinetic.size}"
        raise InputError("detection", "akinetic segments", problem, "give some of either kind")
    return strain, akinetic

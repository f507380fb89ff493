"""The rules of the scorecard: what makes a claim, and what a number, reproduced.

A claim is put as quantities that it says lie below a limit. It is REPRODUCED where all their 95 %
intervals do, so in DIRECTION only where all values do, else NOT_REPRODUCED.

A number of the paper is REPRODUCED where it lies in our 95 % interval, or ours within TOLERANCE of
it; in DIRECTION only where ours lies on the same side of the same table's baseline as the paper's
(a bias of one thing from another: on the same side of 0); else NOT_REPRODUCED.

What was not measured here is NOT_TESTABLE, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tas_lib.errors import InputError
from tas_lib.intervals import Estimate

REPRODUCED, DIRECTION = "reproduced", "direction only"
NOT_REPRODUCED, NOT_TESTABLE = "not reproduced", "not testable here"
VERDICTS = REPRODUCED, DIRECTION, NOT_REPRODUCED, NOT_TESTABLE
TOLERANCE = 0.2  # of the paper's value: virtual patients are others; our choice


class Quantity(NamedTuple):
    what: str
    ours: Estimate
    limit: float = 0.0  # below which the claim says it is
    unit: str = ""


def of_claim(quantities: Sequence[Quantity]) -> str:
    """The verdict on a claim; what is not known lies below nothing. Raises InputError for none."""
    if not quantities:
        remedy = "look at the titles of the archive"
        raise InputError("claim", "quantities", "are none", remedy)
    if all(q.ours.high < q.limit for q in quantities):
        return REPRODUCED
    return DIRECTION if all(q.ours.value < q.limit for q in quantities) else NOT_REPRODUCED


def of_number(
    paper: float, ours: Estimate, paper_baseline: float = 0.0, our_baseline: float = 0.0
) -> str:
    """The verdict on a number, beside its table's baseline: itself, if it has no side."""
    if ours.low <= paper <= ours.high or abs(ours.value - paper) <= TOLERANCE * abs(paper):
        return REPRODUCED
    side = np.sign(paper - paper_baseline)
    same = side != 0 and side == np.sign(ours.value - our_baseline)
    return DIRECTION if same else NOT_REPRODUCED

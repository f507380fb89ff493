"""Does a real clip look like one of a cohort? Its realism in numbers, beside many recordings'.

Of each patient one recording is made, the views in turn: those of one patient would be alike.
"""

from __future__ import annotations

from itertools import islice
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tas_lib.cohorts import Case, cases, film, known
from tas_lib.errors import InputError
from tas_lib.journal import Journal, gather
from tas_lib.realism import correlation_curve, realism
from tas_lib.simulator import CLINICAL, operator_of

LAGS = np.arange(1, 13) / 30  # frames of a clip at 30 Hz [s]
LOW, HIGH = 0.05, 0.95  # quantiles between which a number counts as usual


def numbers(recording: xr.Dataset) -> dict[str, float]:
    """`realism` of a recording, and its correlations after LAGS as curve_1, curve_2 ..."""
    curve = correlation_curve(recording, LAGS).tolist()
    return realism(recording) | {f"curve_{k}": value for k, value in enumerate(curve, start=1)}


def survey(
    name: str,
    n: int,
    seed: int = 0,
    *,
    journal: Journal | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """`numbers` of one recording of each of the first n patients of a cohort, by its file's name.

    journal, workers: see `journal.gather`. Raises InputError.
    """
    views = len(known(name).views)
    chosen = (
        next(islice(cases(name, patient, seed), patient % views, None))
        for patient in range(1, n + 1)
    )
    who: Any = {"journal": journal, "workers": workers, "progress": progress}
    rows = gather(_row, chosen, attrgetter("file"), name, "recording", **who)
    return pd.DataFrame(rows).set_index("file").rename_axis(None)


def _row(case: Case) -> list[dict[str, Any]]:
    ds = film(case, operator=operator_of(CLINICAL), workers=1, progress=False)
    return [{"file": case.file} | numbers(ds)]


def compare(table: pd.DataFrame, clip: pd.Series) -> pd.DataFrame:
    """The `numbers` of one clip in the band of a `survey`: a row for each quantity.

    Columns: value (the clip's), low, median, high (quantiles LOW, 0.5, HIGH of the survey), inside
    (bool). Raises InputError where the survey lacks a quantity.
    """
    if missing := sorted(set(clip.index) - set(table.columns)):
        problem, remedy = f"lacks {', '.join(missing)}", "make it anew with this version"
        raise InputError("realism", "survey", problem, remedy)
    low, median, high = table[clip.index].quantile([LOW, 0.5, HIGH]).values
    band = {"value": clip, "low": low, "median": median, "high": high}
    return pd.DataFrame(band | {"inside": clip.between(low, high)})


def inside(table: pd.DataFrame) -> pd.Series:
    """In how many quantities each recording of a survey lies in the band of all the others."""
    return pd.Series(
        {name: compare(table.drop(name), row).inside.sum() for name, row in table.iterrows()}
    )

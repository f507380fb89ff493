"""What the paper says: its claims, in our words, and the numbers of its tables and Figure 4."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

DATA = files("tas_lib") / "data"


@cache
def claims() -> pd.DataFrame:
    """By id (C01 ...): section, claim, and what the paper shows for it."""
    return pd.read_csv(DATA / "claims.csv", index_col="id")


@cache
def numbers() -> pd.DataFrame:
    """table, row, where (cohort, view or design), metric, unit, value and spread: the SD that is
    printed behind it, NaN if there is none that can be read.
    """
    return pd.read_csv(DATA / "numbers.csv", keep_default_na=False, na_values={"spread": ""})


def value(table: str, row: str, where: str, metric: str) -> float:
    """Of one of `numbers`. Raises KeyError."""
    known = numbers().set_index(["table", "row", "where", "metric"]).value
    return float(known[table, row, where, metric])

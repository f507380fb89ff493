"""Numbers of a long run in a small file: what made them, and a table, column by column."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from tas_lib.errors import InputError

DIGITS = 5  # significant ones: what is told of a number


def text(table: pd.DataFrame, **about: Any) -> str:
    """JSON of `about` and, under `rows`, the table's columns; NaN becomes null."""
    columns = {name: [_short(value) for value in column] for name, column in table.items()}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items()]
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in columns.items())
    return "{\n" + ",\n".join([*lines, f'"rows": {{\n{rows}\n}}']) + "\n}\n"


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def read(path: str | Path, key: str = "rows") -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table of an archived run, under `key`, and what is known of it. Raises InputError."""
    try:
        about = json.loads(Path(path).read_text())
        table = about.pop(key)
        if not isinstance(table, dict) and not all(isinstance(row, dict) for row in table):
            raise TypeError(f"{key} are neither columns nor rows")
        return pd.DataFrame(table), about
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        problem = f"is no archived run with {key} ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, "make it anew: its page says how") from error

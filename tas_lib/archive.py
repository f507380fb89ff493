"""Numbers of a long run in a small file: what made them, and a table, column by column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from tas_lib.errors import InputError

DIGITS = 6  # after the point: micrometres, millionths of strain


def text(table: pd.DataFrame, **about: Any) -> str:
    """JSON of `about` and, under `rows`, the table's columns; NaN becomes null."""
    columns = {
        name: json.loads(column.to_json(orient="values", double_precision=DIGITS))
        for name, column in table.items()
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items()]
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in columns.items())
    return "{\n" + ",\n".join([*lines, f'"rows": {{\n{rows}\n}}']) + "\n}\n"


def read(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table of an archived run and what is known of it. Raises InputError."""
    try:
        about = json.loads(Path(path).read_text())
        return pd.DataFrame(about.pop("rows")), about
    except (OSError, ValueError, KeyError) as error:
        problem = f"is no archived run with rows ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, "make it anew: its page says how") from error

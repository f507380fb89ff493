"""A table that was cut short goes on: nothing is made twice, nothing of other code taken up."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

from tas_lib import journal as journals
from tas_lib.errors import InputError
from tas_lib.journal import Journal, gather, unfinished

ITEMS = ["c", "a", "b"]


@pytest.fixture(autouse=True)
def facts(monkeypatch):
    """What makes the rows; a test may change it."""
    now = {"commit": "abc", "date": "2026-01-01", "threads": "1 of 2 cores"}
    monkeypatch.setattr(journals, "facts", lambda: now)
    return now


def rows(item, made):
    made.append(item)
    if item == "b" and made.count("b") == 1:
        raise InputError("b", "file", "is not there yet", "try again")
    return [{"item": item, "x": np.float64(0.1) / 3, "n": np.int64(k)} for k in range(2)] + [
        {"item": item, "x": np.nan, "n": 2}
    ]


def run(out, made, **made_of):
    with unfinished(out, **made_of) as journal:
        return gather(
            partial(rows, made=made),
            ITEMS,
            str,
            "x",
            "x",
            journal=journal,
            workers=1,
            progress=False,
        )


def test_a_run_that_ended_goes_on(tmp_path):
    out, made = tmp_path / "out.json", []
    with pytest.raises(InputError, match="is not there yet"):
        run(out, made)
    assert made == ITEMS
    found = run(out, made)
    assert made == [*ITEMS, "b"]
    whole = gather(partial(rows, made=["b"]), ITEMS, str, "x", "x", workers=1, progress=False)
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(whole))
    assert not list(tmp_path.iterdir())


def test_a_line_cut_short_is_made_again(tmp_path):
    out, made = tmp_path / "out.json", []
    with pytest.raises(InputError):
        run(out, made)
    (part,) = tmp_path.iterdir()
    part.write_bytes(part.read_bytes()[:-20])
    run(out, made)
    assert made == [*ITEMS, "a", "b"]


def test_lines_after_one_cut_short_count(tmp_path):
    path = tmp_path / "x.part"
    path.write_text('["half')
    Journal(path).enter("a", [{"x": 1}])
    assert Journal(path).found == {"a": [{"x": 1}]}


@pytest.mark.parametrize("change", [{"commit": "abd"}, {"commit": "abc-dirty"}, {"torch": "9"}])
def test_other_code_takes_nothing_up(tmp_path, facts, change):
    path = tmp_path / "x.part"
    Journal(path).enter("a", [{"x": 1}])
    facts |= {"date": "2026-01-02", "threads": "2 of 2 cores"}
    assert Journal(path).found
    facts |= change
    assert not Journal(path).found


def test_other_settings_take_nothing_up(tmp_path):
    Journal(tmp_path / "x.part", seed=0).enter("a", [])
    assert not Journal(tmp_path / "x.part", seed=1).found


@pytest.mark.parametrize("text", ["[1, 2]", "{}", "null", '["a", [], []]', "\0", json.dumps("x")])
def test_a_file_of_something_else_is_passed_over(tmp_path, text):
    (tmp_path / "x.part").write_text(text)
    assert not Journal(tmp_path / "x.part").found


def test_no_room_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        Journal(tmp_path / "no folder" / "x.part").enter("a", [])

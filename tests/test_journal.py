"""A table that was cut short goes on: nothing is made twice, nothing of other code taken up."""

import json
import sys
from functools import partial
from subprocess import PIPE, Popen

import numpy as np
import pandas as pd
import pytest
from test_faults import room

from tas_lib import journal as journals
from tas_lib.errors import InputError
from tas_lib.journal import Journal, gather, unfinished

ITEMS = ["c", "a", "b"]


@pytest.fixture(autouse=True)
def facts(monkeypatch):
    """What makes the rows; a test may change it."""
    now = {"code": "abc", "commit": "a", "date": "2026-01-01", "threads": "1 of 2 cores"}
    monkeypatch.setattr(journals, "facts", lambda: {k: v for k, v in now.items() if k != "code"})
    monkeypatch.setattr(journals, "code", lambda: now["code"])
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


def test_what_is_refused_at_once_leaves_nothing(tmp_path):
    with pytest.raises(InputError), unfinished(tmp_path / "out.json"):
        raise InputError("cohort", "DIR", "is empty", "make one")
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize("change", [{"code": "abd"}, {"torch": "9"}, {"device": "another"}])
def test_other_code_takes_nothing_up(tmp_path, facts, change):
    path = tmp_path / "x.part"
    Journal(path).enter("a", [{"x": 1}])
    facts |= {"commit": "b", "date": "2026-01-02", "threads": "2 of 2 cores"}
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


def test_deep_nonsense_is_passed_over(tmp_path):
    (tmp_path / "x.part").write_text("[" * 100_000)
    assert not Journal(tmp_path / "x.part").found


def test_a_full_disk_is_said(tmp_path):
    journal = Journal(tmp_path / "x.part")
    with room(100), pytest.raises(InputError, match=r"x.part: file: cannot be written \(File too"):
        journal.enter("a", [{"x": "x" * 200}])


def test_a_folder_that_cannot_be_is_said_before_anything_is_made(tmp_path):
    (tmp_path / "no folder").touch()
    for out in (tmp_path / "no folder" / "x.json", tmp_path):
        made = []
        with pytest.raises(InputError, match="cannot be written|is a folder"):
            run(out, made)
        assert not made


def test_two_runs_do_not_share_a_journal(tmp_path):
    hold = "from tas_lib.journal import Journal; from pathlib import Path; import sys\n"
    hold += "Journal(Path(sys.argv[1])); print('held', flush=True); input()"
    words = [sys.executable, "-c", hold, str(tmp_path / "x.part")]
    with Popen(words, stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=r"x.part: file: is in use by another run"):
            Journal(tmp_path / "x.part")
        other.stdin.write("\n")


@pytest.mark.parametrize("value", [np.float32(0.1), np.bool_(True), np.arange(3), (1, 2), None])
def test_what_is_kept_is_what_was_found(tmp_path, value):
    Journal(tmp_path / "x.part").enter("a", [{"x": value}])
    ((row,),) = Journal(tmp_path / "x.part").found.values()
    assert np.array_equal(row["x"], value)

"""Archived runs: what is written is read again, in few bytes."""

import json

import numpy as np
import pandas as pd
import pytest

from tas_lib import archive
from tas_lib.errors import InputError


def test_what_is_written_is_read_again(tmp_path):
    table = pd.DataFrame(
        {"file": ["ä", "b"], "mte": [1.2345678e-3, np.nan], "segments": [[0.5, -1.0], [2.0, 0.0]]}
    )
    (tmp_path / "run.json").write_text(archive.text(table, command="tas", seed=0))
    found, about = archive.read(tmp_path / "run.json")
    assert about == {"command": "tas", "seed": 0}
    pd.testing.assert_frame_equal(found, table.assign(mte=[1.2346e-3, np.nan]))


def test_runs_written_row_by_row_are_read_too(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"rows": [{"a": 1}, {"a": 2}]}))
    assert archive.read(tmp_path / "run.json")[0].a.tolist() == [1, 2]


@pytest.mark.parametrize("content", [None, "no JSON", "{}"])
def test_what_is_no_archived_run_is_refused(tmp_path, content):
    path = tmp_path / "run.json"
    if content:
        path.write_text(content)
    with pytest.raises(InputError, match="run.json: file: is no archived run with rows"):
        archive.read(path)

"""Two observers, two visits: perfect trackers agree as drawings do; pairs differ in one thing."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import CutShort
from test_evaluation import SHIFTS, SQUEEZE, Knowing, Rough
from typer.testing import CliRunner

from tas_lib import archive, cli, recording
from tas_lib.agreement import GLOBAL, PERFECT, TRUTH, pairs, readings, spread, strains
from tas_lib.collection import MANIFEST
from tas_lib.errors import InputError
from tas_lib.trackers import registry


@pytest.fixture
def folder(moving_clip, tmp_path, monkeypatch):
    """Two patients, filmed on two days and seen by two observers, and a perfect tracker."""
    monkeypatch.setattr(registry, "get", lambda name: Knowing())
    monkeypatch.setattr(registry, "weights_of", lambda name: None)
    monkeypatch.setattr("tas_lib.comparison.files", lambda name, patient: [])
    entries = []
    for k, (patient, visit) in enumerate((p, v) for p in ("1", "2") for v in ("test", "retest")):
        about = {"patient": patient, "visit": visit, "pathology": "healthy"}
        recording.save(
            moving_clip(SHIFTS, k, squeeze=SQUEEZE).assign_attrs(about), tmp_path / f"{k}.nc"
        )
        watching = {"observers": [2 * k, 2 * k + 1]}
        entries.append({"file": f"{k}.nc", "sha256": "", "patient": patient, **watching})
    made = {"half_beats": True, "made_with": [{"commit": "a"}]}
    about = {"cohort": "hunt", "seed": 0, "recordings": entries, **made}
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    return tmp_path


def test_observers_are_as_far_apart_as_their_drawings_where_tracking_is_perfect(folder):
    rows = readings(folder, {"knowing": "knowing"}, 1, progress=False)
    assert len(rows) == 4 * 2 * 3
    table = strains(rows)
    assert len(table) == 7 * len(rows)
    for key, both in {"observer": (1, 2), "visit": ("test", "retest")}.items():
        apart = [
            pairs(table[table.tracker == title], key, *both)[["first", "second"]]
            for title in ("knowing", PERFECT)
        ]
        assert np.diff(apart[0], axis=1).std() > 0.3  # % strain
        np.testing.assert_allclose(*apart, atol=1e-3)
    by_tracker = pairs(table, "tracker", "knowing", PERFECT)
    assert {*by_tracker.segment} >= {GLOBAL, "basal inferoseptal", "apical anterolateral"}
    whole = by_tracker[by_tracker.segment == GLOBAL]
    assert len(whole) == 8 and spread(whole).loc[GLOBAL, ("absolute", "value")] < 1e-3
    assert whole["first"].min() < -5


def test_smooth_tracks_agree_as_perfect_ones_do(folder, monkeypatch):
    monkeypatch.setattr(registry, "get", lambda name: Rough())
    rows = readings(folder, {"rough": "rough"}, 1, progress=False)
    rough, perfect = (rows[rows.tracker == title].reset_index() for title in ("rough", PERFECT))
    np.testing.assert_allclose(rough.gls_smoothed, perfect.gls, atol=2e-3)
    assert (rough.gls - perfect.gls).abs().min() > 0.01


def made():
    """Rows of five patients in one view, by two trackers and observers; those of `strains`."""
    rows = [
        {
            "tracker": tracker,
            "observer": observer,
            "visit": "test",
            "patient": patient,
            "pathology": "healthy",
            "view": "A4C",
            "gls": -0.2 + 0.01 * observer * (tracker == "a"),
            "segments": [-0.1 * k for k in range(6)],
            "accepted": [True] * 5 + [observer == 1],
        }
        for tracker in ("a", TRUTH)
        for observer in (1, 2)
        for patient in range(1, 6)
    ]
    return strains(pd.DataFrame(rows))


def test_pairs_differ_in_one_thing_alone():
    table = made()
    paired = pairs(table[table.tracker == "a"], "observer", 1, 2)
    whole = paired[paired.segment == GLOBAL]
    np.testing.assert_allclose(whole["first"] - whole["second"], -1)
    assert whole.patient.tolist() == [1, 2, 3, 4, 5]
    assert len(paired) == 5 * 6  # the second observer does not accept the last segment
    against = pairs(table, "tracker", "a", TRUTH)
    whole = against[against.segment == GLOBAL]
    np.testing.assert_allclose(
        (whole["first"] - whole["second"]).groupby(whole.observer).mean(), [1, 2]
    )


def test_a_spread_is_told_by_segment():
    table = made()
    found = spread(pairs(table, "tracker", "a", TRUTH))
    assert found.index[0] == GLOBAL and len(found) == 7
    assert found.loc[GLOBAL, ("bias", "value")] == pytest.approx(1.5)
    assert found.loc["mid inferoseptal", ("sd", "high")] == pytest.approx(0)
    assert found["n"].loc["basal anterolateral"] == 5


def test_what_is_not_there_makes_no_pairs():
    with pytest.raises(InputError, match="visit: none are test and retest; choose of .'test'"):
        pairs(made(), "visit", "test", "retest")


def test_the_command_writes_what_it_prints(folder, tmp_path):
    out = tmp_path / "out.json"
    words = ["agreement", str(folder), "--tracker", "best=a", "--workers", "1", "--out", str(out)]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    rows, about = archive.read(out)
    assert about["command"] == "tas agreement DIR --tracker best=a --out FILE"
    assert about["cohort"] == "hunt" and {"commit", "date", "weights_sha256"} <= about.keys()
    table = strains(rows)
    paired = pairs(table[table.tracker == "best"], "observer", 1, 2)
    whole = paired[paired.segment == GLOBAL]
    apart = (whole["first"] - whole["second"]).abs().mean()
    said = "best              observer     4 pairs: mean absolute difference "
    assert f"{said}{apart:.2f} % strain" in result.stdout
    assert "best              visit        4 pairs" in result.stdout


def test_the_command_goes_on_where_it_was_cut_short(folder, tmp_path, monkeypatch):
    out, opened = tmp_path / "out.json", CutShort(recording.open, 4)
    words = ["agreement", str(folder), "--tracker", "a", "--workers", "1", "--out", str(out)]

    monkeypatch.setattr(recording, "open", opened)
    assert CliRunner().invoke(cli.app, words).exit_code == 2 and not out.exists()
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    assert opened.seen == ["0.nc", "1.nc", "2.nc", "3.nc", "3.nc"]
    assert archive.read(out)[0].groupby("file").size().tolist() == [6] * 4
    assert not list(tmp_path.glob("*.part"))

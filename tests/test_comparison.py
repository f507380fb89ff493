"""Trackers side by side: whose errors are known."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from test_evaluation import SHIFTS, SQUEEZE, Knowing
from typer.testing import CliRunner

from tas_lib import archive, cli, cohorts, comparison, recording
from tas_lib.cohorts import files
from tas_lib.collection import MANIFEST
from tas_lib.comparison import cohort_in, compare, networks, people
from tas_lib.errors import InputError
from tas_lib.evaluation import BINS
from tas_lib.trackers import registry, weights

A_FILM = {"file": "a.nc", "patient": "1", "sha256": ""}
MADE = {"half_beats": True, "made_with": [{"commit": "b"}, {"commit": "a"}]}
KNOWING = {"a": Knowing(), "b": Knowing(error=(3e-3, 4e-3))}
TRACKERS = {"right": "a", "wrong": "b"}


@pytest.fixture(autouse=True)
def any_recordings(monkeypatch):
    """Cohorts need not hold what those of their names do."""
    monkeypatch.setattr("tas_lib.comparison.files", lambda name, patient: [])


@pytest.fixture
def folder(moving_clip, tmp_path, monkeypatch):
    """A cohort of three recordings of two patients; two trackers a and b that know the motion."""
    monkeypatch.setattr(registry, "get", lambda name: KNOWING.get(name, KNOWING["a"]))
    monkeypatch.setattr(registry, "weights_of", lambda name: None if name in KNOWING else name)
    entries = []
    for k, patient in enumerate((1, 1, 2)):
        ds = moving_clip(SHIFTS, k, squeeze=SQUEEZE).assign_attrs(
            patient=patient, pathology="healthy"
        )
        recording.save(ds, tmp_path / f"{k}.nc")
        entries.append({"file": f"{k}.nc", "patient": patient, "sha256": ""})
    about = {"cohort": "hunt", "seed": 0, "recordings": entries} | MADE
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    return tmp_path


def test_every_tracker_has_a_row_of_every_recording(folder):
    table = compare(folder, TRACKERS, 1, progress=False)
    assert table.groupby(["file", "tracker"]).size().tolist() == [1] * 6
    mte = people(table, "mte")
    assert mte.index.tolist() == [1, 2] and mte.columns.tolist() == ["right", "wrong"]
    np.testing.assert_allclose(mte, [[0, 8 / 9 * 5e-3]] * 2, atol=1e-9)


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match="file: is not there; make a cohort"):
        compare(tmp_path, TRACKERS)


def test_a_folder_of_other_recordings_is_refused_before_any_is_tracked(folder):
    about = json.loads((folder / MANIFEST).read_text())
    del about["cohort"]
    (folder / MANIFEST).write_text(json.dumps(about))
    with pytest.raises(InputError, match="cohort: is not stated: these are no virtual patients"):
        compare(folder, {"none": "a"})


def test_an_unfinished_cohort_is_not_judged_as_a_smaller_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tas_lib.comparison.files", files)
    entries = [A_FILM | {"file": f, "patient": k} for k in (1, 2) for f in files("hunt", k)]
    about = {"cohort": "hunt", "seed": 0, "recordings": entries} | MADE
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    assert len(cohort_in(tmp_path)["recordings"]) == 12
    lost = about["recordings"].pop(7)["file"]
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    with pytest.raises(InputError, match=f"recordings: lack {lost}; run the `tas cohort hunt`"):
        cohort_in(tmp_path)


def test_who_was_learnt_from_is_not_judged(folder, tmp_path):
    """Not by weights that went on from others who had seen a patient, either."""
    torch.manual_seed(0)
    net, path = registry.network("myotracker"), tmp_path / "some.safetensors"
    weights.save(net, path, {"patients": ["9"], "init": {"patients": ["2"]}})
    with pytest.raises(InputError, match="patients: learnt from 1 of those who are evaluated, 2"):
        compare(folder, {"one": path})
    weights.save(net, path, {"patients": ["9"], "init": {"patients": ["12"]}})
    assert len(compare(folder, {"one": path}, 1, progress=False)) == 3


def test_weights_that_do_not_say_who_was_learnt_from_are_refused(folder, tmp_path):
    path = weights.save(registry.network("myotracker"), tmp_path / "some.safetensors", {"data": 1})
    with pytest.raises(InputError, match="patients: are not named"):
        compare(folder, {"one": path})


def test_a_patient_counts_once_however_often_filmed():
    rows = [(1, "a", 0.0)] * 9 + [(2, "a", 1.0)]
    table = pd.DataFrame(rows, columns=["patient", "tracker", "mte"])
    assert people(table, "mte").a.mean() == 0.5


def test_who_was_not_judged_is_not_known():
    table = pd.DataFrame({"patient": [1, 1], "tracker": ["b", "a"], "mte": [1.0, np.nan]})
    means = people(table, "mte")
    assert means.columns.tolist() == ["b", "a"] and means.a.isna().all()


def test_processes_find_what_one_finds(moving_clip, tmp_path):
    entries = []
    for k in range(3):
        ds = moving_clip(SHIFTS, k, squeeze=SQUEEZE).assign_attrs(patient=k, pathology="healthy")
        recording.save(ds, tmp_path / f"{k}.nc")
        entries.append({"file": f"{k}.nc", "patient": k, "sha256": ""})
    about = {"cohort": "hunt", "seed": 0, "recordings": entries} | MADE
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    path = tmp_path / "some.safetensors"
    weights.save(registry.network("myotracker"), path, {"pixel": registry.PIXEL})
    trackers = {"speckle": "speckle", "network": path}
    one, two = (compare(tmp_path, trackers, k, progress=False) for k in (1, 2))
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"))


def test_the_command_writes_what_it_prints(folder, tmp_path):
    words = ["evaluate", str(folder), "--tracker", "best one=a", "--tracker", "b", "--workers", "1"]
    result = CliRunner().invoke(cli.app, [*words, "--out", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.output
    assert "3 recordings of 2 patients; intervals need 5\n" in result.stdout
    assert re.search(r"^b +4.44 ", result.stdout, re.MULTILINE)
    again = CliRunner().invoke(cli.app, [*words, "--tracker", "b", "--out", "x.json"])
    assert again.exit_code == 2 and "--tracker: b comes twice" in again.stderr
    made = json.loads((tmp_path / "out.json").read_text())
    rows, about = archive.read(tmp_path / "out.json")
    assert made["cohort"] == "hunt" and len(rows) == 6 and about["seed"] == 0
    assert {*rows.tracker} == {"best one", "b"}
    assert "--tracker 'best one=a' --tracker b" in made["command"]
    assert {"commit", "date", "device", "weights_sha256"} <= made.keys()
    assert made["recordings_by"] == "tas cohort hunt --n 2 --seed 0 --profile smoke --out DIR"
    assert made["recordings_commit"] == "a, b"
    assert made["networks"] == {}  # neither has weights
    assert rows.closure.isna().all()  # half a beat has none
    assert np.shape(rows.calibration[0]) == (2, BINS) and len(rows.segments[0]) == 6
    printed = CliRunner().invoke(cli.app, [*words, "--json", "--quiet"])
    assert json.loads(printed.stdout)["rows"]["mte"] == made["rows"]["mte"]


def test_weights_that_have_changed_are_read_again(tmp_path):
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        path = tmp_path / "net.safetensors"
        weights.save(registry.network("myotracker"), path, {"pixel": registry.PIXEL})
        found.append(comparison.ready(path))
    assert found[0] is found[1] is not found[2]


def test_networks_below_a_folder_are_titled_by_where_they_lie(folder, tmp_path):
    for where in ("s1/seed0", "s1-s2/seed0"):
        (tmp_path / "runs" / where).mkdir(parents=True)
        net = registry.network("myotracker")
        weights.save(net, tmp_path / "runs" / where / "best.safetensors", {"minutes": 2})
    words = ["evaluate", str(folder), "--workers", "1", "--out", str(tmp_path / "out.json")]
    none = CliRunner().invoke(cli.app, words)
    assert none.exit_code == 2 and "is missing; name one, or give --runs" in none.stderr
    result = CliRunner().invoke(cli.app, [*words, "--runs", str(tmp_path / "runs")])
    assert result.exit_code == 0, result.output
    rows, made = archive.read(tmp_path / "out.json")
    assert {*rows.tracker} == {"s1/seed0", "s1-s2/seed0"} == made["networks"].keys()
    assert made["networks"]["s1/seed0"] == {"minutes": 2}
    assert made["command"] == "tas evaluate DIR --runs DIR --out FILE"


def test_the_command_makes_the_cohort_that_it_is_asked_for(moving_clip, tmp_path, monkeypatch):
    def make(name, place, n, seed, workers, progress, profile):
        ds = moving_clip(SHIFTS, squeeze=SQUEEZE).assign_attrs(
            patient=f"{name} {seed}-1", pathology=profile
        )
        recording.save(ds, Path(place) / "a.nc")
        about = {"cohort": name, "seed": seed, "recordings": [A_FILM]}
        about |= MADE
        (Path(place) / MANIFEST).write_text(json.dumps(about))

    monkeypatch.setattr(cohorts, "make_cohort", make)
    monkeypatch.setattr(registry, "get", lambda name: KNOWING["a"])
    words = ["evaluate", "--cohort", "hunt", "--tracker", "speckle", "--profile", "smoke", "--json"]
    result = CliRunner().invoke(cli.app, [*words, "--workers", "1", "--quiet"])
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made["rows"]["patient"] == ["hunt 0-1"] and made["rows"]["pathology"] == ["smoke"]
    assert made["command"] == (
        "tas evaluate --cohort hunt --profile smoke --seed 0 --tracker speckle --out FILE"
    )
    kept = [*words, "--workers", "1", "--out", str(tmp_path / "out.json"), str(tmp_path)]
    assert CliRunner().invoke(cli.app, kept).exit_code == 0
    assert (tmp_path / "a.nc").is_file() and (tmp_path / "out.json").is_file()
    neither = CliRunner().invoke(cli.app, ["evaluate", "--tracker", "speckle"])
    assert neither.exit_code == 2 and "DIR: is missing" in neither.stderr


def test_networks_are_named_by_their_folders(tmp_path):
    with pytest.raises(InputError, match="weights: are not there; run `tas train`"):
        networks(tmp_path)
    for name in ("s1/seed0", "s1-s2/seed1"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "best.safetensors").touch()
    found = networks(tmp_path)
    assert found == {name: tmp_path / name / "best.safetensors" for name in found}
    assert found.keys() == {"s1/seed0", "s1-s2/seed1"}
    assert networks(tmp_path / "s1" / "seed0").keys() == {"seed0"}
    state = json.dumps({"step": 5, "run": {"budget": {"steps": 20}}})
    last = tmp_path / "s1" / "seed0" / "last.safetensors"
    weights.write({"a": torch.zeros(1)}, last, {"state": state})
    with pytest.raises(InputError, match="s1/seed0: steps: .* left, 15; run the same command"):
        networks(tmp_path)


def test_the_command_goes_on_where_it_was_cut_short(folder, tmp_path, monkeypatch):
    """With the same numbers, and no recording tracked twice."""
    words = ["evaluate", str(folder), "--tracker", "a", "--tracker", "b", "--workers", "1"]
    whole, out, calls = tmp_path / "whole.json", tmp_path / "out.json", []
    evaluate = comparison.evaluate
    assert CliRunner().invoke(cli.app, [*words, "--out", str(whole)]).exit_code == 0

    def broken(ds, tracker):
        calls.append(tracker)
        if len(calls) == 4:
            raise InputError("disk", "film", "went away", "put it back")
        return evaluate(ds, tracker)

    monkeypatch.setattr(comparison, "evaluate", broken)
    cut = CliRunner().invoke(cli.app, [*words, "--out", str(out)])
    assert cut.exit_code == 2 and not out.exists()
    assert CliRunner().invoke(cli.app, [*words, "--out", str(out)]).exit_code == 0
    assert len(calls) == 4 + 2 * 2
    one, two = (archive.read(path)[0].drop(columns="seconds") for path in (whole, out))
    pd.testing.assert_frame_equal(one, two)
    assert not list(tmp_path.glob("*.part"))


def test_other_weights_are_judged_anew_and_never_mixed(folder, tmp_path, monkeypatch):
    """Neither with what a cut run has found of the old ones, nor while they are replaced."""
    net, path, out = registry.network("myotracker"), tmp_path / "a.safetensors", tmp_path / "o.json"
    words = ["evaluate", str(folder), "--tracker", str(path), "--workers", "1", "--out", str(out)]
    evaluate, calls, at_second = comparison.evaluate, [], []

    def watched(ds, tracker):
        calls.append(tracker)
        if len(calls) == 2:
            at_second.pop()()
        return evaluate(ds, tracker)

    def cut():
        raise InputError("disk", "film", "went away", "put it back")

    def run(then):
        calls.clear()
        at_second.append(then)
        return CliRunner().invoke(cli.app, words)

    monkeypatch.setattr(registry, "weights_of", Path)
    monkeypatch.setattr(comparison, "evaluate", watched)
    weights.save(net, path, {})
    assert run(cut).exit_code == 2
    weights.save(net, path, {"seed": 1})
    assert run(lambda: None).exit_code == 0 and len(calls) == 3
    out.unlink()
    found = run(lambda: weights.save(net, path, {"seed": 2}))
    assert "weights: changed while they were judged" in found.stderr and not out.exists()

"""The scorecard: its rules on made-up archives in which all claims hold, nearly hold, or fail."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import typer
from claimed_world import World
from extensions import REPO
from typer.testing import CliRunner

from tas_lib import archive, cli, intervals, paper
from tas_lib import scorecard as module
from tas_lib.claims import NETWORKS, RULES, STEPS, best_s1
from tas_lib.errors import InputError
from tas_lib.evidence import COHORTS, DESIGNS, MADE_BY, Evidence, absolute, estimate
from tas_lib.intervals import Estimate
from tas_lib.numbers import BASELINES, EXCHANGEABLE, baseline, beside, called, ours, title
from tas_lib.scorecard import scorecard
from tas_lib.verdicts import (
    DIRECTION,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    REPRODUCED,
    TOLERANCE,
    Quantity,
    of_claim,
    of_number,
)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Intervals from fewer draws."""
    monkeypatch.setattr(intervals, "DRAWS", 300)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Folders of archives in which claims hold, fail, and drown in noise."""
    found = {}
    for name, how in {"good": {}, "bad": {"way": -1}, "vague": {"noise": 4.0}}.items():
        found[name] = tmp_path_factory.mktemp(name)
        World(found[name], **how)
    return found


def test_a_claim_is_as_good_as_its_worst_quantity():
    sure, likely, wrong = (Quantity("", Estimate(v, v - 1, v + 1)) for v in (-2.0, -0.5, 0.5))
    assert of_claim([sure, sure]) == REPRODUCED
    assert of_claim([sure, likely]) == DIRECTION
    assert of_claim([sure, likely, wrong]) == NOT_REPRODUCED
    assert of_claim([wrong._replace(limit=2.0)]) == REPRODUCED
    assert of_claim([Quantity("", Estimate(-2.0, np.nan, np.nan))]) == DIRECTION
    assert of_claim([Quantity("", Estimate(np.nan, np.nan, np.nan))]) == NOT_REPRODUCED
    with pytest.raises(InputError, match="quantities: are none"):
        of_claim([])


def test_a_number_is_near_or_on_the_right_side():
    assert of_number(1.0, Estimate(2.0, 0.9, 3.0)) == REPRODUCED  # within the interval
    assert of_number(1.0, Estimate(1 + 0.99 * TOLERANCE, 1.15, 1.25)) == REPRODUCED
    far = Estimate(3.0, 2.9, 3.1)
    assert of_number(1.0, far, 0.5, 2.0) == DIRECTION
    assert of_number(1.0, far, 0.5, 4.0) == NOT_REPRODUCED
    assert of_number(1.0, far, 1.0, 3.0) == NOT_REPRODUCED  # a baseline has no side
    assert of_number(-0.1, Estimate(-2.0, -3, -1)) == DIRECTION  # a bias
    assert of_number(0.1, Estimate(-2.0, -3, -1)) == NOT_REPRODUCED


def test_every_claim_has_a_rule_and_every_number_a_baseline():
    assert list(RULES) == list(paper.claims().index) and len(RULES) == 24
    known = paper.numbers()
    assert len(known) == 172 and not known.duplicated(["table", "row", "where", "metric"]).any()
    assert set(known.table) == set(BASELINES)
    places = set(zip(known.table, known.row, known["where"], known.metric, strict=True))
    assert {baseline(number) for _, number in known.iterrows()} <= places
    assert paper.value("Table II", "CoTracker", "SSHF", "folds") == 27


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_tells_where_its_claim_holds(worlds, name):
    assert of_claim(RULES[name](Evidence(worlds["good"]))) == REPRODUCED
    assert of_claim(RULES[name](Evidence(worlds["bad"]))) == NOT_REPRODUCED


COUNTS = {"C01": 2, "C02": 2, "C03": 2, "C04": 4, "C05": 1, "C06": 3, "C07": 8, "C08": 1, "C09": 3}
COUNTS |= {"C10": 2, "C11": 5, "C12": 1, "C13": 9, "C14": 4, "C15": 2, "C16": 2, "C17": 1, "C18": 2}
COUNTS |= {"C19": 37, "C20": 1, "C21": 2, "C22": 3, "C23": 2, "C24": 1}


@pytest.mark.parametrize("name", sorted(RULES))
def test_each_quantity_of_a_rule_can_fail(worlds, name):
    """C21 has each pair of diseases both ways, of which one alone can be far apart."""
    found = RULES[name](Evidence(worlds["bad"]))
    assert len(found) == COUNTS[name]
    assert sum(q.ours.value < q.limit for q in found) == (name == "C21"), [
        q for q in found if q.ours.value < q.limit
    ]


def test_the_share_of_s1_that_is_best_moves_with_the_mesh():
    rows = pd.DataFrame({"strategy": ["S1 p=0.0", "S1 p=0.1", "S1 p=0.5"], "mae": [0.1, 0.2, 0.3]})
    assert best_s1(rows.assign(patient="1")) == "S1 p=0.1"


def test_what_all_patients_show_alike_has_no_interval():
    assert np.isnan(estimate(np.zeros(6)).high) and estimate(np.zeros(6)).value == 0
    assert of_claim([Quantity("", estimate(np.zeros(6)), 18.0)]) == DIRECTION


@pytest.mark.parametrize("name", ["C05", "C14", "C20"])
def test_a_rule_is_not_sure_where_patients_differ_more(worlds, name):
    assert of_claim(RULES[name](Evidence(worlds["vague"]))) != REPRODUCED


def test_peaks_of_smooth_tracks_are_paired_alike(worlds):
    found, twice = Evidence(worlds["good"]), DESIGNS["HUNT-A agreement"]
    usual, smooth = (
        absolute(found.pairs(twice, "tas/tasnet", peak=peak)) for peak in ("gls", "gls_smoothed")
    )
    assert usual.min() > 0.1
    np.testing.assert_allclose(smooth, usual / 2, atol=0.02)


def test_what_learnt_labels_is_judged_where_it_was_made(worlds, tmp_path):
    for cohort in COHORTS:
        rows, about = archive.read(worlds["good"] / f"learners_{cohort}.json")
        text = archive.text(rows[rows.tracker != "labels/echotracker/seed0"], **about)
        (tmp_path / f"learners_{cohort}.json").write_text(text)
    assert "no network here" in RULES["C15"](Evidence(tmp_path))


@pytest.mark.parametrize("other", ["infarct", "healthy"])
def test_one_disease_is_not_compared_nor_is_health(worlds, tmp_path, other):
    for cohort in COHORTS:
        rows, about = archive.read(worlds["good"] / f"agreement_{cohort}.json")
        text = archive.text(rows.replace({"pathology": {"hypertrophic": other}}), **about)
        (tmp_path / f"agreement_{cohort}.json").write_text(text)
    assert "no two diseases of 5 patients" in RULES["C21"](Evidence(tmp_path))


def test_a_patient_whose_apex_nobody_accepts_counts_elsewhere(worlds, tmp_path):
    rows, about = archive.read(worlds["good"] / "agreement_hunt-a.json")
    hidden = [True, True, False, False, True, True]  # the apical ones
    rows["accepted"] = rows.accepted.mask(
        rows.patient == rows.patient[0], pd.Series([hidden] * len(rows))
    )
    (tmp_path / "agreement_hunt-a.json").write_text(archive.text(rows, **about))
    *segments, apical = RULES["C19"](Evidence(tmp_path))
    assert len(segments) == 2 * 18 and np.isfinite(apical.ours).all()
    assert of_claim([*segments, apical]) == REPRODUCED


def test_milliseconds_of_another_device_are_not_compared(worlds, tmp_path):
    rows, about = archive.read(worlds["good"] / "bench_trackers.json", "trackers")
    text = archive.text(rows, **about | {"device": "CPU x86_64"}).replace('"rows"', '"trackers"')
    (tmp_path / "bench_trackers.json").write_text(text)
    e, (_, number) = Evidence(tmp_path), next(paper.numbers().query("table == 'IV-C'").iterrows())
    for why in (RULES["C22"](e), ours(e, number)):
        assert "another device" in why and "CPU x86_64" in why


@pytest.mark.parametrize("words", sorted(set(MADE_BY.values())))
def test_what_makes_a_missing_run_is_there(words):
    program, *rest = words.split()
    if program == "make":
        assert re.search(rf"^{rest[0]}:", (REPO / "Makefile").read_text(), re.MULTILINE)
        return
    command = typer.main.get_command(cli.app)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    known = {option for p in command.params for option in p.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_quantities_have_names_for_readers_and_units(worlds):
    e = Evidence(worlds["good"])
    found = [q for rule in RULES.values() for q in rule(e)]
    assert {q.unit for q in found} == {"", "mm", "% strain", "% of films", "ratio", "ms", "s"}
    assert not any(re.search(r"tas/|burman/|@|speckle less", q.what) for q in found)


def test_seeds_count_as_one_tracker(worlds, tmp_path):
    rows, about = archive.read(worlds["good"] / "ablation.json")
    other = rows.assign(tracker=rows.tracker.str.replace("seed0", "seed1"), mte=rows.mte + 1e-3)
    (tmp_path / "ablation.json").write_text(archive.text(pd.concat([rows, other]), **about))
    one, two = (
        Evidence(f).ablation().groupby("tracker").mte.mean() for f in (worlds["good"], tmp_path)
    )
    np.testing.assert_allclose(two, one + 0.5)


def test_numbers_are_those_of_the_archive(worlds):
    e, known = (
        Evidence(worlds["good"]),
        paper.numbers().set_index(["table", "row", "where", "metric"]),
    )
    found = {
        key: ours(e, number)
        for (key, _), (_, number) in zip(known.iterrows(), paper.numbers().iterrows(), strict=True)
    }
    assert found["Table I", "D0 S2", "HUNT", "MTE"].value == pytest.approx(1.5, abs=0.01)
    assert found["Table II", "CoTracker", "SSHF", "folds"].value == 90
    assert found["Table II", "MyoTracker", "SSHF", "folds"].value == 100
    assert found["Table III", "EchoTracker | Burman", "SSHF A3C", "MTE"].value == pytest.approx(
        1.8, abs=0.01
    )
    agree = found["Table IV", "Reference", "HUNT-A agreement", "GLS MAE"]
    assert agree.value == pytest.approx(2.0, abs=0.01) and agree.low <= agree.value <= agree.high
    assert found["Table IV", "TAS-Net | TAS-1K", "HUNT-A reference", "bias"].value == (
        pytest.approx(0.5, abs=0.01)
    )
    assert found["Figure 4", "Apical lateral", "R vs R", "bias"].value == pytest.approx(
        -3, abs=0.02
    )
    assert found["IV-C", "TAS-Net", "A40", "time a frame"].value == 27
    assert found["V-A", "S1", "98 of CAMUS", "correlation MAE"].value == pytest.approx(
        0.15, abs=0.01
    )
    assert "not public" in found["Table III", "EchoTracker | Real", "SSHF A2C", "MTE"]
    assert not any(isinstance(value, str) for key, value in found.items() if "Real" not in key[1])


def test_who_was_named_first_decides_nothing(worlds):
    known, changed = paper.numbers(), set()
    for _, number in known[(known.metric == "bias") & (known.value != 0)].iterrows():
        named = number, number.where(number.index != "value", -number.value)
        one, other = (module._number(Evidence(worlds["good"]), n)["verdict"] for n in named)
        if one != other:
            changed.add(number["where"])
    assert changed and not changed & EXCHANGEABLE


def test_a_table_has_ours_beside_the_papers(worlds):
    table = beside(Evidence(worlds["good"]), "Table II")
    assert table.index.unique(0).tolist() == [*STEPS, "MyoTracker"]
    folds = table["SSHF", "folds"]
    assert folds.xs("paper", level=1).tolist() == [27, 22, 25, 18, 63]
    assert folds["CoTracker", "ours"] == 90
    assert np.isnan(table.loc[("MyoTracker", "paper"), ("SSHF", "MTE")])


def test_the_command_writes_all_verdicts(worlds, tmp_path):
    words = ["scorecard", str(worlds["good"]), "--out", str(tmp_path / "out.json")]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    made = json.loads((tmp_path / "out.json").read_text())
    assert made["claims"].keys() == RULES.keys() and len(made["numbers"]) == 172
    assert made["counts"]["claims"] == {
        REPRODUCED: 24,
        DIRECTION: 0,
        NOT_REPRODUCED: 0,
        NOT_TESTABLE: 0,
    }
    for one in (*made["claims"].values(), *made["numbers"]):
        assert (one["verdict"] == NOT_TESTABLE) == (one["why"] is not None)
    assert made["archives"].keys() == MADE_BY.keys() - {"comparison_infarcts", "strategies_truth"}
    assert "C17  reproduced" in result.stdout and "claims: 24 reproduced" in result.stdout


def test_what_was_not_run_is_not_testable_and_says_what_makes_it(worlds, tmp_path):
    for path in worlds["good"].iterdir():
        if path.stem not in ("starts", "strategies"):
            (tmp_path / path.name).symlink_to(path)
    judged = scorecard(tmp_path)
    claims, numbers = judged["claims"], judged["numbers"]
    whys = {name: one["why"] for name, one in claims.items() if one["verdict"] == NOT_TESTABLE}
    assert whys.keys() == {"C01", "C02", "C03", "C23", "C24"}
    assert whys["C01"] == "not run yet; make it: tas strategies TEMPLATES"
    assert "echotracker@es" in whys["C23"]
    assert {n["why"] for n in numbers if n["table"] == "V-A"} == {whys["C01"]}
    assert judged["counts"]["claims"][REPRODUCED] == 19


def test_a_folder_without_any_run_is_no_archive(tmp_path):
    for folder in (tmp_path / "nope", tmp_path):
        with pytest.raises(InputError, match="folder: holds no archived run; give notebooks/archi"):
            scorecard(folder)


def test_a_tracker_that_was_left_out_is_named(worlds, tmp_path):
    for path in worlds["good"].iterdir():
        (tmp_path / path.name).symlink_to(path)
    rows, about = archive.read(tmp_path / "starts.json")
    rows = rows[rows.tracker != "myotracker@first/seed0"]
    (tmp_path / "starts.json").unlink()
    (tmp_path / "starts.json").write_text(archive.text(rows, **about))
    with pytest.raises(InputError, match="C23 have none .'myotracker@first' is not in the archive"):
        scorecard(tmp_path)


def test_rows_of_the_papers_tables_are_titled_as_runs_are():
    assert title("TAS-Net | TAS-1K") == "tas/tasnet" and title("Reference") == "speckle"
    assert title("EchoTracker | Burman") == "burman/echotracker"
    assert title("EchoTracker | Real") == "real/echotracker"
    assert called("TAS-Net | TAS-1K") == "TAS-Net (own data)" and called("D0 S1") == "D0 S1"


def test_designs_are_those_of_table_four():
    known = paper.numbers()
    assert set(known["where"][known.table == "Table IV"]) == set(DESIGNS)
    assert {row.split(" | ")[0] for row in known.row[known.table == "Table III"]} == set(
        NETWORKS.values()
    )

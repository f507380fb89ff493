"""A clip beside a cohort: the band, who lies in it, and the command that archives it."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tas_lib import cli, survey, templates
from tas_lib.errors import InputError
from tas_lib.realism import realism


@pytest.fixture
def table():
    """100 recordings with two quantities: 0 to 99, and twice that."""
    values = np.arange(100.0)
    return pd.DataFrame({"a": values, "b": 2 * values}, index=[f"{k}.nc" for k in range(100)])


def test_a_clip_is_inside_from_the_5th_to_the_95th_percentile(table):
    result = survey.compare(table, pd.Series({"b": 9.89, "a": 49.5}))
    assert list(result.index) == ["b", "a"]  # the clip's order, not the survey's
    assert result.loc["a"].tolist() == pytest.approx([49.5, 4.95, 49.5, 94.05, True])
    assert not result.inside["b"]
    for value, inside in ((4.96, True), (94.04, True), (4.94, False), (94.06, False)):
        assert survey.compare(table, pd.Series({"a": value})).inside["a"] == inside


def test_a_quantity_that_was_not_measured_counts_as_outside(table):
    assert not survey.compare(table, pd.Series({"a": np.nan})).inside["a"]


def test_a_survey_that_lacks_a_quantity_is_refused(table):
    with pytest.raises(InputError, match="survey: lacks c; make it anew"):
        survey.compare(table, pd.Series({"a": 1.0, "c": 2.0}))


def test_nine_of_ten_recordings_are_inside_and_outliers_are_not(table):
    counts = survey.inside(table)
    assert (counts == 2).mean() == pytest.approx(0.9, abs=0.021)
    assert counts["0.nc"] == counts["99.nc"] == 0 and counts["50.nc"] == 2


def test_numbers_are_those_of_realism_and_the_curve(clip):
    found = survey.numbers(clip.assign_attrs(es_frame=0))
    assert {name: found[name] for name in realism(clip)} == pytest.approx(
        realism(clip), nan_ok=True
    )
    assert [f"curve_{k}" for k in range(1, 13)] == list(found)[-12:]
    assert found["curve_1"] == pytest.approx(found["correlation_33"], abs=0.01)


@pytest.fixture
def quick(monkeypatch, clip):
    """Films that cost nothing; the list of those that were asked for."""
    filmed = []

    def film(case, operator, workers, progress):
        filmed.append(case.file)
        noise = np.random.default_rng(case.seed).random(clip.bmode.shape)
        return clip.assign(bmode=(clip.bmode.dims, noise)).assign_attrs(es_frame=0)

    monkeypatch.setattr(survey, "film", film)
    monkeypatch.setattr(survey, "operator_of", lambda acq: None)
    return filmed


def test_a_survey_takes_one_recording_of_each_patient_the_views_in_turn(quick):
    table = survey.survey("hunt", 3, workers=1, progress=False)
    assert list(table.index) == quick
    assert quick == [
        f"patient{k:03d}-test-{view}.nc" for k, view in ((1, "A2C"), (2, "A3C"), (3, "A4C"))
    ]
    pd.testing.assert_frame_equal(survey.survey("hunt", 1, workers=1, progress=False), table[:1])
    assert (
        survey.survey("hunt", 1, seed=1, workers=1, progress=False).wall_p50 != table[:1].wall_p50
    ).all()


def test_the_command_archives_a_survey_and_compares_the_clip(quick, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "default_template", lambda: clip.assign_attrs(es_frame=0))
    words = ["realism", "--n", "2", "--workers", "1", "--out", str(tmp_path / "a.json")]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert "inside: " in result.output and "correlation_33" in result.output
    made = json.loads((tmp_path / "a.json").read_text())
    assert {"commit", "device", "date", "numpy"} <= set(made)
    assert made["seeds"] == [0] and "--cohort hunt --n 2" in made["command"]
    table = pd.DataFrame.from_dict(made["recordings"], orient="index").astype(float)
    pd.testing.assert_frame_equal(table, survey.survey("hunt", 2, workers=1, progress=False))


def test_a_bad_path_is_refused_before_the_work(quick, tmp_path):
    (taken := tmp_path / "taken").touch()
    result = CliRunner().invoke(cli.app, ["realism", "--out", str(taken / "a.json")])
    assert result.exit_code == 2 and "cannot be written" in result.stderr and not quick
    result = CliRunner().invoke(
        cli.app, ["realism", "--cohort", "camus", "--out", str(tmp_path / "a.json")]
    )
    assert result.exit_code == 2 and "'camus' is unknown" in result.stderr
    assert list(tmp_path.iterdir()) == [taken]

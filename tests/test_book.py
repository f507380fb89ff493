"""What notebooks put into pages: numbers, figures, tables, and what they tell of runs."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from tas_lib import book
from tas_lib.trackers import registry


@pytest.mark.parametrize(
    "value",
    [0.25, np.float64(0.25), np.array(0.25), torch.tensor(0.25), xr.DataArray(0.25)],
    ids=["float", "numpy scalar", "numpy 0-d", "torch", "xarray"],
)
def test_glued_scalars_read_as_plain_numbers(monkeypatch, value):
    shown = []
    monkeypatch.setattr(book, "display", lambda data, **options: shown.append((data, options)))
    book.glue("mae", value)
    (data, options), *others = shown
    assert not others
    assert data["application/papermill.record/text/plain"] == "0.25"
    assert options["metadata"]["scrapbook"]["name"] == "mae"


@pytest.mark.parametrize("kind", ["svg", "webp"])
def test_themed_draws_once_per_theme_with_its_colours(kind):
    inks = []

    def draw():
        inks.append(mpl.rcParams["text.color"])
        figure, ax = plt.subplots(figsize=(2, 1))
        ax.imshow(np.eye(4))
        return figure

    html = book.themed(draw, 'Four "bright" pixels', kind=kind).data
    assert re.findall(r'class="only-(\w+)"', html) == ["light", "dark"]
    assert inks[0] != inks[1]
    assert len(set(re.findall(r"base64,([^\"]+)", html))) == 2
    assert html.count('alt="Four &quot;bright&quot; pixels"') == 2
    assert not plt.get_fignums()
    assert mpl.rcParams["text.color"] not in inks


def test_themed_gives_the_same_bytes_again():
    def draw():
        figure, ax = plt.subplots(figsize=(2, 1))
        ax.plot([0, 1])
        return figure

    assert book.themed(draw, "A line").data == book.themed(draw, "A line").data


def test_a_number_is_told_with_its_interval_where_that_is_known():
    assert book.told((1.234, 1.0, 2.0)) == "1.23 (1.00\xa0to\xa02.00)"
    assert book.told((1.234, float("nan"), float("nan")), 1) == "1.2"
    assert book.told((1.234, 1.234, 1.234)) == "1.23"
    assert book.told((-0.001, -0.004, 0.004)) == "0.00 (0.00\xa0to\xa00.00)"


def test_tables_look_alike_and_keep_names_in_a_line():
    given = {"HUNT-A": {"MTE of TAS-Net": 0.5, "none": None}}
    for rows in (given, pd.DataFrame(given).T):
        html = book.table(rows, "{:.2f}").to_html()
        assert 'class="dataframe"' in html and "0.50" in html and "None" not in html
        assert "HUNT\u2011A" in html and "TAS\u2011Net" in html


def test_archived_runs_are_told_by_file():
    run = {"command": "tas <evaluate>", "commit": "abc1234", "date": "2026-01-01", "seed": 3}
    html = book.archived({"b": run, "a": run}).data
    assert html.startswith("<details") and "<summary>Archived runs on this page: 2<" in html
    assert html.index("<code>a.json</code>") < html.index("<code>b.json</code>")
    words = "<span>tas</span> <span>&lt;evaluate&gt;</span></code>"
    assert f"{words} · seed 3 · commit abc1234 · date 2026-01-01" in html
    html = book.archived({"a": run | {"recordings_by": "tas cohort"}}).data
    assert html.index("<span>cohort</span>") < html.index("&lt;evaluate&gt;")


def test_trainings_are_told_by_network_and_seeds_together():
    one = {
        "command": "tas train x --seed 4 --quiet",
        "sequences": 58,
        "strategy": "s3",
        "device": "CPU",
    }
    one |= {"commit": "abc1234", "date": "2026-01-01", "validation_mte_mm": 1.0, "minutes": 4.6}
    two = one | {"validation_mte_mm": 1.5, "commit": "def5678"}
    networks = {"tas/tasnet/seed0": one, "tas/tasnet/seed1": two, "b": one}
    told = book.trainings({"networks": networks}, registry.label)
    assert list(told) == ["TAS-Net", "b"]
    assert told["TAS-Net"]["seeds"] == "2" and told["b"]["seeds"] == "1"
    assert told["TAS-Net"]["validation MTE (mm)"] == "1.25"
    assert told["TAS-Net"]["commit, device, date"] == "abc1234, def5678, CPU, 2026-01-01"
    assert told["b"]["minutes to these weights"] == "5"
    assert told["b"]["sequences"] == "58 by S3"
    assert "<span>--seed</span> <span>N</span> <span>--quiet</span>" in told["b"]["command"]

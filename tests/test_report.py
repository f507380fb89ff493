"""The report says what was measured, to everybody, and fetches nothing; `tas strain` writes it."""

import inspect
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from camus_files import MM, scene, write_camus
from typer.testing import CliRunner

from tas_lib import cli, recording, report
from tas_lib.anatomy import VIEWS
from tas_lib.bullseye import bullseye
from tas_lib.clicks import THICKNESS_MM
from tas_lib.collection import digest
from tas_lib.errors import InputError
from tas_lib.measurement import THICKER, Measurement, measure, number, spread
from tas_lib.observers import LOST, NEAR, SHARE
from tas_lib.regional import SEGMENTS
from tas_lib.strain import segment_names

MADE = {"command": "tas strain <loop>", "sha256": [["loop.mp4", "ab12"]]}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def view_of(moving_clip):
    """A function: a measurement of one view with given end-systolic strain, of 2 x 4 runs."""

    def make(view, strain=-18.0, **attrs):
        film = moving_clip(np.zeros((5, 2))).drop_vars("correlation")
        film = film.rename(mesh="tracks").assign_attrs(
            view=view, source=f"{view}.mp4", cycle="ED to ED", start_frame=2, **attrs
        )
        shape = np.array([0, 0.5, 1, 0.6, 0])[:, None] * (strain - np.arange(7))
        runs = np.random.default_rng(0).normal(1, 0.1, (2, 4, 1, 1)) * shape
        runs[0, 0] = shape
        quality = pd.DataFrame(0.8, segment_names(view), ["expected", "measured"])
        quality["lost"], quality["doubtful"] = 0.1, [False] * 5 + [True]
        es = np.full(4, 2)
        return Measurement(film, "drawn", ("a", "b"), runs, es, quality, ("A note.",))

    return make


def test_the_table_has_values_spread_and_quality_of_each_segment(view_of):
    view = view_of("A4C")
    table = report.table([view]).set_index("segment")
    assert list(table.index) == ["GLS", *segment_names("A4C")]
    np.testing.assert_allclose(table.end_systolic, -18.0 - np.arange(7))
    sd, half = spread(view.samples)
    np.testing.assert_allclose(table.peak_sd, sd[:, 2])
    np.testing.assert_allclose(table.end_systolic_high - table.end_systolic, half[:, 0])
    assert table.doubtful.tolist()[1:] == [False] * 5 + [True]


def test_gls_of_several_views_is_their_mean_run_by_run(view_of):
    views = [view_of("A4C", -18), view_of("A2C", -20), view_of("A3C", -16)]
    table = report.table(views)
    assert len(table) == 3 * 7 + 1
    whole = table.iloc[-1]
    assert (whole.view, whole.segment, whole.end_systolic) == ("all", "GLS", -18)
    runs = np.mean([v.samples[:, :, 0, 0] for v in views], axis=0)
    assert whole.end_systolic_sd == pytest.approx(spread(runs)[0])


def test_the_page_is_whole_readable_and_fetches_nothing(view_of):
    views = [view_of("A4C"), view_of("A2C", -20)]
    text = report.page(views, report.table(views), MADE)
    page = Page(text)
    assert text.count(report.WARNING) == 2 and "://" not in text
    for tag, attrs in page.tags:
        assert tag != "link" and "srcset" not in attrs and not (tag == "script" and "src" in attrs)
        if tag == "img":
            assert attrs["src"].startswith("data:image/") and len(attrs["alt"]) > 40
    assert ("html", {"lang": "en"}) in page.tags and "prefers-color-scheme: dark" in text
    assert all(name in page.text for name in segment_names("A4C") + segment_names("A2C"))
    assert "tas strain <loop>" in page.text and "A note." in page.text
    assert "6 runs of A4C, 6 runs of A2C" in re.sub(r"\s+", " ", page.text)
    alts = [attrs["alt"] for tag, attrs in page.tags if tag == "img"]
    assert "basal inferior \N{MINUS SIGN}21" in alts[0] and "are blank" in alts[0]
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in page.tags if tag == "th")


def test_what_people_named_cannot_become_part_of_the_page(view_of):
    view = replace(view_of("<u>A4C</u>"), notes=("<script>alert(1)</script>",), walls="<i>")
    page = Page(report.page([view], report.table([view]), MADE))
    assert not {"u", "i"} & {tag for tag, attrs in page.tags if not attrs}
    assert "<script>alert(1)</script>" in page.text
    assert not any("Bull" in attrs.get("alt", "") for _, attrs in page.tags)
    assert report.stems([view]) == ["view1"]


def test_what_was_not_computed_is_a_dash_and_null(view_of, tmp_path):
    view = view_of("A4C")
    film = view.film.assign_attrs(cycle="ED to ES")
    half = replace(view, film=film, trackers=("a",), runs=view.runs[:1, :1], es_frames=[2])
    report.write(tmp_path, [half], MADE)
    page = Page((tmp_path / "index.html").read_text())
    assert "–" in page.text and not re.search(r"\b(nan|None)\b", page.text)
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["segments"][0]["peak"] is None and data["segments"][0]["end_systolic_sd"] is None
    assert data["warning"] == report.WARNING and data["units"] == report.UNITS
    assert pd.read_csv(tmp_path / "segments.csv").peak_percent.isna().all()


def test_all_files_say_the_same(view_of, tmp_path):
    views = [view_of("A4C"), view_of("A2C")]
    written = report.write(tmp_path, views, MADE)
    assert sorted(written) == sorted(tmp_path.iterdir())
    data = json.loads((tmp_path / "report.json").read_text())
    table = pd.read_csv(tmp_path / "segments.csv")
    np.testing.assert_allclose(
        [row["end_systolic"] for row in data["segments"]], table.end_systolic_percent, atol=1e-3
    )
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert list(curves.columns) == ["view", "time_s", "segment", "strain_percent"]
    gls = curves[(curves.view == "A2C") & (curves.segment == "GLS")]
    np.testing.assert_allclose(gls.strain_percent, views[1].curves.GLS, atol=1e-3)
    assert data["views"][1]["curves"]["GLS"] == pytest.approx(gls.strain_percent.tolist(), abs=1e-3)
    assert data["made"] == MADE and data["views"][0]["runs"] == 8
    assert "tracks" in recording.open(tmp_path / "A4C.nc")


def test_the_bullseye_has_the_views_where_they_belong_and_blanks_elsewhere():
    """Anterior up, septum left; A4C cuts inferoseptal (lower left) and anterolateral walls."""
    assert len(SEGMENTS) == 18 == len({n for view in VIEWS for n in segment_names(view)})
    strain = dict.fromkeys(segment_names("A4C"), -20.0)
    figure, ax = plt.subplots(subplot_kw={"projection": "polar"})
    bullseye(ax, strain, {"basal inferoseptal"})
    numbers = {t.get_position(): t.get_text() for t in ax.texts if t.get_text()[-1] in "0?"}
    assert sorted(numbers.values()) == ["\N{MINUS SIGN}20"] * 5 + ["\N{MINUS SIGN}20?"]
    (angle,) = {a for (a, _), text in numbers.items() if text.endswith("?")}
    assert np.cos(angle) < 0 and np.sin(angle) < 0
    names = {t.get_text(): t.get_position()[0] for t in ax.texts}
    assert np.sin(names["anterior"]) == 1 == -np.sin(names["inferior"])
    assert np.cos(names["anteroseptal"]) < 0 < np.sin(names["anteroseptal"])
    assert sum(bar.get_hatch() is not None for bar in ax.patches) == 12
    plt.close(figure)


def test_numbers_are_typeset():
    assert number(-17.25) == "\N{MINUS SIGN}17.2" and number(-0.01) == "0.0"
    assert number(float("nan")) == "–"


def tas(*words):
    return CliRunner().invoke(cli.app, ["strain", *map(str, words)])


@pytest.fixture
def clip(moving_clip, tmp_path):
    shifts = 1e-3 * np.stack([np.sin(np.arange(7)), np.cos(np.arange(7)) - 1], -1)
    ds = moving_clip(shifts).assign_attrs(cycle="ED to ED")
    return recording.save(ds, tmp_path / "clip.nc")


def test_a_clip_becomes_a_report(clip, tmp_path):
    out = tmp_path / "report"
    words = clip, "--tracker", "speckle", "--drawings", 3, "--out", out
    result = tas(*words)
    assert result.exit_code == 0, result.output
    assert report.WARNING in result.stdout and "A4C: end-systolic GLS" in result.stdout
    names = {"A4C.nc", "A4C.mp4", "segments.csv", "curves.csv", "report.json", "index.html"}
    assert {path.name for path in out.iterdir()} == names
    data = json.loads((out / "report.json").read_text())
    assert data["made"]["sha256"] == [["clip.nc", digest(clip)]] and data["views"][0]["runs"] == 4
    said = "tas strain clip.nc --tracker speckle --drawings 3 --seed 0 --out DIR"
    assert data["made"]["command"] == said
    assert abs(data["segments"][0]["end_systolic"]) < 2  # it only moves
    again = tas(*words)
    assert again.exit_code == 2 and "exists already" in again.stderr
    written = "".join(
        path.read_text() for path in out.iterdir() if path.suffix in (".html", ".json")
    )
    assert str(tmp_path) not in written  # folders tell who is filmed, and where
    assert tas(*words, "--force", "--quiet").output == ""
    (out / "notes.txt").touch()
    recording.save(recording.open(clip).assign_attrs(view="A2C"), clip)
    assert tas(*words, "--force", "--quiet").exit_code == 0
    names = {name.replace("A4C", "A2C") for name in names} | {"notes.txt"}
    assert {path.name for path in out.iterdir()} == names


def test_scales_are_those_of_the_videos():
    """A DICOM beside them has its own."""
    names = [Path(name) for name in ("a.dcm", "b.mp4", "c.nc", "d.GIF")]
    assert cli.strain._scales(names, [0.3, 0.4]) == [None, 0.3, None, 0.4]
    assert cli.strain._scales(names, [0.3]) == [None, 0.3, None, 0.3]
    assert cli.strain._scales(names, []) == [None] * 4
    assert cli.strain._scales(names[:1], [0.5]) == [0.5]


def test_a_report_that_is_cut_short_has_no_page_of_other_films(view_of, tmp_path, monkeypatch):
    report.write(tmp_path, [view_of("A4C")], MADE)

    def full(*args, **options):
        raise InputError("A2C.mp4", "file", "cannot be written", "free some room")

    monkeypatch.setattr(report, "write_movie", full)
    with pytest.raises(InputError):
        report.write(tmp_path, [view_of("A2C")], MADE)
    assert not (tmp_path / "index.html").exists() and not (tmp_path / "report.json").exists()


def test_curves_begin_at_end_diastole_where_it_is_not_the_first_frame(view_of):
    view = view_of("A4C", ed_frame=1, es_frame=3)
    at = 1e3 * float(view.film.time[3] - view.film.time[1])
    assert f"end-systole at {at:.0f} ms" in report.page([view], report.table([view]), MADE)


def test_each_view_has_drawings_of_its_own(clip, tmp_path):
    """One film under two names of views: the same strain, from the same walls, other spreads."""
    twin = recording.save(recording.open(clip).assign_attrs(view="A2C"), tmp_path / "twin.nc")
    out = tmp_path / "report"
    result = tas(clip, twin, "--tracker", "speckle", "--drawings", 3, "--out", out, "--quiet")
    assert result.exit_code == 0, result.output
    segments = json.loads((out / "report.json").read_text())["segments"]
    one, two = ([s for s in segments if s["view"] == view] for view in ("A4C", "A2C"))
    for k, same in (("end_systolic", True), ("end_systolic_sd", False)):
        assert ([s[k] for s in one] == [s[k] for s in two]) == same


def test_trackers_of_one_title_are_refused(clip, tmp_path):
    words = "--tracker", "speckle", "--tracker", "speckle", "--out", tmp_path / "report"
    result = tas(clip, *words)
    assert result.exit_code == 2 and "--tracker: speckle comes twice" in result.stderr
    assert not (tmp_path / "report").exists()


def test_half_a_beat_with_masks_needs_no_drawing(tmp_path):
    cfg = write_camus(tmp_path, *scene((MM, MM)))
    result = tas(cfg, "--tracker", "speckle", "--drawings", 0, "--out", tmp_path / "report")
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "report/report.json").read_text())
    assert data["segments"][0]["end_systolic"] is not None
    assert data["segments"][0]["peak"] is None is data["segments"][0]["end_systolic_sd"]
    assert "ends with end-systole" in data["views"][0]["notes"][0]


def test_a_clip_of_no_known_view_has_sides_and_no_bullseye(view_of):
    view = view_of(None)
    del view.film.attrs["view"]
    page = Page(report.page([view], report.table([view]), MADE))
    assert "basal left" in page.text and "GLS, clip" in page.text
    assert not any("Bull" in attrs.get("alt", "") for _, attrs in page.tags)


def test_the_book_states_the_rules_that_hold():
    text = (Path(__file__).parents[1] / "book/own_data.md").read_text()
    drawings = inspect.signature(measure).parameters["drawings"].default
    said = inspect.signature(cli.strain.strain).parameters["drawings"].default
    assert drawings == said and f"of {drawings} runs of each tracker" in text and SHARE == 0.5
    assert f"assumed: {THICKNESS_MM:.0f} mm" in text
    assert f"within {1e3 * NEAR:.0f} ms" in text and f"less than {LOST}" in text
    assert f"what {THICKER:.0f} mm less" in text


def test_what_is_wrong_is_named_before_anything_is_written(clip, tmp_path):
    out, other = tmp_path / "report", tmp_path / "text.json"
    other.write_text("{}")
    twin, third = (Path(shutil.copy(clip, tmp_path / f"{name}.nc")) for name in ("b", "c"))
    for words, expected in (
        ((clip, twin), "view: is A4C as that of another clip"),
        ((clip, clip), "clips: hold one of them twice"),
        ((clip, twin, third, "--spacing-mm", 0.3, "--spacing-mm", 0.4), "2 times for 3 videos"),
        ((clip, "--out", tmp_path), "--out: holds a clip that is to be measured"),
        ((clip, "--init", other), "format: is None"),
        ((clip, "--corrections", other), "format: is None"),
        ((clip, "--tracker", "none.safetensors"), "weights: are not there"),
        ((tmp_path / "none.nc",), "file: does not exist"),
    ):
        result = tas("--out", out, *words)
        assert result.exit_code == 2 and expected in result.stderr, result.output
        assert not out.exists()

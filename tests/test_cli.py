"""The `tas` command: says what it does, writes whole results or none, and errs in one line."""

import errno
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import numpy as np
import pydicom.examples
import pytest
from conftest import tas
from matplotlib.figure import Figure
from PIL import Image

import tas_lib
from tas_lib import cli, readers, recording
from tas_lib.errors import InputError
from tas_lib.readers.video import decode

SHIPPED = Path(tas_lib.__file__).parent / "data" / "a4c_contours.json"
OTHER_CLIP = pydicom.examples.get_path("ybr_color")


@pytest.fixture
def template(tmp_path, clip):
    """A small recording with a mesh, saved: (path, Dataset)."""
    clip["sector"] = ~clip.bmode.isnull().any("time")
    clip.attrs |= {"es_frame": 2, "sector_half_angle": 0.8}
    clip.attrs |= {"sector_r_min": 0.005, "sector_r_max": 0.06}
    return recording.save(clip, tmp_path / "small.nc"), clip


@pytest.fixture
def quick(monkeypatch):
    """Scenes that take no time, and an S1 whose speckle is new in all frames; its options."""
    from tas_lib import scene, strategies

    seen = {}

    def simulated(scene, p):
        seen.update(p=p, gamma=scene.choices.gamma, seed=scene.seed)
        noise = np.random.default_rng(scene.seed).random(scene.template.bmode.shape)
        film = scene.template.assign(bmode=(("time", "z", "x"), noise.astype(np.float32)))
        film["coherence"] = film.bmode
        return film.assign_attrs(strategy="S1", seed=scene.seed)

    def quick_scene(template, seed, choices, progress):
        return SimpleNamespace(template=template, seed=seed, choices=choices, es=2)

    monkeypatch.setattr(scene, "Scene", quick_scene)
    monkeypatch.setattr(strategies, "s1", simulated)
    return seen


def test_help_is_fast_and_shows_examples():
    code = (
        "import sys, tas_lib.cli; "
        "print({'torch', 'pymust', 'xarray', 'numpy', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    for words in (["--help"], ["info", "--help"], ["simulate", "--help"]):
        result = tas(*words)
        assert result.exit_code == 0 and "\n    tas " in result.output
    assert tas("--version").output == f"tas {tas_lib.__version__}\n"


def test_defaults_are_the_library_s():
    from tas_lib.scene import Choices
    from tas_lib.strategies import s1, s3

    shown = inspect.signature(cli.simulate.simulate).parameters
    for function, names in ((s1, ["p"]), (s3, ["alpha", "corrections"]), (Choices, ["gamma"])):
        for name in names:
            assert shown[name].default == inspect.signature(function).parameters[name].default


def test_the_size_of_the_mesh_reaches_the_template(tmp_path, monkeypatch):
    from tas_lib import templates

    seen = []
    library = inspect.signature(templates.load_template).parameters

    def stop(*args, n_longitudinal, n_radial, **options):
        seen.append((n_longitudinal, n_radial))
        raise InputError("clip", "mesh", "is enough", "stop here")

    monkeypatch.setattr(templates, "load_template", stop)
    words = "simulate", "--strategy", "s1", "--out", tmp_path / "out"
    for more in ([], ["--longitudinal", 24, "--radial", 3]):
        assert "stop here" in tas(*words, *more).stderr
    assert seen == [(library["n_longitudinal"].default, library["n_radial"].default), (24, 3)]


def test_every_strategy_gets_its_options(monkeypatch):
    from tas_lib import strategies

    lib = create_autospec(strategies)  # refuses calls that the real functions would refuse
    monkeypatch.setattr(tas_lib, "strategies", lib)
    lib.s3.return_value = ["S2", "first correction", "last correction"]
    lib.s2_inverted.return_value = "film", "correlations at C = 0 and 1"
    options = {"p": 0.3, "alpha": 1.5, "corrections": 2}
    films = {
        name: cli.simulate._film(name, "scene", "curves", **options)
        for name in cli.simulate.STRATEGIES
    }
    assert films["s3"] == "last correction" and films["s2-inverted"] == "film"
    lib.s1.assert_called_once_with("scene", 0.3)
    lib.s2.assert_called_once_with("scene", "curves")
    lib.s3.assert_called_once_with("scene", "curves", alpha=1.5, corrections=2)
    lib.s2_inverted.assert_called_once_with("scene", "curves")


def test_info_on_the_default_clip():
    result = tas("info", "--json")
    facts = json.loads(result.stdout)
    assert facts["file"] == str(readers.default_clip())
    assert facts["view"] == "A4C" and facts["licence"].startswith("MIT")
    assert facts["frames"] + facts["duplicates_dropped"] == 120
    assert facts["duration_s"] == pytest.approx(119 / 30, abs=0.01)
    assert facts["frame_rate_Hz"] == pytest.approx(30, rel=1e-3)
    assert facts["pixel_height_width_mm"] == pytest.approx([0.51, 0.51], rel=0.01)
    # the sector fills its grid: half its width is its radius times the sine of half its angle
    rows, columns = facts["rows_columns"]
    near, far = facts["sector_depth_mm"]
    half_width = far * np.sin(np.radians(facts["sector_angle_degrees"] / 2))
    assert 2 * half_width == pytest.approx(0.51 * columns, rel=0.03) and near < far < 0.51 * 480
    assert facts["grey_percentiles_5_50_95"] == sorted(facts["grey_percentiles_5_50_95"])
    assert "shipped" in facts["walls"]


def test_info_on_a_saved_recording_is_json_too(tmp_path, template):
    saved = template[1].assign_attrs(duplicates_dropped=np.int64(3), frame_rate=np.float32(50))
    result = tas("info", recording.save(saved, tmp_path / "saved.nc"), "--json")
    facts = json.loads(result.stdout)
    assert (facts["duplicates_dropped"], facts["frame_rate_Hz"]) == (3, 50)


def test_info_for_people(template):
    result = tas("info", template[0])
    assert result.exit_code == 0
    assert "frame rate Hz             50\n" in result.output
    assert "in the file, mesh of 9 x 4" in result.output
    assert "licence                   not stated\n" in result.output
    result = tas("info", OTHER_CLIP)
    assert "walls                     none: draw the walls (--contour FILE)" in result.output


def test_bad_input_is_one_line_with_file_field_and_remedy(tmp_path, template):
    path, out = template[0], tmp_path / "out"
    ordinary = tmp_path / "file"
    ordinary.touch()
    to_out = "--strategy", "s2", "--out", out
    cases = (
        (("info", tmp_path / "no.dcm"), ("no.dcm: file:", "check|give")),
        (("simulate", path, "--strategy", "s9", "--out", out), ("--strategy:", "s1, s2, s3, s2-")),
        (("simulate", OTHER_CLIP, *to_out), ("contours: none", "--contour FILE")),
        (("simulate", path, "--contour", SHIPPED, *to_out), ("another clip", "give the clip")),
        (("simulate", path, "--strategy", "s1", "--out", ordinary), ("file: --out:", "another")),
        (("simulate", path, "--frame-rate", 7, *to_out), ("small.nc: frame_rate:", "leave it out")),
    )
    for words, expected in cases:
        result = tas(*words)
        assert result.exit_code == 2 and result.stdout == ""
        *_, line = result.stderr.splitlines()
        assert line.startswith("tas: ") and "Traceback" not in result.output
        for text in expected:
            assert any(word in line for word in text.split("|")), line
        assert not out.exists()


@pytest.mark.parametrize(
    "words", [("--p", "1.2"), ("--gamma", "nan"), ("--alpha", "inf"), ("--corrections", "0")]
)
def test_numbers_out_of_range(tmp_path, template, words):
    result = tas("simulate", template[0], "--strategy", "s1", "--out", tmp_path / "out", *words)
    assert result.exit_code == 2 and words[0] in result.stderr


@pytest.mark.parametrize("words", [("s1", "--alpha", 3), ("s3", "--p", 0.5), ("s2", "--p", 0.5)])
def test_options_of_another_strategy_are_refused(tmp_path, words):
    strategy, option, value = words
    result = tas("simulate", "--strategy", strategy, "--out", tmp_path / "out", option, value)
    assert result.exit_code == 2 and f"{option}: is of strategy" in result.stderr
    assert not (tmp_path / "out").exists()


def test_simulate_writes_a_recording_a_movie_and_a_picture(tmp_path, template, quick):
    path, real = template
    out = tmp_path / "new" / "out"
    words = "simulate", path, "--strategy", "s1", "--out", out, "--seed", 3
    result = tas(*words, "--p", 0.7, "--gamma", 1.5, "--movie", "gif")
    assert result.exit_code == 0, result.output
    assert quick == {"p": 0.7, "gamma": 1.5, "seed": 3}
    names = {f"small-s1-seed3.{suffix}" for suffix in ("nc", "gif", "png")}
    assert {file.name for file in out.iterdir()} == names
    assert all(f"wrote {out / name}" in result.output for name in names)

    film = recording.open(out / "small-s1-seed3.nc")
    assert {"bmode", "mesh", "correlation", "coherence"} <= set(film.data_vars)
    # independent noise on both sides: correlations differ, and the number printed is the stored one
    assert film.attrs["correlation_mae"] > 0
    assert f"{film.attrs['correlation_mae']:.3f} (SD" in result.output
    assert "36 mesh points" in result.output
    pixels, _ = decode(out / "small-s1-seed3.gif")
    assert pixels.shape[:3] == (4, real.sizes["z"], 2 * real.sizes["x"])
    left, right = np.split(pixels.astype(int), 2, axis=2)
    for half, ds in ((left, real), (right, film)):
        mesh = np.ptp(half, axis=-1) > 60  # it alone is coloured
        assert mesh.any()
        shown, levels = half.mean(axis=-1)[~mesh], 255 * ds.bmode.values[~mesh]
        assert abs(shown - levels).mean() < 8
    with Image.open(out / "small-s1-seed3.png") as picture:
        assert picture.width > 1000


def test_results_are_replaced_only_by_force(tmp_path, template, quick):
    words = "simulate", template[0], "--strategy", "s1", "--out", tmp_path, "--quiet"
    assert tas(*words).output == ""
    file = tmp_path / "small-s1-seed0.nc"
    before = file.stat().st_ino
    refused = tas(*words)
    assert refused.exit_code == 2 and "exists already" in refused.stderr
    assert "--force" in refused.stderr and file.stat().st_ino == before
    assert tas(*words, "--force").exit_code == 0 and file.stat().st_ino != before


@pytest.mark.parametrize("full", ["recording", "picture"])
def test_no_room_leaves_nothing_half_written(tmp_path, template, quick, monkeypatch, full):
    def no_room(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = (Path, "write_bytes") if full == "recording" else (Figure, "savefig")
    monkeypatch.setattr(*target, no_room)
    out = tmp_path / "out"
    result = tas("simulate", template[0], "--strategy", "s1", "--out", out)
    assert result.exit_code == 2 and "No space left" in result.stderr and "room" in result.stderr
    left = {file.suffix for file in out.iterdir()}
    assert left == (set() if full == "recording" else {".nc", ".mp4"})  # whole ones stay


@pytest.mark.weekly
@pytest.mark.slow
def test_the_default_clip_by_s2(tmp_path):
    result = tas("simulate", "--strategy", "s2", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    film = recording.open(tmp_path / "color3d_jpeg_baseline-s2-seed0.nc")
    template = readers.read(readers.default_clip())
    real = template.bmode.sel(time=template.frame == film.frame.values[film.attrs["es_frame"]])[0]
    simulated = film.bmode[film.attrs["es_frame"]]
    blocks = [image.coarsen(z=20, x=20, boundary="trim").mean() for image in (real, simulated)]
    assert np.corrcoef(*(block.values.ravel() for block in blocks))[0, 1] > 0.9
    assert 0 < film.attrs["correlation_mae"] < 0.2
    assert "180 mesh points" in result.output


def test_every_module_can_be_imported():
    """From what is committed or about to be, in one process of its own."""
    names = [m.name for m in pkgutil.walk_packages(tas_lib.__path__, "tas_lib.")]
    names = [name for name in names if not name.endswith("__main__")]
    assert "tas_lib.trackers.registry" in names and len(names) > 50
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

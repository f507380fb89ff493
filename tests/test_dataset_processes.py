"""A data set survives whatever happens to the processes that make it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import xarray as xr

from tas_lib import bench_dataset, recording
from tas_lib.collection import MANIFEST, digest
from tas_lib.errors import InputError

FILMS = 4


@pytest.fixture(scope="module")
def templates(wall_clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    for k in range(FILMS):
        ds = wall_clip(10e-3, 1e-3 * np.sin(np.arange(12) + k))
        recording.save(ds.assign_attrs(patient=f"one {k}", ed_frame=0), folder / f"{k}.nc")
    return folder


@pytest.fixture(scope="module")
def whole(templates, tmp_path_factory):
    """What one undisturbed process makes."""
    out = tmp_path_factory.mktemp("whole")
    assert start(templates, out, "--workers", "1").wait() == 0
    return made(out)


def start(templates, out, *words):
    words = ["dataset", "--templates", templates, "--strategy", "s1", "--out", out, *words]
    return subprocess.Popen([sys.executable, "-m", "tas_lib.cli", *map(str, words), "--quiet"])


def made(out: Path) -> dict[str, str]:
    entries = json.loads((out / MANIFEST).read_text())["recordings"]
    assert all(digest(out / entry["file"]) == entry["sha256"] for entry in entries)
    assert {path.name for path in out.iterdir()} == {MANIFEST, *(e["file"] for e in entries)}
    return {entry["file"]: content(out / entry["file"]) for entry in entries}


def content(path: Path) -> str:
    """A hash of names, values and attributes: HDF5 may lay the same ones out in another order."""
    ds = xr.load_dataset(path, engine="h5netcdf", decode_times=False, mask_and_scale=False)
    parts = [
        (name, v.dims, v.values.tobytes(), v.attrs) for name, v in sorted(ds.variables.items())
    ]
    return hashlib.sha256(repr((parts, sorted(ds.attrs.items()))).encode()).hexdigest()


def begun(out: Path, count: int):
    until = time.monotonic() + 120
    while len(list(out.glob("[0-9]*.nc"))) < count:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.weekly
@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(templates, whole, tmp_path):
    run = start(templates, tmp_path, "--workers", "2")
    begun(tmp_path, 1)
    children = psutil.Process(run.pid).children(recursive=True)
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    workers[0].kill()
    assert run.wait() == 0 and made(tmp_path) == whole


@pytest.mark.weekly
@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_to_the_same_bits(templates, whole, tmp_path):
    run = start(templates, tmp_path, "--workers", "2")
    begun(tmp_path, 1)
    workers = psutil.Process(run.pid).children(recursive=True)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert 0 < len(list(tmp_path.glob("[0-9]*.nc"))) < FILMS
    assert not psutil.wait_procs(workers, timeout=60)[1]  # they notice
    assert start(templates, tmp_path, "--workers", "2").wait() == 0
    for path in tmp_path.glob(".*"):
        path.unlink()  # what the killed one was writing
    assert made(tmp_path) == whole


@pytest.mark.weekly
@pytest.mark.slow
def test_data_sets_are_timed_in_processes_of_their_own(templates, monkeypatch):
    monkeypatch.setattr(bench_dataset, "STRATEGIES", ("s1",))
    table = bench_dataset.bench_dataset(templates, (2,))
    (row,) = table["rows"]
    assert (row["strategy"], row["videos"], row["frames"]) == ("s1", 2, 24)
    assert 0.5 < row["seconds"] < 300 and 1 < row["kb_per_frame"] < 150
    assert 100 < row["peak_mb"] < 4000
    expected = table["paper_frames"] * row["seconds"] / row["frames"] / 60
    assert row["paper_minutes"] == pytest.approx(expected)


def test_films_that_fail_are_not_timed(templates, monkeypatch):
    failed = {"recordings": [], "failed": {"0.nc": "0.nc: mesh: folds; mend it"}}
    monkeypatch.setattr(bench_dataset, "make_dataset", lambda *args, **options: failed)
    with pytest.raises(InputError, match="0.nc: mesh: folds; mend it; leave it out"):
        bench_dataset.bench_one(templates, "s1", 1)


@pytest.mark.slow
def test_a_template_that_fails_is_named_by_the_command_too(templates, tmp_path):
    bare = recording.open(next(templates.glob("*.nc"))).drop_vars("mesh")
    recording.save(bare, tmp_path / "a.nc")
    with pytest.raises(InputError, match="a.nc.*mesh.*; leave it out"):
        bench_dataset.bench_dataset(tmp_path, (1,))


def test_too_few_templates_are_not_timed(templates):
    with pytest.raises(InputError, match=f"templates: are {FILMS}; 10 are wanted; make more"):
        bench_dataset.bench_dataset(templates, (3, 10))

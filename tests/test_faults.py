"""No room, no cache, two runs at once: what goes wrong around the program is said, and leaves no
half of a file under the name of a whole one."""

import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from test_cotracker import TINY
from test_training import data, rows, run  # noqa: F401
from typer.testing import CliRunner

from tas_lib import cli, recording
from tas_lib.collection import MANIFEST, Collection
from tas_lib.errors import InputError
from tas_lib.locks import hold
from tas_lib.trackers import weights
from tas_lib.trackers.tasnet import TASNet


@contextmanager
def room(most: int):
    """No file can grow beyond `most` bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def no_room(call, folder, name):
    """`call` says that a file can't be written, and leaves none of that name or half-written."""
    before = {path.name for path in folder.iterdir()}
    with room(200), pytest.raises(InputError, match=rf"{name}: file: cannot be written .*; free"):
        call()
    assert {path.name for path in folder.iterdir()} <= before | {"log.csv"}


def test_no_room_for_a_recording(clip, tmp_path):
    no_room(lambda: recording.save(clip, tmp_path / "a.nc"), tmp_path, "a.nc")


def test_no_room_for_weights(tmp_path):
    path = tmp_path / "net.safetensors"
    no_room(lambda: weights.save(TASNet(TINY), path), tmp_path, path.name)


def test_no_room_for_a_manifest_keeps_the_one_before(clip, tmp_path):
    made = Collection(tmp_path, {"seed": 0})
    recording.save(clip, tmp_path / "0.nc")
    made.enter("0.nc")
    whole = (tmp_path / MANIFEST).read_text()
    recording.save(clip, tmp_path / "1.nc")
    no_room(lambda: made.enter("1.nc", patient="x" * 300), tmp_path, MANIFEST)
    assert (tmp_path / MANIFEST).read_text() == whole


def test_training_without_room_goes_on_to_the_same_bits_when_there_is(data, tmp_path):  # noqa: F811
    whole = tmp_path / "whole"
    run(whole, data)
    folder = tmp_path / "run"
    folder.mkdir()
    no_room(lambda: run(folder, data), folder, "best.safetensors")
    run(folder, data)
    one, other = (weights.load(f / "best.safetensors").state_dict() for f in (whole, folder))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert [row["loss"] for row in rows(whole)] == [row["loss"] for row in rows(folder)]


@pytest.mark.parametrize("command", ["dataset", "train"])
def test_a_file_in_place_of_the_folder_is_refused(wall_clip, tmp_path, command):
    template = wall_clip(10e-3, np.zeros(4)).assign_attrs(patient="one", ed_frame=0)
    recording.save(template, tmp_path / "0.nc")
    (tmp_path / "out").touch()
    words = {
        "dataset": ["dataset", "--templates", tmp_path, "--strategy", "s1", "--workers", "1"],
        "train": ["train", "tasnet", "--data", tmp_path],
    }[command]
    result = CliRunner().invoke(cli.app, [*map(str, words), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and "name another one" in result.stderr


def held(folder: Path) -> subprocess.Popen:
    """Another process that holds the folder until it is killed."""
    code = "import sys, time; from pathlib import Path; from tas_lib.locks import hold\n"
    code += "hold(Path(sys.argv[1])); print(flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE)
    other.stdout.readline()
    return other


def test_two_runs_in_one_folder_are_one_too_many(clip, tmp_path):
    other = held(tmp_path)
    try:
        with pytest.raises(InputError, match="folder: is in use by another run; wait"):
            Collection(tmp_path, {"seed": 0})
    finally:
        other.kill()
        other.communicate()
    recording.save(clip, tmp_path / "0.nc")
    for _ in range(2):  # a killed process holds nothing, and this one may come again
        Collection(tmp_path, {"seed": 0}).enter("0.nc")


def test_a_file_that_was_made_anew_is_held_anew(tmp_path):
    path = tmp_path / "rows.part"
    for _ in range(2):
        path.touch()
        hold(path)
        hold(path)
        code = "import sys; from pathlib import Path; from tas_lib.locks import hold\n"
        code += "hold(Path(sys.argv[1]))"
        other = subprocess.run([sys.executable, "-c", code, path], stderr=subprocess.PIPE)
        assert b"file: is in use by another run" in other.stderr
        path.unlink()


def test_what_another_process_trains_is_left_alone(data, tmp_path):  # noqa: F811
    other = held(tmp_path)
    try:
        with pytest.raises(InputError, match="is in use by another run"):
            run(tmp_path, data)
        assert not list(tmp_path.iterdir())
    finally:
        other.kill()
        other.communicate()


def test_two_data_sets_made_at_once_in_one_folder(clip, tmp_path):
    templates, out = tmp_path / "templates", tmp_path / "out"
    templates.mkdir()
    out.mkdir()
    recording.save(clip.assign_attrs(patient="1", ed_frame=0, es_frame=2), templates / "0.nc")
    other = held(out)
    try:
        words = ["dataset", "--templates", str(templates), "--strategy", "s1", "--out", str(out)]
        result = CliRunner().invoke(cli.app, words)
        assert result.exit_code == 2 and "is in use by another run" in result.stderr
    finally:
        other.kill()
        other.communicate()

"""Broken files are read or refused: some of what `tests/fuzz.py` tries; and any JSON, any text."""

import json
import random
import shutil
import sys
import time
from pathlib import Path

import fuzz
import mutations
import pytest
from damage import foreign_pixels, renamed_entry
from fuzz import FAILURES, outcome_of, tries
from fuzz_kinds import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

from tas_lib import archive, corrections, starts
from tas_lib.collection import MANIFEST, manifest_of
from tas_lib.errors import InputError
from tas_lib.readers import camus, ted

LIMITED = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as on Linux")


@LIMITED
@pytest.mark.parametrize("kind", KINDS)
def test_broken_files_are_read_or_refused(kind):
    assert not [tried for tried in tries(kind, 0, 10) if tried[1] in FAILURES]


@LIMITED
@pytest.mark.parametrize(
    "kind, mutation, mutated",
    [
        ("manifest (JSON)", renamed_entry, None),
        ("TED (MHD)", foreign_pixels, "*/*.mhd"),
        ("MP4", mutations.playlist, None),
        ("AVI", mutations.playlist, None),
        ("recording (NetCDF)", mutations.foreign_hdf5, None),
        ("golden numbers (.npz)", mutations.code_npz, None),
        ("published weights (.pth)", mutations.code_pth, None),
        ("CAMUS (NIfTI)", mutations.bomb, "*/*.gz"),
        ("DICOM", mutations.deflated, None),
    ],
)
def test_code_other_folders_files_and_bombs_are_refused(kind, mutation, mutated):
    def mutate(path, rng):
        return mutation.__name__, mutation(path, rng) is not False

    found = list(tries(kind, 0, 6, mutate, mutated))
    assert {outcome for _, outcome, _ in found} == {"refused"}, found


@pytest.mark.parametrize("kind", ["DICOM", "clicks (JSON)", "CAMUS (NIfTI)"])
def test_a_seed_makes_the_same_files(kind, tmp_path):
    path, contents = KINDS[kind].make(tmp_path), []
    path = sorted(tmp_path.glob(KINDS[kind].mutated))[-1]
    whole = path.read_bytes()
    for k in (0, 1, 2) * 2:
        path.write_bytes(whole)
        mutations.mutate(path, random.Random(k))
        contents.append(path.read_bytes())
    assert contents[:3] == contents[3:] and whole not in contents


def test_the_fuzzer_sees_what_it_looks_for(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    monkeypatch.setattr(fuzz, "MEMORY", 1 << 26)

    def read(what):
        given = tmp_path / "given"
        given.mkdir(exist_ok=True)
        (given / "file").touch()
        return outcome_of(what, given / "file", given)[0]

    def refuse(where):
        raise InputError(where, "file", "is bad", "mend it")

    assert read(lambda path: None) == "read" and read(refuse) == "refused"
    assert read(lambda path: refuse("elsewhere")) == "crash"
    assert read(lambda path: {}["key"]) == "crash"
    assert read(lambda path: time.sleep(9)) == "hang"
    assert read(lambda path: b"x" * (1 << 30)) == "memory"
    assert read(lambda path: b"x" * (100 << 20)) == "memory"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
READERS = {
    "contours (JSON)": starts.load,
    "clicks (JSON)": starts.load,
    "corrections (JSON)": corrections.load,
    "archived run (JSON)": archive.read,
    "manifest (JSON)": lambda path: manifest_of(path.parent, "make it anew"),
}


@pytest.fixture(scope="module", params=READERS)
def valid(request, tmp_path_factory):
    """A path whose file may be rewritten, what a valid one holds, and who reads it."""
    path = KINDS[request.param].make(tmp_path_factory.mktemp("valid"))
    return path, json.loads(path.read_text()), READERS[request.param]


@settings(max_examples=60)
@given(data=st.data(), value=VALUES)
def test_a_field_of_any_value_is_read_or_refused(valid, data, value):
    path, fields, read = valid
    name = data.draw(st.sampled_from([*sorted(fields), None]))
    path.write_text(json.dumps(value if name is None else fields | {name: value}))
    try:
        read(path)
    except InputError as error:
        assert path.name in error.where


@settings(max_examples=100)
@given(text=st.text())
def test_any_text_is_a_table_of_patients_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / ted.MAPPING
    for content in (text, f"ted,camus\n{text}"):
        path.write_text(content, "utf-8")
        try:
            ted.camus_patient(1, path)
        except InputError as error:
            assert error.where == str(path)


@settings(max_examples=100)
@given(text=st.text())
def test_any_text_is_a_cfg_whose_numbers_are_finite_or_none(tmp_path_factory, text):
    path: Path = tmp_path_factory.getbasetemp() / "Info_4CH.cfg"
    path.write_text(f"EF: {text}", "utf-8")
    value = camus.number(camus.read_cfg(path), "EF")
    assert value is None or abs(value) < float("inf")


@pytest.mark.parametrize("name", ["../a.nc", "/etc/passwd", "..", "", "b/a.nc", "a\0.nc"])
def test_a_manifest_names_files_of_its_folder_alone(tmp_path, name):
    entry = {"file": name, "sha256": ""}
    (tmp_path / MANIFEST).write_text(json.dumps({"recordings": [entry]}))
    with pytest.raises(InputError, match="is not the name of a file beside it"):
        manifest_of(tmp_path, "make it anew")


def test_a_damaged_log_is_named(tmp_path):
    path = KINDS["checkpoint (safetensors)"].make(tmp_path / "run")
    whole = tmp_path / "whole"
    shutil.copytree(path.parent, whole)
    assert KINDS["checkpoint (safetensors)"].read(whole / path.name) > 0
    (path.parent / "log.csv").write_text("step\nnan\n")
    with pytest.raises(InputError, match="log.csv: file: is no log of this program"):
        KINDS["checkpoint (safetensors)"].read(path)

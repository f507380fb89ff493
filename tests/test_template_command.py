"""`tas template`: folders and clips become templates, and what is left out is named."""

from pathlib import Path

import pytest
from camus_files import COUNT, MM, scene, write_camus, write_cfg
from typer.testing import CliRunner

from tas_lib import cli, readers, recording
from tas_lib.cli.frame import stem_of


@pytest.fixture(scope="module")
def film():
    return scene((MM, MM))


def test_a_folder_becomes_templates_and_what_is_broken_is_named(film, tmp_path):
    (tmp_path / "camus").mkdir()
    patient = write_camus(tmp_path / "camus", *film)
    write_cfg(patient.with_name("Info_2CH.cfg"))  # its film is missing
    words = ["template", str(tmp_path / "camus"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 3 and "wrote 1 recordings" in result.stdout
    assert "left out: " in result.stderr and "patient0001" in result.stderr
    (made,) = (tmp_path / "out").iterdir()
    ds = recording.open(made)
    assert made.name == "patient0001-Info_4CH.nc" and ds.attrs["patient"] == "CAMUS 0001"
    assert ds.mesh.shape == (COUNT, 36, 5, 2) and ds.attrs["es_frame"] == 6
    written = made.stat().st_mtime_ns
    assert "wrote 0" in CliRunner().invoke(cli.app, words).stdout
    assert made.stat().st_mtime_ns == written
    result = CliRunner().invoke(cli.app, ["template", str(tmp_path / "out"), *words[2:]])
    assert result.exit_code == 2 and "CLIP: holds no .cfg" in result.stderr
    result = CliRunner().invoke(cli.app, ["template", "a/loop.dcm", "b/loop.dcm", *words[2:]])
    assert result.exit_code == 2 and "b/loop.dcm: file: is named as a/loop.dcm" in result.stderr


def test_another_clip_of_the_same_name_is_not_taken_for_there(film, tmp_path):
    """Nor is the same one for another patient: scanners call all of them IM0001."""
    written, out = {}, tmp_path / "out"

    def go(name, patient):
        words = ["template", str(tmp_path / name / "IM0001.nc"), "--out", str(out)]
        return CliRunner().invoke(cli.app, [*words, "--patient", patient])

    for name, frames in (("a", slice(None)), ("b", slice(-1))):
        ds = readers.read(write_camus(tmp_path, *film)).isel(time=frames)
        ds = ds.assign_attrs(ed_frame=0, es_frame=ds.sizes["time"] - 1)
        del ds.attrs["patient"]
        (tmp_path / name).mkdir()
        recording.save(ds, tmp_path / name / "IM0001.nc")
    assert go("a", "A").exit_code == 0
    (made,) = out.iterdir()
    written[made] = made.read_bytes()
    for name, patient in (("b", "B"), ("a", "B")):
        result = go(name, patient)
        assert result.exit_code == 3 and "IM0001.nc: file: is not the clip" in result.stderr
    assert go("a", "A").exit_code == 0 and made.read_bytes() == written[made]


def test_names_that_are_numbers_stay_whole():
    assert stem_of(Path("a/1.2.840.7.1")) == "1.2.840.7.1" and stem_of(Path("loop.mp4")) == "loop"


def test_a_cfg_is_called_by_its_folder_from_inside_as_well(film, tmp_path, monkeypatch):
    monkeypatch.chdir(write_camus(tmp_path, *film).parent)
    assert stem_of(Path("Info_4CH.cfg")) == "patient0001-Info_4CH"


def test_a_clip_of_nobody_becomes_a_template_of_who_is_named(tmp_path):
    clip = str(readers.default_clip())
    words = ["template", clip, "--out", str(tmp_path)]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 3 and "state it: --patient NAME" in result.stderr
    result = CliRunner().invoke(cli.app, [*words, "--patient", "me"])
    assert result.exit_code == 0, result.output
    (made,) = tmp_path.iterdir()
    assert recording.open(made).attrs["patient"] == "me"

"""`tas template`: folders and clips become templates, and what is left out is named."""

import pytest
from camus_files import COUNT, MM, scene, write_camus, write_cfg
from typer.testing import CliRunner

from tas_lib import cli, readers, recording


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


def test_a_clip_of_nobody_becomes_a_template_of_who_is_named(tmp_path):
    clip = str(readers.default_clip())
    words = ["template", clip, "--out", str(tmp_path)]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 3 and "state it: --patient NAME" in result.stderr
    result = CliRunner().invoke(cli.app, [*words, "--patient", "me"])
    assert result.exit_code == 0, result.output
    (made,) = tmp_path.iterdir()
    assert recording.open(made).attrs["patient"] == "me"

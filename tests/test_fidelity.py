"""How near speckle comes to its template's: rows of every strategy, and what they must obey."""

import numpy as np
import pytest
from conftest import CutShort
from typer.testing import CliRunner

from tas_lib import archive, cli, fidelity, recording
from tas_lib.collection import MANIFEST
from tas_lib.fidelity import FLOOR, TEMPLATE
from tas_lib.scene import Choices, Scene


@pytest.fixture
def folder(wall_clip, operator, tmp_path, monkeypatch):
    """Two templates of one patient, the small operator and few scatterers."""
    few = Choices(density=1.0)
    monkeypatch.setattr(fidelity, "operator_of", lambda acq: operator)
    monkeypatch.setattr(fidelity, "Scene", lambda *what, **how: Scene(*what, few, **how))
    for k in range(2):
        ds = wall_clip(10e-3, 1e-3 * np.sin(np.arange(4) + k)).assign_attrs(patient="1")
        recording.save(ds, tmp_path / f"{k}.nc")
    return tmp_path


def test_every_strategy_has_a_row_of_every_template(folder, tmp_path):
    out = tmp_path / "out.json"
    words = ["strategies", str(folder), "--workers", "1", "--out", str(out)]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    table, about = archive.read(out)
    assert about["command"] == "tas strategies DIR --seed 0 --out FILE" and about["seed"] == 0
    assert {*table.groupby("strategy").size()} == {2} and {*table.patient} == {"1"}
    mae = table.pivot(index="file", columns="strategy", values="mae")
    assert (mae[TEMPLATE] == 0).all() and (mae.drop(columns=TEMPLATE) > 0).all(axis=None)
    assert (mae["S3"] < mae["S2"]).all()
    mean = table.pivot(index="file", columns="strategy", values="mean")
    assert (mean["S1 p=1.0"] > mean["S1 p=0.2"]).all() and FLOOR in mae
    assert table["spread"].between(0, 0.5).all()
    assert f"S3{'':<19}{mae['S3'].mean():8.3f}" in result.stdout


def test_templates_draw_numbers_of_their_own(folder):
    (folder / "1.nc").write_bytes((folder / "0.nc").read_bytes())
    table = fidelity.fidelity(sorted(folder.glob("*.nc")), workers=1, progress=False)
    mean = table.pivot(index="file", columns="strategy", values="mean")
    assert mean[TEMPLATE].nunique() == 1
    assert (mean.drop(columns=TEMPLATE).nunique() == 2).all()


def test_the_true_motion_is_known_of_virtual_templates_alone(folder, tmp_path, monkeypatch):
    words = ["strategies", str(folder), "--truth", "--out", str(tmp_path / "out.json")]
    result = CliRunner().invoke(cli.app, [*words, "--workers", "1"])
    assert result.exit_code == 2 and "true motion: is not known" in result.stderr

    for path in folder.glob("*.nc"):
        ds = recording.open(path)
        ds["elevation"] = ds.mesh.isel(axis=0, drop=True) * 0
        recording.save(ds.assign_attrs(seed=0), path)
    monkeypatch.setattr(fidelity, "coarse", lambda template: pytest.fail("masks were asked"))
    result = CliRunner().invoke(cli.app, [*words, "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert "strategies DIR --truth --seed 0" in (tmp_path / "out.json").read_text()


def test_the_command_goes_on_where_it_was_cut_short(folder, tmp_path, monkeypatch):
    out, opened = tmp_path / "out.json", CutShort(fidelity.open_template, 2)
    words = ["strategies", str(folder), "--workers", "1", "--out", str(out)]

    monkeypatch.setattr(fidelity, "open_template", opened)
    (folder / MANIFEST).write_text("{}")
    assert CliRunner().invoke(cli.app, words).exit_code == 2
    assert not opened.seen  # said before hours of work
    (folder / MANIFEST).unlink()
    assert CliRunner().invoke(cli.app, words).exit_code == 2 and not out.exists()
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    assert opened.seen == ["0.nc", "1.nc", "1.nc"] and not list(tmp_path.glob("*.part"))
    table, _ = archive.read(out)
    assert table.groupby("file").size().nunique() == 1 and table.file.nunique() == 2

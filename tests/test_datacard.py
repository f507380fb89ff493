"""A data set's card: numbers that are known of films that were made for it."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tas_lib import cli, datacard, recording
from tas_lib.collection import MANIFEST, digest
from tas_lib.datacard import MEASURED, counts, describe, draw, pictures, summary
from tas_lib.errors import InputError

PATHOLOGIES = "healthy", "healthy", "infarct"


@pytest.fixture
def folder(wall_clip, tmp_path):
    """Three films of two patients, whose walls shorten to 0.9 around the line x = 0 at ES."""
    entries = []
    for k, pathology in enumerate(PATHOLOGIES):
        ds = wall_clip(10e-3, np.zeros(5))
        ds = ds.assign_coords(time=("time", 0.06 * np.arange(5), ds.time.attrs))
        mesh = ds.mesh * (1 - 0.05 * shortening(ds))
        ds = ds.assign(mesh=mesh.transpose(*ds.mesh.dims), correlation=ds.mesh[..., 0] * 0 + 0.5)
        ds = ds.assign_attrs(
            patient=f"p {k // 2}", view="A4C", pathology=pathology, ed_frame=0, cycle="ED to ED"
        )
        recording.save(ds, tmp_path / f"{k}.nc")
        entries.append({"file": f"{k}.nc", "sha256": digest(tmp_path / f"{k}.nc")})
    about = {"strategy": "s1", "seed": 0, "made_with": [{"commit": "abc"}], "recordings": entries}
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    return tmp_path


def shortening(ds):
    """0, 1, 2, 1, 0 along time, about half of which the wall has lost by ES, frame 2."""
    return ds.time.copy(data=[0.0, 1, 2, 1, 0])


def test_numbers_are_those_of_the_films(folder):
    table = describe(folder, 1, progress=False)
    assert table.file.tolist() == ["0.nc", "1.nc", "2.nc"] and (table.frames == 5).all()
    np.testing.assert_allclose(table.gls, -10, atol=1e-3)
    np.testing.assert_allclose(table[["least_segment", "most_segment"]], -10, atol=1e-3)
    np.testing.assert_allclose(table.frame_rate, 1 / 0.06)
    np.testing.assert_allclose(table.heart_rate, 60 / 0.24)
    np.testing.assert_allclose(table.correlation, 0.5)
    sizes = [(folder / file).stat().st_size / 5e3 for file in table.file]
    np.testing.assert_allclose(table.kilobytes, sizes)
    pd.testing.assert_frame_equal(table, describe(folder, 2, progress=False))


def test_half_a_beat_is_told_by_the_half_that_is_there(folder):
    """End-systole itself, where speckle correlates with itself, does not count."""
    ds = recording.open(folder / "0.nc")
    half = ds.isel(time=slice(3)).assign_attrs(cycle="ED to ES")
    half = half.assign_coords(time=("time", [0.0, 0.1, 0.2], ds.time.attrs))
    half["correlation"].values[:] = np.array([0.1, 0.4, 1.0])[:, None, None]
    recording.save(half, folder / "0.nc")
    row = describe(folder, 1, progress=False).iloc[0]
    assert row.correlation == pytest.approx(0.4) and np.isnan(row.heart_rate)


def test_recordings_of_another_kind_are_refused(folder):
    recording.save(recording.open(folder / "1.nc").drop_vars("correlation"), folder / "1.nc")
    with pytest.raises(InputError, match="1.nc: correlation: is missing; make a data set"):
        describe(folder, 1, progress=False)


def test_patients_are_counted_once(folder):
    found = counts(describe(folder, 1, progress=False))
    assert found.loc["healthy", "all"] == 2 and found.loc["all", "all"] == 3
    assert found.patients.to_dict() == {"healthy": 1, "infarct": 1, "all": 2}


def test_the_command_writes_a_card_with_its_pictures(folder):
    result = CliRunner().invoke(cli.app, ["dataset", "describe", str(folder), "--workers", "1"])
    assert result.exit_code == 0, result.output
    card = (folder / "card.md").read_text()
    assert "3 sequences, 15 frames" in card and "commit: abc" in card and "peak GLS (%)" in card
    for name in ("card.json", "card-numbers.png", "card-pictures.png"):
        assert (folder / name).stat().st_size > 200
    table = describe(folder, 1, progress=False)
    assert set(summary(table).index) == set(MEASURED.values())
    assert len(draw(table).axes) == 9 and len(pictures(folder, table, 2).axes) == 2


def test_a_folder_without_sequences_is_refused(tmp_path):
    with pytest.raises(InputError, match="file: is not there; make a data set"):
        describe(tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps({"recordings": []}))
    with pytest.raises(InputError, match="recordings: there are none"):
        datacard.describe(tmp_path)

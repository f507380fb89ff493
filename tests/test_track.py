"""`tas track`: from a clip with its mesh to tracks, strain curves, a picture and a movie."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import SHIFTS, tas

from tas_lib import recording

track = partial(tas, "track")


@pytest.fixture
def clip(moving_clip, tmp_path):
    return recording.save(moving_clip(SHIFTS), tmp_path / "clip.nc")


def test_a_clip_is_tracked_and_its_strain_written(clip, tmp_path):
    result = track(clip, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    stem = tmp_path / "out" / "clip-speckle"
    for suffix in (".nc", ".csv", ".png", ".mp4"):
        path = stem.with_suffix(suffix)
        assert path.stat().st_size > 100 and str(path) in result.stdout
    ds = recording.open(stem.with_suffix(".nc"))
    true = recording.open(clip).mesh
    assert np.linalg.norm(ds.tracks.values - true.values, axis=-1).mean() < 0.3e-3
    assert ds.attrs["tracker"] == "speckle" and ds.attrs["start_frame"] == 4
    curves = pd.read_csv(stem.with_suffix(".csv"), index_col="time_s")
    assert list(curves.columns[:2]) == ["GLS", "basal inferoseptal"] and len(curves) == 9
    assert (curves.iloc[0] == 0).all() and curves.abs().max().max() < 3  # nothing is strained
    assert f"strain {curves.GLS.min():.1f} %" in result.stdout
    again = track(clip, "--out", tmp_path / "out")
    assert again.exit_code == 2 and "exists already" in again.stderr
    assert track(clip, "--out", tmp_path / "out", "--force", "--quiet").output == ""


def test_what_is_missing_is_named_before_anything_is_written(clip, tmp_path):
    ds = recording.open(clip)
    for name in ("ed_frame", "es_frame"):
        attrs = {key: value for key, value in ds.attrs.items() if key != name}
        path = tmp_path / f"{name}.nc"
        bare = ds.copy()
        bare.attrs = attrs
        recording.save(bare, path)
        result = track(path, "--out", tmp_path / "out")
        assert result.exit_code == 2 and f"{name}: is missing" in result.stderr
    result = track(clip, "--tracker", "tasnet.safetensors", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "weights: are not there" in result.stderr
    assert not (tmp_path / "out").exists()

"""Stages: motion that is tracked moves the next films, and nothing is made twice."""

import json

import numpy as np
import pytest
import torch
import xarray as xr
from test_dataset import quick  # noqa: F401
from typer.testing import CliRunner

from tas_lib import cli, farm, learning, recording, refinement
from tas_lib.collection import MANIFEST, digest
from tas_lib.dataset import make_dataset, templates_in
from tas_lib.errors import InputError
from tas_lib.mesh import folds
from tas_lib.refinement import CHAINS, make_motion, motions, refine, told, unfolded
from tas_lib.samples import Clip
from tas_lib.trackers import registry, weights
from tas_lib.training import Budget

BUDGET = Budget(1, Clip(3, 6), 1e-3, validate_every=1, validation=1)


@pytest.fixture
def templates(wall_clip, tmp_path, quick, monkeypatch):  # noqa: F811
    """Three films of three patients; all is made in this process, with room for the network."""
    monkeypatch.setattr(refinement, "each", lambda make, items, *_: farm.each(make, items, 1))
    monkeypatch.setattr(learning, "ROOM", 22e-3)
    folder = tmp_path / "templates"
    folder.mkdir()
    for k in range(3):
        ds = wall_clip(10e-3, 1e-3 * np.sin(np.arange(4) + k))
        recording.save(
            ds.assign_attrs(patient=f"one {k}", view="A4C", ed_frame=0), folder / f"{k}.nc"
        )
    return sorted(folder.iterdir())


def entries(folder):
    return json.loads((folder / MANIFEST).read_text())["recordings"]


def test_each_stage_is_moved_as_the_one_before_has_tracked(templates, tmp_path):
    out = tmp_path / "refined"
    (best,), left_out = refine(templates, out, ("s1", "s2"), BUDGET, first=2, progress=False)
    assert not left_out and best == out / "s1-s2" / "seed0" / "best.safetensors"
    assert len(entries(out / "s1" / "data")) == 2 and len(entries(out / "s1-s2" / "data")) == 3
    assert weights.card(best)["patients"] == ["one 0", "one 1", "one 2"]
    film, template = recording.open(out / "s1-s2" / "data" / "0.nc"), recording.open(templates[0])
    es = template.attrs["es_frame"]
    np.testing.assert_allclose(film.mesh[es], template.mesh[es], atol=1e-6)
    assert np.abs(film.mesh - template.mesh).max() > 1e-5  # the network is hardly trained
    assert film.attrs["strategy"] == "S2"
    rows = motions(out, ("s1", "s2"))
    assert [row["chain"] for row in rows] == ["s1"] * 3
    assert len({row["patient"] for row in rows}) == 3
    assert {*rows[0]["motions"]} == {"tracked", "masks"}


def test_what_is_there_is_kept_and_shared(templates, tmp_path):
    out = tmp_path / "refined"
    refine(templates, out, ("s1",), BUDGET, progress=False)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nc")}
    refine(templates, out, ("s1", "s1"), BUDGET, seeds=(0, 1), progress=False)
    refine(templates, out, ("s1", "s2"), BUDGET, progress=False)
    before |= {path: path.stat().st_mtime_ns for path in (out / "s1" / "motion").iterdir()}
    refine(templates, out, ("s1", "s2"), BUDGET, progress=False)
    assert len(before) > 6 and all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert (out / "s1" / "seed1" / "best.safetensors").is_file()


def test_another_seed_does_not_replace_the_motion_that_data_are_made_of(templates, tmp_path):
    refine(templates, tmp_path, ("s1", "s1"), BUDGET, progress=False)
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nc")}
    with pytest.raises(InputError, match="motion: seeds: .* in seed0, not in seed1; name that"):
        refine(templates, tmp_path, ("s1", "s1"), BUDGET, seeds=(1, 0), progress=False)
    assert there == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nc")}


def test_one_network_learns_on_as_many_threads_as_several(templates, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (best,), _ = refine(templates, tmp_path / "refined", ("s1",), BUDGET, progress=False)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert weights.card(best)["threads"].startswith("1 of ")


def test_a_network_learns_from_no_more_than_is_asked_for(templates, tmp_path):
    refine(templates, tmp_path / "refined", ("s1",), BUDGET, progress=False)
    with pytest.raises(InputError, match="sequences: hold 1 that are not wanted now .2.nc."):
        refine(templates[:2], tmp_path / "refined", ("s1",), BUDGET, progress=False)


def test_tracked_motion_and_the_templates_own_are_not_mixed_up(templates, tmp_path):
    torch.manual_seed(0)
    path = weights.save(registry.network("tasnet"), tmp_path / "net", {"pixel": registry.PIXEL})
    make_motion(templates, tmp_path / "motion", path, progress=False)

    def hashes(**more):
        found = make_dataset(templates, tmp_path / "data", "s1", progress=False, **more)
        return [entry["sha256"] for entry in found["recordings"]]

    own, tracked = hashes(), hashes(motion=tmp_path / "motion")
    assert not set(own) & set(tracked) and hashes() == own


def test_every_network_starts_from_the_weights_that_are_given(templates, tmp_path):
    (start,), _ = refine(templates, tmp_path / "start", ("s1",), BUDGET, progress=False)
    refine(templates, tmp_path / "then", ("s1", "s1"), BUDGET, init=start, progress=False)
    for chain in ("s1", "s1-s1"):
        card = weights.card(tmp_path / "then" / chain / "seed0" / "best.safetensors")
        assert card["init"]["sha256"] == digest(start) and card["command"].endswith("--init FILE")


def test_what_is_left_out_is_told_and_most_of_it_refused(templates, tmp_path):
    templates[2].write_bytes(b"broken")
    _, left_out = refine(templates, tmp_path / "refined", ("s1", "s1"), BUDGET, progress=False)
    assert list(left_out) == ["s1/2.nc", "s1-s1/2.nc"] and "NetCDF" in left_out["s1-s1/2.nc"]
    templates[1].write_bytes(b"broken")
    with pytest.raises(InputError, match="templates: left out 2 of 3 templates .*NetCDF"):
        refine(templates, tmp_path / "other", ("s1",), BUDGET, progress=False)


def test_a_stage_that_cannot_track_is_refused(templates, tmp_path, monkeypatch):
    def fails(path, **options):
        raise InputError(path, "mesh", "folds", "train longer")

    monkeypatch.setattr(refinement, "_tracked", fails)
    with pytest.raises(InputError, match="left out 3 of 3 templates .*mesh: folds"):
        refine(templates, tmp_path / "refined", ("s1", "s1"), BUDGET, progress=False)


def test_bad_words_are_refused_before_anything_is_made(templates, tmp_path):
    with pytest.raises(InputError, match="strategy: 's9' is unknown"):
        refine(templates, tmp_path / "refined", ("s1", "s9"), BUDGET)
    with pytest.raises(InputError, match="device: tpu is not available"):
        refine(templates, tmp_path / "refined", ("s1",), BUDGET, device="tpu")
    with pytest.raises(InputError, match="absent"):
        refine(templates, tmp_path / "refined", ("s1",), BUDGET, init=tmp_path / "absent")
    assert not (tmp_path / "refined").exists()


def test_motion_is_tracked_anew_for_other_templates_and_weights(templates, tmp_path):
    paths = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        paths.append(tmp_path / f"{seed}.safetensors")
        weights.save(registry.network("tasnet"), paths[-1], {"pixel": registry.PIXEL})

    def made(path):
        found = make_motion(templates, tmp_path / "motion", path, progress=False)
        return [entry["sha256"] for entry in found["recordings"]]

    first = made(paths[0])
    assert made(paths[0]) == first and not set(made(paths[1])) & set(first)
    assert made(paths[0]) == first
    ds = recording.open(templates[1])
    recording.save(ds.assign(mesh=ds.mesh + 1e-4), templates[1])
    again = made(paths[0])
    assert again[0] == first[0] and again[1] != first[1] and again[2] == first[2]
    templates[1].write_bytes(b"broken")
    assert made(paths[0]) == [first[0], first[2]]
    assert not (tmp_path / "motion" / templates[1].name).exists()


@pytest.mark.weekly
@pytest.mark.slow
def test_the_whole_chain_of_virtual_patients(tmp_path):
    """By two processes, with the truth of each film's motion at the end."""
    words = ["refine", "--profile", "smoke", "--steps", "2", "--stages", "s1,s3", "--workers", "2"]
    result = CliRunner().invoke(cli.app, [*words, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "s1-s3" / "seed0" / "best.safetensors").is_file()
    told = json.loads((tmp_path / "motion.json").read_text())
    assert told["command"].startswith("tas refine --stages s1,s3 --profile smoke")
    assert [(n["chain"], n["seed"]) for n in told["networks"]] == [("s1", 0), ("s1-s3", 0)]
    of = [(c["chain"], c["kind"], c["films"]) for c in told["collections"]]
    assert of == [("s1", "data", 4), ("s1", "motion", 6), ("s1-s3", "data", 6)]
    assert len(told["rows"]) == 6 and {row["chain"] for row in told["rows"]} == {"s1"}
    for row in told["rows"]:
        motions = row["motions"]
        assert motions["truth"]["error"] < 1e-8 < 0.3e-3 < motions["masks"]["error"] < 2e-3
        assert motions["tracked"]["error"] > 1e-3  # it has learnt nothing
    here = tmp_path / "again"
    alone = make_motion(
        *(templates_in(tmp_path / "templates")[:1], here, tmp_path / "s1/seed0/best.safetensors"),
        workers=1,
        progress=False,
    )
    (first, *_) = entries(tmp_path / "s1" / "motion")
    farmed, made = (xr.load_dataset(f / first["file"]).mesh for f in (tmp_path / "s1/motion", here))
    np.testing.assert_array_equal(made, farmed)
    assert alone["recordings"][0] == first


def test_folds_are_smoothed_away_and_nothing_else_is():
    grid = np.stack(np.meshgrid(np.arange(9.0), np.arange(4.0), indexing="ij"), -1)
    path = np.stack([grid, grid + 0.5 * np.sin(grid[..., ::-1])])
    assert unfolded(path, 0)[1] == 0 and np.array_equal(unfolded(path, 0)[0], path)
    torn = path.copy()
    torn[1, 4, 2] += [2.5, 0]
    assert folds(torn).any()
    mesh, smoothing = unfolded(torn, 0)
    assert smoothing > 0 and not folds(mesh).any() and np.array_equal(mesh[0], grid)
    with pytest.raises(InputError, match="mesh: folds even when smoothed"):
        unfolded(np.stack([grid, grid * [-1, 1]]), 0)


def test_motion_is_compared_with_where_the_truth_carries_the_mesh(moving_clip):
    shifts = 1e-3 * np.stack([np.arange(5.0), np.zeros(5)], -1)
    truth = moving_clip(shifts)
    es = truth.attrs["es_frame"]
    drawn = truth.mesh.values[es] * 0.98 + 1e-3
    right = drawn + (shifts - shifts[es])[:, None, None]
    still = np.broadcast_to(drawn, right.shape)
    found = told(truth, {"right": right, "still": still}, known=True)
    assert found["right"]["error"] < 1e-8 and found["truth"]["error"] < 1e-8
    assert found["still"]["error"] == pytest.approx(np.abs(shifts - shifts[es])[:, 0].mean())
    np.testing.assert_allclose(found["right"]["segments"], 0, atol=1e-9)
    assert "error" not in told(truth, {"right": right}, known=False)["right"]


def test_rows_of_the_table_are_chains_by_name():
    for name, chain in CHAINS.items():
        stage, strategies = name.split()
        assert tuple(strategies.lower().split(">")) == chain and int(stage[1]) == len(chain) - 1


def test_the_command_names_what_is_wrong(tmp_path):
    words = ["refine", "--templates", str(tmp_path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 2 and "templates: there is no recording" in result.stderr
    result = CliRunner().invoke(cli.app, [*words, "--seeds", "a"])
    assert result.exit_code == 2 and "--seeds: are 'a'; give whole numbers" in result.stderr
    words = ["refine", "--out", str(tmp_path / "other")]  # of templates that would be made first
    result = CliRunner().invoke(cli.app, [*words, "--stages", "D9 S1"])
    assert result.exit_code == 2 and "strategy: 'd9 s1' is unknown" in result.stderr
    assert not (tmp_path / "other").exists()

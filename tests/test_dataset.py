"""Data sets: coarse meshes of virtual patients, and folders that go on when they were cut short."""

import json

import numpy as np
import pytest
from scipy.interpolate import interp1d
from typer.testing import CliRunner

from tas_lib import cli, collection, dataset, farm, recording, segmentation
from tas_lib.collection import MANIFEST
from tas_lib.dataset import make_dataset, simulate
from tas_lib.errors import InputError
from tas_lib.learning import split
from tas_lib.recording import MESH_DIMS
from tas_lib.scene import Choices, Scene
from tas_lib.segmentation import coarse
from tas_lib.simulator import WIDE


@pytest.fixture
def quick(monkeypatch, operator):
    """The small operator, few scatterers, in this process."""
    monkeypatch.setattr(collection, "each", lambda make, items, *_: farm.each(make, items, 1))
    monkeypatch.setattr(dataset, "operator_of", lambda acq: operator)
    monkeypatch.setattr(dataset, "Choices", lambda: Choices(density=1.0))


@pytest.fixture
def templates(wall_clip, tmp_path):
    """Three templates of two patients."""
    folder = tmp_path / "templates"
    folder.mkdir()
    for k, patient in enumerate((1, 1, 2)):
        ds = wall_clip(10e-3, 1e-3 * np.sin(np.arange(4) + k))
        ds.attrs |= {"patient": patient, "ed_frame": 0}
        recording.save(ds, folder / f"patient{patient:03d}-test-A{k}C.nc")
    return sorted(folder.iterdir())


@pytest.fixture
def stretching(oval):
    """A wall that stretches along itself on one side alone, and its even mesh."""
    z, x = 0.01 + 0.4e-3 * np.arange(220), 0.4e-3 * np.arange(-90, 91)
    even = oval(37, 0.78, 60e-3)
    along = np.arange(37.0)
    moved = along + np.where(along < 18, 1.5 * np.sin(np.pi * along / 18) ** 2, 0)
    nodes = np.stack([even, interp1d(along, even, axis=0)(moved)])
    grey = np.full((2, len(z), len(x)), 0.5)
    true = recording.new(grey, [0, 0.2], z, x, sector=np.ones(grey.shape[1:]), es_frame=1, seed=3)
    return true.assign(mesh=(MESH_DIMS, nodes)), even


def test_masks_keep_where_the_wall_is_and_lose_motion_along_it(stretching, monkeypatch):
    monkeypatch.setattr(segmentation, "ACROSS", 0.0)
    true, even = stretching
    nodes, found = true.mesh.values, coarse(true).mesh.values
    assert np.linalg.norm(nodes[1] - nodes[0], axis=-1).max() > 3e-3
    assert np.linalg.norm(found[1] - found[0], axis=-1).max() < 0.5e-3
    assert np.linalg.norm(found - even, axis=-1).mean() < 0.5e-3


def test_masks_err_across_the_wall_and_otherwise_in_every_frame(stretching):
    true, even = stretching
    nodes, found = true.mesh.values, segmentation._segmented(true)
    across = nodes[:, :, -1] - nodes[:, :, 0]
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    along = across[..., ::-1] * [1, -1]
    for k in (0, -1):
        error = found[:, :, k] - nodes[:, :, k]
        assert np.abs((error * along).sum(-1)).max() < 1e-12
        away = (error * across).sum(-1)
        assert (
            0.4 * segmentation.ACROSS < away.std() < 1.6 * segmentation.ACROSS
        )  # some 12 independent ones
        assert abs(np.corrcoef(away)[0, 1]) < 0.6
    np.testing.assert_array_equal(coarse(true).mesh, coarse(true).mesh)


def test_a_sequence_has_the_templates_motion_and_its_own_correlation(wall_clip, quick):
    template = wall_clip(10e-3, 1e-3 * np.arange(4))
    for strategy in ("s1", "s2", "s3"):
        film = simulate(template, strategy, 3, Choices(density=1.0), progress=False)
        np.testing.assert_array_equal(film.mesh, template.mesh)
        assert film.correlation.shape == template.mesh.shape[:3]
        assert film.attrs["strategy"] == strategy.upper()
        np.testing.assert_allclose(film.correlation[2], 1, atol=1e-5)
    beat = template.assign_attrs(cycle="ED to ED")
    film = simulate(beat, "burman", 3, Choices(density=1.0), progress=False)
    assert film.attrs["strategy"] == "BURMAN" and film.attrs["p"] == 1  # coherent speckle,
    assert np.ptp(film.mesh.values, axis=0).max() > 1e-3  # and a wall that moves
    with pytest.raises(InputError, match="strategy: 's9' is unknown; choose one of s1"):
        simulate(template, "s9")


def test_labels_are_the_motion_that_speckle_tracking_finds(moving_clip, tmp_path):
    shifts = 1e-3 * np.stack([2 * np.sin(np.arange(9) / 2), np.cos(np.arange(9) / 2)], -1)
    true = moving_clip(shifts).assign_attrs(
        patient="1", sector_half_angle=1.0, sector_r_min=5e-3, sector_r_max=0.2
    )
    true["sector"] = (("z", "x"), np.ones(true.bmode.shape[1:], bool))
    still = true.mesh.copy(data=np.broadcast_to(true.mesh[4], true.mesh.shape))
    (tmp_path / "templates").mkdir()
    path = recording.save(true.assign(mesh=still), tmp_path / "templates" / "a.nc")
    made = make_dataset([path], tmp_path / "labels", "labels", workers=1, progress=False)
    assert not made["failed"] and made["strategy"] == "labels"
    film = recording.open(tmp_path / "labels" / "a.nc")
    np.testing.assert_array_equal(film.bmode, recording.open(path).bmode)
    np.testing.assert_allclose(film.mesh, true.mesh, atol=0.5e-3)  # of 2 mm
    assert film.attrs["mesh_is_truth"] == 0 and float(film.correlation[4].min()) > 0.999
    with pytest.raises(InputError, match="strategy: 'labels' is unknown"):
        simulate(true, "labels")


def test_a_cut_run_goes_on_and_says_what_it_left_out(templates, quick, tmp_path, monkeypatch):
    out, films = tmp_path / "d0", dataset.simulate

    def interrupted(*args, **options):
        if len(list(out.glob("*.nc"))) == 2:
            raise KeyboardInterrupt
        return films(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(dataset, "simulate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_dataset(templates, out, "s1", progress=False)
    assert len(json.loads((out / MANIFEST).read_text())["recordings"]) == 2
    with pytest.raises(InputError, match="recordings: are not all there: making them goes on, or"):
        split(out)  # so that nobody learns from half of it
    broken = templates[0].with_name("broken.nc")
    broken.write_bytes(b"broken")
    manifest = make_dataset([*templates, broken], out, "s1", progress=False)
    assert len(sum(split(out), [])) == len(templates)
    assert [entry["file"] for entry in manifest["recordings"]] == [p.name for p in templates]
    assert list(manifest["failed"]) == ["broken.nc"]
    assert "is no readable NetCDF file" in manifest["failed"]["broken.nc"]
    with pytest.raises(InputError, match="strategy s1"):
        make_dataset(templates, out, "s2", progress=False)


def test_a_sequence_depends_on_its_template_and_seed_alone(templates, quick, tmp_path):
    def digests(folder, sources, seed=0):
        manifest = make_dataset(sources, tmp_path / folder, "s1", seed, progress=False)
        return {entry["file"]: entry["sha256"] for entry in manifest["recordings"]}

    all_three, alone = digests("a", templates), digests("b", templates[2:])
    assert alone.items() <= all_three.items() and len(set(all_three.values())) == 3
    assert digests("c", templates[2:], seed=1) != alone


def test_templates_are_not_overwritten_and_what_they_lack_is_named(templates, quick, tmp_path):
    with pytest.raises(InputError, match="folder: holds the templates; name another"):
        make_dataset(templates, templates[0].parent, "s1")
    with pytest.raises(InputError, match="strategy: 's9' is unknown"):
        make_dataset(templates, tmp_path / "no", "s9")
    for name, lacking in (("mesh", None), ("es_frame", "es_frame")):
        ds = recording.open(templates[0])
        ds = ds.drop_vars("mesh") if lacking is None else ds
        ds.attrs.pop(lacking, None)
        bad = recording.save(ds, tmp_path / f"{name}.nc")
        failed = make_dataset([bad], tmp_path / "d0", "s1", progress=False)["failed"]
        assert f"{name}: is missing; make templates with `tas template`" in failed[bad.name]
    (templates[0].parent / ".half.nc").write_bytes(b"being written")
    assert dataset.templates_in(templates[0].parent) == templates


def test_every_sequence_has_random_numbers_of_its_own(templates, quick, tmp_path):
    """Names of a cohort differ in a few letters alone."""
    manifest = make_dataset(templates, tmp_path / "d0", "s1", progress=False)
    assert len({entry["seed"] for entry in manifest["recordings"]}) == 3
    names = (f"patient{k:03d}-test-{view}" for k in range(1, 501) for view in ("A4C", "A2C"))
    assert len({dataset.seed_of(name, 0) for name in names}) == 1000


def test_a_changed_template_has_its_sequence_made_anew(templates, quick, tmp_path):
    def digests():
        manifest = make_dataset(templates, tmp_path / "d0", "s1", progress=False)
        return [entry["sha256"] for entry in manifest["recordings"]]

    before = digests()
    ds = recording.open(templates[1])
    recording.save(ds.assign(mesh=ds.mesh + 1e-4), templates[1])
    after = digests()
    assert after[0] == before[0] and after[1] != before[1] and after[2] == before[2]


def test_a_changed_template_that_fails_leaves_no_sequence(templates, quick, tmp_path):
    out = tmp_path / "d0"
    make_dataset(templates, out, "s1", progress=False)
    templates[1].write_bytes(b"broken")
    assert list(make_dataset(templates, out, "s1", progress=False)["failed"]) == [templates[1].name]
    left = {templates[0].name, templates[2].name}
    assert {e["file"] for e in json.loads((out / MANIFEST).read_text())["recordings"]} == left
    assert {path.name for path in out.iterdir()} == {*left, MANIFEST}


def test_templates_of_one_name_are_refused(templates, quick, tmp_path):
    other = recording.save(recording.open(templates[1]), tmp_path / "other" / templates[0].name)
    with pytest.raises(InputError, match="has the name of .*; name each template otherwise"):
        make_dataset([*templates, other], tmp_path / "d0", "s1", progress=False)


def test_wide_templates_have_a_simulator_of_their_own(wall_clip, operator):
    template = wall_clip(10e-3, np.zeros(4))
    assert dataset.acquisition(template) is WIDE
    deep = template.assign_attrs(sector_r_max=0.18)
    assert dataset.acquisition(deep).r_max == 0.18
    with pytest.raises(InputError, match="operator: images less than the template shows"):
        Scene(deep, operator=operator)


def test_judges_are_patients_from_whom_nothing_is_learnt(templates, quick, tmp_path):
    make_dataset(templates, tmp_path / "d0", "s1", progress=False)
    learning, judging = split(tmp_path / "d0")
    assert [p.name for p in judging] == [p.name for p in templates[:2]]
    assert [p.name for p in learning] == [templates[2].name]
    make_dataset(templates[:2], tmp_path / "one", "s1", progress=False)
    with pytest.raises(InputError, match="holds 1 patient; make two or more"):
        split(tmp_path / "one")
    with pytest.raises(InputError, match="manifest.json: file: is not there; make them"):
        split(tmp_path)
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(InputError, match="no manifest of recordings .KeyError.*; make them"):
        split(tmp_path)
    manifest = json.loads((tmp_path / "d0" / MANIFEST).read_text())
    for entry, patient in zip(
        manifest["recordings"], ("CAMUS 0001", "TED 003", "TED 004"), strict=True
    ):
        entry["patient"] = patient
    (tmp_path / "d0" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="one person may be on both sides; put ted2camus.csv"):
        split(tmp_path / "d0")


def test_the_command_ends_with_one_where_something_was_left_out(templates, quick, tmp_path):
    words = ["dataset", "--templates", str(templates[0].parent), "--strategy", "s1", "--out"]
    result = CliRunner().invoke(cli.app, [*words, str(tmp_path / "a"), "--n", "1"])
    assert result.exit_code == 0 and "1 sequences, 4 frames" in result.stdout
    templates[0].write_bytes(b"broken")
    result = CliRunner().invoke(cli.app, [*words, str(tmp_path / "b"), "--quiet"])
    assert result.exit_code == 3 and result.stdout == ""
    assert result.stderr.startswith(f"left out {templates[0].name}:")
    result = CliRunner().invoke(
        cli.app, [*words[:1], "--templates", str(tmp_path), *words[3:], "c"]
    )
    assert result.exit_code == 2 and "there is no recording" in result.stderr

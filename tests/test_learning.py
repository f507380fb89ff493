"""A tracker learns from a folder of sequences: whose they are, what is taken and refused."""

import json

import numpy as np
import pytest
import torch
from refusals import refuses
from safetensors.torch import load_file
from test_training import SHIFTS
from typer.testing import CliRunner

from tas_lib import cli, learning, recording
from tas_lib.collection import MANIFEST, digest
from tas_lib.errors import InputError
from tas_lib.learning import learn, split
from tas_lib.samples import Clip
from tas_lib.trackers import registry, weights
from tas_lib.trackers.cotracker import SMALL
from tas_lib.trackers.tasnet import TASNet
from tas_lib.trackers.tracker import track
from tas_lib.training import Budget


@pytest.fixture
def folder(moving_clip, tmp_path, monkeypatch):
    """A data set of two patients, whose walls are small."""
    monkeypatch.setattr(learning, "ROOM", 20e-3)
    entries = []
    for patient in (1, 2):
        path = recording.save(moving_clip(SHIFTS, patient), tmp_path / f"{patient}.nc")
        entries.append({"file": path.name, "sha256": digest(path), "patient": patient})
    (tmp_path / MANIFEST).write_text(json.dumps({"strategy": "s1", "recordings": entries}))
    return tmp_path


@pytest.mark.parametrize("name", registry.NETWORKS)
def test_every_network_learns_and_comes_back_as_a_tracker(folder, tmp_path, name):
    budget = Budget(2, Clip(3, 6), 1e-3, validate_every=1, validation=1)
    best = learn(name, folder, tmp_path / "run", budget, progress=False)
    card = weights.card(tmp_path / "run" / "best.safetensors")
    assert card["tracker"] == name and card["data"]["strategy"] == "s1" and np.isfinite(best)
    again = registry.get(tmp_path / "run" / "best.safetensors")
    assert again.pixel == registry.PIXEL
    ds = recording.open(folder / "1.nc")  # the patient who judges
    first = ds.attrs["es_frame"] if again.start == "es" else 0
    assert track(ds, ds.mesh.values[first], again).tracks.shape == ds.mesh.shape


def test_walls_too_small_for_the_network_are_refused(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "ROOM", 5e-3)
    with pytest.raises(InputError, match=r"mesh: and 5 mm around it are 48 x 80 px; .* 64 a side"):
        learn("myotracker", folder, tmp_path / "run", Budget(1), progress=False)


def test_other_data_are_another_run(folder, tmp_path, moving_clip):
    budget = Budget(2, Clip(3, 6), 1e-3, validate_every=1, validation=1)
    learn("myotracker", folder, tmp_path / "run", budget, progress=False)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["recordings"][1]["sha256"] = "other"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"another run \(data differ\)"):
        learn("myotracker", folder, tmp_path / "run", budget, progress=False)


def test_sequences_without_a_patient_are_refused(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["recordings"][0]["patient"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="1.nc: patient: is not stated; set the attribute"):
        split(folder)


def test_the_command_trains(folder, tmp_path):
    words = ["train", "myotracker", "--data", str(folder), "--out", str(tmp_path / "run")]
    more = ["--profile", "smoke", "--steps", "2", "--batch", "2", "--rate", "0.001"]
    result = CliRunner().invoke(cli.app, [*words, *more])
    assert result.exit_code == 0, result.output
    card = weights.card(tmp_path / "run" / "best.safetensors")
    assert "--steps 2 --batch 2 --rate 0.001" in card["command"]
    assert (card["budget"]["batch"], card["budget"]["rate"]) == (2, 0.001)
    assert "validation MTE" in result.stdout and "best.safetensors" in result.stdout
    result = CliRunner().invoke(
        cli.app, ["train", "raft", *words[2:4], "--out", str(tmp_path / "other")]
    )
    assert result.exit_code == 2 and "'raft' is unknown; choose one of tasnet" in result.stderr
    assert not (tmp_path / "other").exists()


def test_missing_weights_are_named_with_what_there_is():
    with pytest.raises(InputError, match="weights: are not there; give a file .*speckle"):
        registry.get("absent.safetensors")


def test_training_goes_on_from_other_weights(folder, tmp_path):
    """CoTracker's, say: TAS-Net without its switches."""
    budget = Budget(1, Clip(3, 6), 1e-3, validate_every=1, validation=1)
    learn("cotracker", folder, tmp_path / "first", budget, progress=False)
    first = tmp_path / "first" / "best.safetensors"
    learn("tasnet", folder, tmp_path / "then", budget, init=first, progress=False)
    card = weights.card(tmp_path / "then" / "best.safetensors")
    assert card["init"]["sha256"] == digest(first) and card["init"]["tracker"] == "cotracker"
    torch.manual_seed(1)
    begun = weights.begin_from(registry.network("tasnet"), first)
    old = load_file(first)
    assert all(torch.equal(begun.state_dict()[name], value) for name, value in old.items())
    assert begun.psi is not None and begun.switches["bidirectional"]
    published = weights.save(TASNet(SMALL, official=True, mesh_embedding=False), tmp_path / "o", {})
    begun = weights.begin_from(registry.network("tasnet"), published)
    assert begun.switches["official"] and begun.psi[-1].weight.eq(0).all()  # starts as it was
    with pytest.raises(InputError, match="weights: are of a TASNet .* give those of a MyoTracker"):
        learn("myotracker", folder, tmp_path / "no", budget, init=first, progress=False)


def test_encoders_do_not_learn_alone_unasked(folder, tmp_path):
    budget = Budget(2, Clip(3, 6), 1e-3, matching=2, validate_every=2, validation=1)
    refuses(lambda: learn("tasnet", folder, tmp_path / "run", budget), "train", "steps", "--init")

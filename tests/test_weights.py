"""Weights in files: what is saved comes back; what is broken, foreign or code is refused."""

import dataclasses
import json
import pickle
import re
import struct

import numpy as np
import pytest
import torch
from conftest import tas
from safetensors.torch import load_file, save_file
from test_cotracker import TINY, film, spread

from tas_lib.errors import InputError
from tas_lib.trackers import registry, weights
from tas_lib.trackers.cotracker import CoTracker
from tas_lib.trackers.tasnet import TASNet


@pytest.fixture
def saved(tmp_path):
    """A file of a small network's weights, and the network."""
    torch.manual_seed(0)
    network = TASNet(TINY, continuous_visibility=False, official=True)
    return weights.save(network, tmp_path / "net.safetensors", {"step": 3}), network


@pytest.fixture(scope="module")
def published():
    """A state dict with the names and shapes of the published one, which takes no room."""
    with torch.device("meta"):
        state = CoTracker().state_dict()
    return {name: torch.tensor([0.5]).expand(value.shape) for name, value in state.items()}


def rewrite(path, change):
    """The file with its card changed by `change`, which gets it and returns it."""
    tensors = load_file(path)
    save_file(tensors, path, {"card": json.dumps(change(weights.card(path)))})


def test_what_is_saved_comes_back(saved):
    path, network = saved
    again = weights.load(path)
    assert (again.sizes, again.switches) == (network.sizes, network.switches)
    video, points = film(6)[:, 0], spread(4)
    with torch.inference_mode():
        one, other = (n(video, points, 2, torch.rand(4, 2)) for n in (network, again))
    assert torch.equal(one.points, other.points) and torch.equal(one.visibility, other.visibility)
    assert all(p.requires_grad and not p.is_meta for p in again.parameters())
    card = weights.card(path)
    assert card["step"] == 3 and card["network"]["switches"]["official"] is True


@pytest.mark.parametrize("name", sorted(weights.NETWORKS.keys() - {"TASNet"}))
def test_all_networks_can_be_saved(tmp_path, name):
    network = weights.NETWORKS[name][0]()
    again = weights.load(weights.save(network, tmp_path / "net.safetensors"))
    assert weights.describe(again) == weights.describe(network)
    pairs = zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def network_card(**changes):
    return lambda card: card | {"network": card["network"] | changes}


def sizes_card(**changes):
    return lambda card: network_card(sizes=card["network"]["sizes"] | changes)(card)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: [],
        lambda card: {},
        lambda card: card | {"network": None},
        network_card(name="Module"),
        network_card(name=["TASNet"]),
        network_card(switches={"bidirectional": "yes"}),
        network_card(switches={"device": True}),
        network_card(switches=[]),
        sizes_card(hidden=32),
        sizes_card(hidden=-16),
        sizes_card(hidden=10**12),
        sizes_card(heads=True),
        sizes_card(stages=[8, 12, 16]),
        sizes_card(unknown=1),
        sizes_card(time_depth=4),
    ],
)
def test_cards_of_another_network_are_refused(saved, change):
    rewrite(saved[0], change)
    with pytest.raises(InputError, match="net.safetensors: "):
        weights.load(saved[0])


@pytest.mark.parametrize("field", ["missing", "extra", "shape", "dtype", "nan"])
def test_tensors_that_do_not_fit_are_named(saved, field):
    path, _ = saved
    name, card = "cotracker.norm.weight", weights.card(path)
    tensors = load_file(path)
    match field:
        case "missing":
            del tensors[name]
        case "extra":
            tensors[name := "psi.9.weight"] = torch.zeros(1)
        case "shape":
            tensors[name] = torch.ones(1)
        case "dtype":
            tensors[name] = tensors[name].double()
        case "nan":
            tensors[name][3] = torch.nan
    save_file(tensors, path, {"card": json.dumps(card)})
    with pytest.raises(InputError, match=f"{name}: "):
        weights.load(path)


def test_broken_files_are_refused_and_nothing_else_happens(saved, tmp_path):
    """Cut short, not there, a folder, or with any byte of the header changed."""
    path, _ = saved
    data = path.read_bytes()
    header = 8 + struct.unpack("<Q", data[:8])[0]
    for length in (0, 7, 100, header, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match="is no file of weights"):
            weights.load(path)
    for other in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(InputError, match="file: does not exist; give a file that this program"):
            weights.load(other)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        changed = bytearray(data)
        changed[rng.integers(header)] = rng.integers(256)
        path.write_bytes(changed)
        try:
            weights.load(path)
        except InputError:
            refused += 1
    assert refused > 40  # others changed what does not matter, such as a note in the card


class Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, how):
    path, target = tmp_path / "cotracker_stride_4_wind_8.pth", tmp_path / "ran"
    if how == "torch":
        torch.save({"model": {"norm.weight": Evil(target)}}, path)
    else:
        path.write_bytes(pickle.dumps(Evil(target), protocol=2))
    for read in (weights.import_official, weights.load):
        with pytest.raises(InputError, match="is no "):
            read(path)
    assert not target.exists()
    pickle.loads(pickle.dumps(Evil(target))).close()
    assert target.exists()  # it would have


@pytest.mark.parametrize("name, size", [("stride_4_wind_8", (4, 8)), ("stride_8_wind_16", (8, 16))])
@pytest.mark.parametrize("wrapped", [False, True])
def test_published_checkpoints_are_taken_over(tmp_path, published, name, size, wrapped):
    path = tmp_path / f"cotracker_{name}.pth"
    state = {f"module.{k}": v for k, v in published.items()}
    torch.save({"model": state, "total_steps": 1} if wrapped else published, path)
    network = weights.import_official(path)
    assert (network.sizes.stride, network.sizes.window) == size
    assert network.cotracker.official and network.start == "first" and network.psi is None
    assert all((p == 0.5).all() for p in network.parameters())


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda s: s | {"updateformer.virual_tracks": torch.zeros(1)}, "is of CoTracker 2 or 3"),
        (lambda s: s | {"track_feat_updater.0.bias": torch.zeros(1)}, "is of CoTracker 2 or 3"),
        (lambda s: {k: v for k, v in s.items() if k != "norm.bias"}, "norm.bias: is missing"),
        (lambda s: s | {"norm.bias": torch.zeros(64)}, r"norm.bias: is \(64,\)"),
        (lambda s: s | {"norm.bias": torch.zeros(128).half()}, "torch.float16, not"),
        (lambda s: s | {"norm.bias": torch.full((128,), torch.inf)}, "NaN or infinity"),
        (lambda s: s | {"time_emb": torch.zeros(1)}, "time_emb: does not belong"),
        (lambda s: {"model": [1, 2]}, "holds no state dict"),
        (lambda s: [torch.zeros(3)], "holds no state dict"),
    ],
)
def test_other_checkpoints_are_refused(tmp_path, published, change, problem):
    path = tmp_path / "cotracker2.pth"
    torch.save(change(published), path)
    with pytest.raises(InputError, match=problem):
        weights.import_official(path)


def test_the_command_writes_weights_and_names_their_licence(tmp_path, published):
    path, out = tmp_path / "cotracker_stride_4_wind_8.pth", tmp_path / "cotracker.safetensors"
    torch.save(published, path)
    result = tas("weights", "import", path, "--out", out)
    assert result.exit_code == 0, result.output
    assert "24,149,859 parameters" in result.output and "CC BY-NC 4.0" in result.output
    card = weights.card(out)
    assert card["source"] == path.name and "not for commercial use" in card["licence"]
    assert card["network"]["switches"]["official"] is True
    assert weights.load(out).cotracker.official
    assert registry.get(out).pixel == registry.PIXEL
    path.write_text("no checkpoint")
    result = tas("weights", "import", path, "--out", tmp_path / "other.safetensors")
    assert result.exit_code == 2 and "is no checkpoint" in result.output
    assert not (tmp_path / "other.safetensors").exists()


def test_a_card_is_shown(saved):
    result = tas("weights", "card", saved[0])
    assert result.exit_code == 0 and json.loads(result.stdout)["step"] == 3
    result = tas("weights", "card", "speckle")
    assert result.exit_code == 2 and "weights: are none" in result.stderr


def test_a_card_tells_of_the_last_training(saved):
    assert weights.training(saved[0]) == {"step": 3}
    shipped = registry.weights_of("tasnet")
    told, card = weights.training(shipped), weights.card(shipped)
    assert told["command"].startswith("tas train tasnet ") and told["strategy"] == "s3"
    assert told["data_sha256"] == card["data"]["sha256"] and len(told["data_commits"]) == 1
    assert told["init_sha256"] == card["init"]["sha256"] != told["data_sha256"]
    assert all(re.fullmatch("[0-9a-f]{64}", told[key]) for key in ("data_sha256", "init_sha256"))
    assert told.keys() > {*weights.TRAINING}


def test_what_starts_from_published_weights_keeps_their_layout(tmp_path):
    off = dict.fromkeys(("bidirectional", "continuous_visibility", "mesh_embedding"), False)
    path = weights.save(TASNet(TINY, **off, official=True), tmp_path / "official.safetensors")
    begun = weights.begin_from(TASNet(TINY), path)
    assert begun.switches == dict.fromkeys((*off, "official"), True)
    with pytest.raises(
        InputError, match="are of a TASNet with .*heads.*; give those of a TASNet with .*heads"
    ):
        weights.begin_from(TASNet(dataclasses.replace(TINY, heads=1)), path)

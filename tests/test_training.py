"""The training loop: it learns, goes on to the same bits after a kill, and refuses what is off."""

import csv
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from tas_lib import checkpoints, samples, training
from tas_lib.errors import InputError
from tas_lib.samples import Clip, sequence
from tas_lib.trackers import registry, weights
from tas_lib.trackers.cotracker import Sizes
from tas_lib.trackers.tasnet import TASNet
from tas_lib.trackers.tracker import Prediction
from tas_lib.training import Budget, rate, train

TINY = Sizes(1, 4, (4, 4, 4, 4), 8, 8, 8, 2, 1, 1, window=4, iterations=2)
SHIFTS = 1e-3 * np.stack([3 * np.sin(np.arange(8)), np.cos(np.arange(8))], -1)
BUDGET = Budget(6, Clip(4, 9), 1e-2, True, validate_every=2, validation=1)


@pytest.fixture(scope="module")
def data(moving_clip):
    return [sequence(moving_clip(SHIFTS, seed), 0.5e-3, 8e-3) for seed in (0, 1)]


def net(seed=0):
    torch.manual_seed(seed)
    return TASNet(TINY)


def run(folder, data, budget=BUDGET, seed=0, network=None):
    return train(network or net(), data[:1], data[1:], folder, budget, seed, progress=False)


def rows(folder):
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_rate_goes_up_and_down_once():
    budget = Budget(steps=1000, rate=2e-3)
    rates = np.array([rate(step, budget) for step in range(1000)])
    assert rates.max() == pytest.approx(2e-3, rel=1e-3) and rates.argmax() == 50
    assert (np.diff(rates[:51]) > 0).all() and (np.diff(rates[50:]) < 0).all()
    assert 0 < rates[-1] < 0.01 * 2e-3 and rates[0] < 0.05 * 2e-3


def test_training_makes_the_loss_smaller(data, tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_shown", lambda video, rng: video)
    run(tmp_path, data, Budget(120, Clip(4, 9), 1e-2, validate_every=120, validation=1))
    loss = [float(row["loss"]) for row in rows(tmp_path)]
    assert np.mean(loss[-2:]) < 0.8 * np.mean(loss[:2])


@pytest.mark.parametrize("validate_every", [2, 6])
def test_a_killed_run_goes_on_to_the_same_bits(data, tmp_path, monkeypatch, validate_every):
    monkeypatch.setattr(training, "LOG_EVERY", 2)
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0)
    budget = replace(BUDGET, validate_every=validate_every)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    best = run(whole, data, budget)
    draw, count = training.draw, itertools.count()

    def killed(*args, **options):
        if next(count) == 5:
            raise KeyboardInterrupt
        return draw(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(training, "draw", killed)
        with pytest.raises(KeyboardInterrupt):
            run(cut, data, budget)
    assert [int(row["step"]) for row in rows(cut)] == [2, 4]
    assert checkpoints.left(cut) == budget.steps - 4
    first = training.commit()
    with monkeypatch.context() as patch:
        patch.setattr(training, "commit", lambda: "abc1234")
        assert run(cut, data, budget, network=net(9)) == best  # its own start matters no more
    assert checkpoints.left(cut) == 0 == checkpoints.left(tmp_path)
    card = weights.card(cut / "best.safetensors")
    assert card["commit"] in (first, f"{first}, abc1234")  # by when the best was found
    with safe_open(cut / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["state"])["commits"] == [first, "abc1234"]
    for name in ("last", "best"):
        a, b = (load_file(folder / f"{name}.safetensors") for folder in (whole, cut))
        assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
    same = [[{**row, "seconds": ""} for row in rows(folder)] for folder in (whole, cut)]
    assert same[0] == same[1]


def test_muon_moves_the_larger_matrices_and_adamw_the_rest(data, tmp_path):
    run(tmp_path, data)
    kept, shapes = load_file(tmp_path / "last.safetensors"), dict(net().named_parameters())
    moved = {
        key: {name.removeprefix(f"{key}.") for name in kept if name.startswith(key)}
        for key in ("momentum_buffer", "exp_avg_sq")
    }
    matrices = {n for n, p in shapes.items() if p.ndim == 2 and min(p.shape) >= 16}
    assert moved["momentum_buffer"] == matrices and matrices
    assert moved["exp_avg_sq"] == shapes.keys() - matrices


def test_the_best_weights_are_kept_with_their_card(data, tmp_path):
    best = run(tmp_path, data)
    errors = [float(row["validation_mte_mm"]) for row in rows(tmp_path)]
    card = weights.card(tmp_path / "best.safetensors")
    assert card["validation_mte_mm"] == best == pytest.approx(min(errors), abs=1e-4)
    assert {"commit", "device", "date", "minutes", "seed", "budget"} <= card.keys()
    assert training.validate(weights.load(tmp_path / "best.safetensors"), data[1:]) == best


def test_other_seeds_train_otherwise(data, tmp_path):
    run(tmp_path / "a", data)
    run(tmp_path / "b", data, seed=1)
    a, b = (load_file(tmp_path / x / "best.safetensors") for x in "ab")
    assert not all(torch.equal(a[key], b[key]) for key in a)


def test_a_folder_keeps_to_one_run(data, tmp_path):
    run(tmp_path, data)
    with pytest.raises(InputError, match=r"another run \(seed differ\); name another"):
        run(tmp_path, data, seed=1)
    with pytest.raises(InputError, match="data differ"):
        train(net(), data[:1], data[1:], tmp_path, BUDGET, about={"data": 1}, progress=False)
    with pytest.raises(InputError, match="network differ"):
        run(tmp_path, data, network=TASNet(TINY, mesh_embedding=False))
    (tmp_path / "last.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match="is no checkpoint.*; delete it"):
        run(tmp_path, data)


def test_a_finished_run_is_found_as_it_is(data, tmp_path):
    """Also by a machine with other threads, and told by other words."""
    about = {"command": "one way", "data": "some"}
    best = train(net(), data[:1], data[1:], tmp_path, BUDGET, about=about, progress=False)
    other = {"command": "another way", "data": "some"}
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert training.finished(net(), tmp_path, BUDGET, 0, other) == best
        with pytest.raises(InputError, match="threads differ"):
            training.finished(net(), tmp_path, replace(BUDGET, steps=9), 0, other)
    finally:
        torch.set_num_threads(threads)
    assert training.finished(net(), tmp_path / "new", BUDGET, 0, other) is None
    with pytest.raises(InputError, match=r"another run \(init differ\)"):
        training.finished(net(), tmp_path, BUDGET, 0, other | {"init": 1})


def test_a_loss_that_is_no_number_stops_the_run(data, tmp_path):
    class Broken(TASNet):
        def loss(self, sample):
            return super().loss(sample) * float("nan")

    with pytest.raises(InputError, match="loss: is nan at step 1, .*; lower the learning rate"):
        run(tmp_path, data, network=Broken(TINY))
    assert not list(tmp_path.glob("*.safetensors"))


def test_validation_is_the_mean_distance_in_millimetres(data):
    class Still(nn.Module):
        start, bidirectional = "es", True

        def __init__(self):
            super().__init__()
            self.nothing = nn.Parameter(torch.zeros(1))

        def forward(self, video, points, frame, grid):
            return Prediction(points.expand(len(video), -1, -1), None)

    away = np.linalg.norm(SHIFTS - SHIFTS[4], axis=1).mean()
    assert training.validate(Still(), data) == pytest.approx(1e3 * away, rel=1e-4)


def test_profiles_are_known_by_name():
    assert training.profile("laptop", steps=7).steps == 7
    with pytest.raises(InputError, match="profile: 'huge' is unknown; choose one of smoke"):
        training.profile("huge")


@pytest.mark.parametrize("name", registry.NETWORKS)
def test_losses_are_defined_in_mixed_precision(data, name):
    torch.manual_seed(0)
    network = registry.network(name)
    sample = samples.draw(data[0], Clip(4, 6), np.random.default_rng(0), any_start=False)
    with torch.autocast("cpu", torch.bfloat16):
        loss = network.loss(sample)
    loss.backward()
    assert loss.item() == pytest.approx(network.loss(sample).item(), rel=0.15)


@pytest.mark.parametrize("name", registry.NETWORKS)
def test_at_first_encoders_alone_learn(data, tmp_path, name):
    budget = Budget(2, Clip(3, 6), 1e-3, matching=2, validate_every=2, validation=1)
    torch.manual_seed(0)
    train(registry.network(name), data[:1], data[1:], tmp_path / "run", budget, progress=False)
    learnt = weights.load(tmp_path / "run" / "best.safetensors").state_dict()
    torch.manual_seed(0)
    drawn = registry.network(name).state_dict()
    changed = {n for n in drawn if not torch.equal(drawn[n], learnt[n])}
    encoders = {n for n in drawn if n.removeprefix("cotracker.").startswith(("fnet", "encoder"))}
    assert changed and changed <= encoders


@pytest.mark.parametrize("name", registry.NETWORKS)
def test_the_loss_of_a_batch_is_the_mean_of_its_examples(data, name, monkeypatch):
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)  # what `matching_error` draws
    torch.manual_seed(0)
    network = registry.network(name)
    several = samples.batch(data, Clip(4, 6), np.random.default_rng(0), network.start == "es")
    each = [samples.Sample(*(v if isinstance(v, int) else v[k] for v in several)) for k in (0, 1)]
    mean = torch.stack([network.loss(sample) for sample in each]).mean()
    assert training._at_once(network.loss, several).item() == pytest.approx(mean.item(), rel=1e-3)
    assert training._by_turns(network.loss, several).item() == pytest.approx(mean.item(), rel=1e-6)
    by_turns = [p.grad for p in network.parameters()]
    for gradient, sought in zip(
        by_turns, torch.autograd.grad(mean, network.parameters()), strict=True
    ):
        torch.testing.assert_close(gradient, sought, rtol=1e-3, atol=1e-6)


def test_a_batch_is_of_equal_clips(data):
    tall = replace(data[1], video=np.pad(data[1].video, ((0, 0), (0, 16), (0, 0))))
    short = replace(data[0], video=data[0].video[:5], tracks=data[0].tracks[:5], es=2)
    rng = np.random.default_rng(0)
    found = [samples.batch([short, tall], Clip(7, 9), rng) for _ in range(20)]
    size = max(seq.video.shape[1] for seq in (short, tall)), short.video.shape[2]
    assert {s.video.shape for s in found} == {(2, 5, *size)}
    assert {s.tracks.shape for s in found} == {(2, 5, 9, 2)}
    assert {s.frame for s in found} == set(range(5))
    assert not found[0].video[0, :, short.video.shape[1] :].any()


def test_batches_train(data, tmp_path):
    run(tmp_path, data, replace(BUDGET, batch=2))
    again = tmp_path / "again"
    run(again, data, replace(BUDGET, batch=2))
    kept = [load_file(folder / "last.safetensors") for folder in (tmp_path, again)]
    assert all(torch.equal(value, kept[1][name]) for name, value in kept[0].items())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # with one core
def test_examples_are_the_same_whoever_draws_them(data, tmp_path, monkeypatch):
    best = run(tmp_path / "alone", data)
    monkeypatch.setattr(training, "DRAWING", {"cpu": 2})
    assert run(tmp_path / "helped", data) == best

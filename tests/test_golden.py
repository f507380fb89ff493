"""Our CoTracker against numbers of the published code; and that the comparison sees mistakes."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

from tas_lib import cli, golden
from tas_lib.errors import InputError
from tas_lib.trackers import cotracker

FILE = Path(__file__).parent / "data" / "cotracker1_golden_tiny.npz"


def tas(*words):
    return CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.fixture(scope="module")
def arrays():
    with np.load(FILE) as file:
        return dict(file)


def differing():
    found = golden.compare(FILE)
    return {name.partition(" ")[2] for name, (gap, limit) in found.items() if not gap <= limit}


def test_it_is_the_published_network():
    found = golden.compare(FILE)
    assert len(found) == 21
    assert {n: gap for n, (gap, limit) in found.items() if not gap <= limit} == {}


def natural(network, start):
    return torch.stack((start.mask, start.visibility), -1)


def border(image, grid, **options):
    return grid_sample(image, grid, **options | {"padding_mode": "border"})


gelu, grid_sample, refine = F.gelu, F.grid_sample, cotracker.CoTracker.refine


def unsure(network, maps, start, tolerance):
    return refine(network, maps, start._replace(visibility=0 * start.visibility + 10), tolerance)


@pytest.mark.parametrize(
    "owner, name, mistake, seen",
    [
        (cotracker.CoTracker, "_states", natural, "tokens"),
        (cotracker.F, "grid_sample", border, "correlations"),
        (cotracker.F, "gelu", lambda x, approximate: gelu(x), "updates"),
        (cotracker, "WAVES", 31, None),
        (cotracker.CoTracker, "refine", unsure, "iterations [px]"),
        (torch.Tensor, "detach", lambda x: x, "gradients, relative"),
    ],
)
def test_mistakes_are_seen(monkeypatch, owner, name, mistake, seen):
    """Each is one that an implementation from a description might well make."""
    monkeypatch.setattr(owner, name, mistake)
    if seen is None:
        with pytest.raises(InputError):
            golden.compare(FILE)
    else:
        assert seen in differing()


@pytest.mark.parametrize(
    "change",
    [
        lambda a: {k: v for k, v in a.items() if k != "case_a/w1/vis"},
        lambda a: {k: v for k, v in a.items() if k != "case_a/w1/i0/tokens"},
        lambda a: {k: v for k, v in a.items() if k != "norm.bias"},
        lambda a: {k: v for k, v in a.items() if k != "meta_json"},
        lambda a: a | {"meta_json": np.array("[]")},
        lambda a: a | {"meta_json": np.array("no JSON")},
        lambda a: a | {"case_b/traj": a["case_b/traj"][:-1]},
        lambda a: a | {"case_b/video": a["case_b/video"][:, 0]},
        lambda a: a | {"norm.bias": a["norm.bias"][:-1]},
        lambda a: a | {"case_a/loss/grad_names": np.array(["what"] * 102)},
        lambda a: {"x": np.zeros(3)},
    ],
)
def test_files_that_are_no_golden_data_are_refused(tmp_path, arrays, change):
    path = tmp_path / "changed.npz"
    np.savez(path, **change(arrays))
    with pytest.raises(InputError, match="changed.npz: "):
        golden.compare(path)


def test_files_that_are_no_numbers_are_refused(tmp_path, arrays):
    path = tmp_path / "wrong.npz"
    np.savez(path, x=np.array([{"code": print}], dtype=object))
    pickled, whole = path.read_bytes(), FILE.read_bytes()
    np.save(tmp_path / "one.npy", np.zeros(3))
    one = (tmp_path / "one.npy").read_bytes()
    for data in (b"", b"text", pickled, one, whole[:1000], whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(InputError, match="is no .npz of numbers"):
            golden.compare(path)
    with pytest.raises(InputError, match="is no .npz of numbers"):
        golden.compare(tmp_path / "absent.npz")


def test_the_command_prints_and_fails_where_there_is_a_difference(tmp_path, arrays):
    result = tas("golden", FILE)
    assert result.exit_code == 0 and "case_b tracks [px]" in result.output
    assert "DIFFERS" not in result.output
    for value in (arrays["case_b/traj"][3, 2, 0] + 1e-3, np.nan):
        moved = arrays["case_b/traj"].copy()
        moved[3, 2, 0] = value
        np.savez(tmp_path / "moved.npz", **arrays | {"case_b/traj": moved})
        result = tas("golden", tmp_path / "moved.npz")
        assert result.exit_code == 1 and result.output.count("DIFFERS") == 1
    assert tas("golden", tmp_path / "absent.npz").exit_code == 2


def test_the_recipe_draws_each_weight_from_its_name():
    shapes = {
        "fnet.conv1.weight": (64, 3, 7, 7),
        "norm.weight": (2000,),
        "norm.bias": (2000,),
        "updateformer.input_transform.weight": (384, 456),
        "updateformer.flow_head.weight": (130, 384),
    }
    state = golden.recipe(shapes)
    again = golden.recipe(dict(reversed(shapes.items())))
    assert all(torch.equal(value, again[name]) for name, value in state.items())
    spread = {name: value.std().item() for name, value in state.items()}
    assert spread["fnet.conv1.weight"] == pytest.approx((2 / 147) ** 0.5, rel=0.03)
    assert state["norm.weight"].mean() == pytest.approx(1, abs=0.01)
    assert spread["norm.weight"] == pytest.approx(0.1, rel=0.05)
    assert spread["norm.bias"] == pytest.approx(0.05, rel=0.05)
    columns = state["updateformer.input_transform.weight"].std(0) * 456**0.5
    assert columns[2:130].mean() == pytest.approx(0.03, rel=0.03)
    assert columns[130:].mean() == pytest.approx(1, rel=0.03)
    rows = state["updateformer.flow_head.weight"].std(1) * 384**0.5
    assert rows[:2].mean() == pytest.approx(0.02, rel=0.15)
    first = np.random.RandomState(zlib.crc32(b"norm.bias")).standard_normal(1)
    assert state["norm.bias"][0] == pytest.approx(0.05 * first[0], rel=1e-6)


@pytest.mark.weekly
@pytest.mark.slow
def test_the_published_size_is_compared_by_the_recipe(tmp_path, arrays):
    """A file without weights; here of our own network's numbers, so that all differences are 0."""
    network = cotracker.CoTracker(official=True)
    state = golden.recipe({name: value.shape for name, value in network.state_dict().items()})
    network.load_state_dict(state)
    full = {k: v for k, v in arrays.items() if "/" in k and "/i" not in k and "embed" not in k}
    names = list(state)
    full |= {
        "meta_json": np.array(json.dumps({"iters": 4})),
        "weight_names": np.array(names),
        "weight_sums": np.array([state[name].double().sum() for name in names]),
    }
    for case in ("case_a", "case_b"):
        there = {k.removeprefix(f"{case}/"): v for k, v in full.items() if k.startswith(case)}
        full |= {f"{case}/{k}": v for k, v in own(network, there).items()}
    path = tmp_path / "full.npz"
    np.savez(path, **full)
    found = golden.compare(path)
    assert {n: gap for n, (gap, limit) in found.items() if not gap <= limit} == {}
    assert max(gap for n, (gap, _) in found.items() if "gradients" not in n) < 1e-5
    full["weight_sums"] = full["weight_sums"] + 1e-3
    np.savez(path, **full)
    with pytest.raises(InputError, match="weight_sums: are not those of the recipe"):
        golden.compare(path)


def own(network, case):
    """What our network makes of a case, under the golden names."""
    video, order = torch.as_tensor(case["video"]) / 255, case["sort_inds"]
    queries = torch.as_tensor(case["queries"])[order]
    maps, count = network.encode(video), len(video)
    windows = network.slide(maps, torch.arange(count), queries[:, 0].long(), queries[:, 1:])
    tracks, logits = cotracker.join(windows, count)
    back = np.argsort(order)
    truth = [torch.as_tensor(case[f"loss/{k}"][:, order]) for k in ("gt_traj", "gt_vis", "valid")]
    path, seen = golden.published_losses(windows, truth[0], truth[1] > 0.5, truth[2])
    names = [name for name, _ in network.named_parameters()]
    gradients = torch.autograd.grad(path + 10 * seen, list(network.parameters()))
    out = {
        "traj": tracks[:, back],
        "vis": logits.sigmoid()[:, back],
        "feat_init": windows[-1].start.features,
        "loss/sequence_loss": path.double(),
        "loss/balanced_ce_loss": seen.double(),
        "loss/total": (path + 10 * seen).double(),
        "loss/grad_l2": torch.stack([g.double().norm() for g in gradients]),
    }
    for j, window in enumerate(windows):
        size = min(8, count - window.first)
        out[f"w{j}/coords_in"] = window.start.xy
        out[f"w{j}/coords_iters"] = window.path[:, :size]
        out[f"w{j}/vis"] = window.visibility[:size].sigmoid()
    return {k: v.detach().numpy() for k, v in out.items()} | {"loss/grad_names": np.array(names)}

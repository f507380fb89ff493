"""Is our CoTracker the published one? Compared with numbers that the original computed.

A golden file (.npz, no code) holds weights, or the recipe's sums, two cases with all that the
original network made of them, and the losses and gradients of a synthetic target.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tas_lib.errors import InputError
from tas_lib.trackers.cotracker import CoTracker, Sizes, Window, join, waves
from tas_lib.trackers.layers import correlation, pyramid
from tas_lib.trackers.losses import path_error, visibility_error

PATH, VISIBILITY, LOSS, GRADIENT = 2e-4, 2e-5, 1e-5, 2e-3  # tolerances; the first in pixels
STEP = 5e-5  # of what the encoder and single iterations make of given numbers, which are below 20
_STEP_ARRAYS = "coords_in", "ffeats_in", "fcorrs", "tokens", "delta"
FLOOR = 1e-4  # of the largest gradient: smaller ones are compared with this


def compare(path: str | Path) -> dict[str, tuple[float, float]]:
    """Largest difference and its tolerance, by case and quantity. Raises InputError."""
    arrays = _read(path)
    try:
        network, detailed = _network(path, arrays)
        if len(arrays["case_a/w0/coords_iters"]) != network.sizes.iterations:
            raise ValueError("iters are not those of the numbers")
        out: dict[str, tuple[float, float]] = {}
        for case in ("case_a", "case_b"):
            there = f"{case}/"
            one = {k.removeprefix(there): v for k, v in arrays.items() if k.startswith(there)}
            found = _compare(network, one, detailed and case == "case_a")
            out |= {f"{case} {name}": pair for name, pair in found.items()}
        return out
    except InputError as error:
        raise InputError(path, error.field, error.problem, error.remedy) from error
    except Exception as error:
        problem = f"lacks something or has it in another shape ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, "give a golden file of CoTracker 1") from error


def _read(path: str | Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:
        problem = f"is no .npz of numbers ({type(error).__name__})"
        raise InputError(path, "file", problem, "give a golden file of CoTracker 1") from error


def _network(path: str | Path, arrays: dict[str, np.ndarray]) -> tuple[CoTracker, bool]:
    """The network with the file's weights, and whether the file shows single iterations."""
    meta = json.loads(str(arrays["meta_json"]))
    if "weight_names" in arrays:
        network = CoTracker(Sizes(iterations=meta["iters"]), official=True)
        state = recipe({name: value.shape for name, value in network.state_dict().items()})
        sums = [state[name].double().sum().item() for name in arrays["weight_names"].tolist()]
        if not np.allclose(sums, arrays["weight_sums"], rtol=1e-9, atol=1e-6):
            problem, remedy = "are not those of the recipe", "make the file anew"
            raise InputError(path, "weight_sums", problem, remedy)
    else:
        names = {k: v for k, v in arrays.items() if "/" not in k and k != "meta_json"}
        state = {k: torch.as_tensor(v).float() for k, v in names.items()}
        network = CoTracker(_sizes(state, meta), official=True)
    network.load_state_dict(state)
    return network, "weight_names" not in arrays


def _sizes(state: dict[str, Tensor], meta: dict) -> Sizes:
    """Sizes from the shapes of weights and from the original's arguments."""
    stem, in_channels = state["fnet.conv1.weight"].shape[:2]
    given = meta["constructor"]
    sizes: list[Any] = [
        in_channels,
        stem,
        tuple(len(state[f"fnet.layer{k}.0.conv1.bias"]) for k in (1, 2, 3, 4)),
        *(len(state[f"fnet.conv{k}.bias"]) for k in (2, 3)),
        len(state["updateformer.input_transform.bias"]),
        *(given[k] for k in ("num_heads", "time_depth", "space_depth", "stride", "S")),
        meta["corr_levels"],
        meta["corr_radius"],
        meta["iters"],
    ]
    return Sizes(*sizes)


def recipe(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights by name for golden files that do not hold them, each drawn from its name's hash."""
    state = {}
    for name, shape in shapes.items():
        r = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
        if len(shape) > 1:
            r *= np.sqrt((2 if name.startswith("fnet") else 1) / np.prod(shape[1:]))
        elif name == "norm.weight":
            r = 1 + 0.1 * r
        else:
            r *= 0.05
        state[name] = torch.as_tensor(r)
    state["updateformer.input_transform.weight"][:, 2:130] *= 0.03  # else too chaotic to compare
    state["updateformer.flow_head.weight"][:2] *= 0.02
    return {name: value.float() for name, value in state.items()}


class _Gaps(dict):
    """Largest difference found so far and its tolerance, by quantity."""

    def add(
        self, name: str, found: Tensor, golden: Tensor, tolerance: float, unit: float | Tensor = 1
    ) -> None:
        if found.shape != golden.shape:
            raise ValueError(f"{name}: {tuple(golden.shape)} in place of {tuple(found.shape)}")
        gap = ((found.detach() - golden).abs() / unit).nan_to_num(nan=torch.inf).max().item()
        self[name] = max(gap, self.get(name, (0.0,))[0]), tolerance


def _compare(network: CoTracker, arrays: dict[str, np.ndarray], detailed: bool) -> _Gaps:
    """One case: its film, its windows, its losses."""
    golden = {k: torch.as_tensor(v) for k, v in arrays.items() if v.dtype.kind != "U"}
    video, order = golden["video"] / 255, golden["sort_inds"]
    queries, maps = golden["queries"][order], network.encode(video)
    windows = network.slide(maps, torch.arange(len(video)), queries[:, 0].long(), queries[:, 1:])
    tracks, logits = join(windows, len(video))

    gaps = _Gaps()
    gaps.add("tracks [px]", tracks, golden["traj"][:, order], PATH)
    gaps.add("visibility", logits.sigmoid(), golden["vis"][:, order], VISIBILITY)
    gaps.add("features of points", windows[-1].start.features, golden["feat_init"], STEP)
    counts = torch.tensor([window.visibility.shape[1] for window in windows])
    gaps.add("points in windows", counts, golden["window_num_points"], 0)
    for j, (first, start, path, visibility) in enumerate(windows):
        size, there = min(len(visibility), len(video) - first), f"w{j}/"
        start_px = network.sizes.stride * golden[there + "coords_in"]
        gaps.add("starts [px]", network.sizes.stride * start.xy, start_px, PATH)
        gaps.add("iterations [px]", path[:, :size], golden[there + "coords_iters"], PATH)
        gaps.add("visibility", visibility[:size].sigmoid(), golden[there + "vis"], VISIBILITY)
    if detailed:
        _add_steps(gaps, network, golden, maps, windows)
    _add_training(gaps, network, golden, windows, arrays["loss/grad_names"].tolist())
    return gaps


def _add_steps(
    gaps: _Gaps, network: CoTracker, golden: dict[str, Tensor], maps: Tensor, windows: list
) -> None:
    """The encoder, the embeddings, and single iterations given their inputs."""
    size = maps.shape[-2:]
    gaps.add("features of frame 0", maps[0], golden["fmap_frame0"], STEP)
    time = waves(network.sizes.window, network.sizes.token).float()
    gaps.add("embeddings", time, golden["time_embed"], STEP)
    for j, i in ((0, 1), (1, 0)):
        first, start = windows[j].first, windows[j].start._replace(xy=golden[f"w{j}/coords_in"])
        step = {k: golden[f"w{j}/i{i}/{k}"] for k in _STEP_ARRAYS}
        frames = torch.arange(first, first + len(start.xy)).clamp(max=len(maps) - 1)
        levels = pyramid(maps[frames], network.sizes.levels)
        xy, features = step["coords_in"], step["ffeats_in"]
        near = correlation(levels, xy, features, network.sizes.radius)
        tokens = network.tokens(levels, xy, features, None, network.context(start, size))
        update = network.updateformer(tokens)
        position = network.position(start.xy[0], size)
        gaps.add("embeddings", position, golden[f"w{j}/pos_embed"], STEP)
        gaps.add("correlations", near, step["fcorrs"], STEP)
        gaps.add("tokens", tokens.transpose(0, 1), step["tokens"], STEP)
        gaps.add("updates", update.transpose(0, 1), step["delta"], STEP)


def _add_training(
    gaps: _Gaps, network: CoTracker, golden: dict[str, Tensor], windows: list, names: list
) -> None:
    """Both losses, and the length of the gradient of every weight, relative to the golden ones."""
    order = golden["sort_inds"]
    truth = [golden[f"loss/{k}"][:, order] for k in ("gt_traj", "gt_vis", "valid")]
    path, visibility = published_losses(windows, truth[0], truth[1] > 0.5, truth[2])
    total = path + 10 * visibility
    of = {"sequence_loss": path, "balanced_ce_loss": visibility, "total": total}
    for name, loss in of.items():
        value = golden[f"loss/{name}"]
        gaps.add("losses, relative", loss.double(), value, LOSS, value)
    weights = dict(network.named_parameters())
    gradients = torch.autograd.grad(total, [weights[name] for name in names])
    lengths, value = torch.stack([g.double().norm() for g in gradients]), golden["loss/grad_l2"]
    least = FLOOR * value.max()
    gaps.add("gradients, relative", lengths, value, GRADIENT, value.clamp(min=least))


def published_losses(
    windows: list[Window], tracks: Tensor, seen: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """CoTracker's two losses of a film with T frames; training uses the first + 10 x the second.

    tracks (T, N, 2) [px]; seen (T, N) bool; valid (T, N) 0 or 1; points in the windows' order. Each
    window's errors, which are means already, are divided by its number of points and summed; the
    visibility's score is a probability in place of a logit.
    """
    path, visibility = torch.zeros(()), torch.zeros(())
    for first, _, found, logits in windows:
        n = logits.shape[1]
        span = slice(first, min(first + len(logits), len(tracks)))
        there, size = valid[span, :n], span.stop - first
        path = path + path_error(found[:, :size], tracks[span, :n], there) / n
        score = logits[:size].sigmoid()
        visibility = visibility + visibility_error(score, seen[span, :n], there) / n
    return path, visibility

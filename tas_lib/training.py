"""One loop that trains every network: one cycle of the learning rate, validation by MTE.

    theta <- step(theta, grad loss(samples)),   samples = draw(sequences, generator of [seed, step])

A step sees one example, or a batch that goes through the network at once. The paper's steps are
AdamW's, with the cycle, its rate, batches of one and 200,000 of them from published weights
(section IV-C). Ours start from nothing: Muon (Jordan et al. 2024, as PyTorch has it) moves
matrices, AdamW the rest, each small network at the best of two or three rates. Warm-up, weight
decay and clipping are CoTracker's, and the weights that are kept have the least trajectory error,
where the paper's have the least loss. What a step does depends on seed and step alone: on the CPU,
with as many threads, a run that was killed goes on from its last checkpoint to the same bits. A
folder holds `last.safetensors` (weights, moments and step), `best.safetensors` (the weights with
the least validation error) and `log.csv`.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Sequence as Many
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from multiprocessing import current_process
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from tas_lib import ranks
from tas_lib.errors import InputError
from tas_lib.locks import hold
from tas_lib.provenance import facts
from tas_lib.recording import replacing
from tas_lib.samples import Clip, Sequence, batch, draw
from tas_lib.trackers import weights
from tas_lib.trackers.tracker import Sample

WARM_UP = 0.05  # share of the steps
FIRST_RATE, LAST_RATE = 0.04, 1e-4  # of the highest
MATRIX = 16  # rows and columns at least, of what Muon moves
LOG_EVERY = 20
CHECKPOINT_EVERY = 300  # seconds, or at a validation, whichever comes first
DRAWING = {"cpu": 0, "cuda": 3}  # processes that draw examples while a step is made, if any may
COLUMNS = "step", "loss", "rate", "validation_mte_mm", "seconds"


@dataclass(frozen=True)
class Budget:
    """How long, on what and how fast."""

    steps: int = 200_000
    clip: Clip = Clip()
    rate: float | None = 5e-4  # highest learning rate; None: the network's own
    muon: bool = False  # moves matrices; else AdamW does
    matching: int = 0  # first steps, in which encoders alone learn: see `losses`
    weight_decay: float = 1e-5
    clip_norm: float = 10.0  # of the gradient
    validate_every: int = 2_000
    validation: int = 40  # sequences
    batch: int = 1  # examples a step


PROFILES = {
    "smoke": Budget(20, Clip(8, 40, 5), None, True, validate_every=10, validation=1),
    "laptop": Budget(
        6_000, Clip(10, 72, 5), None, True, 1_000, clip_norm=1.0, validate_every=500, validation=6
    ),
    "paper": Budget(),
}


def rate(step: int, budget: Budget) -> float:
    """The learning rate: up in a straight line over WARM_UP of the steps, then down to the end."""
    share = step / budget.steps
    if share < WARM_UP:
        return budget.rate * (FIRST_RATE + (1 - FIRST_RATE) * share / WARM_UP)
    return budget.rate * (1 - (1 - LAST_RATE) * (share - WARM_UP) / (1 - WARM_UP))


def train(
    network: torch.nn.Module,
    training: Many[Sequence],
    validation: Many[Sequence],
    folder: str | Path,
    budget: Budget,
    seed: int = 0,
    *,
    about: dict[str, Any] | None = None,
    progress: bool = True,
) -> float:
    """Train `network` (weights drawn by the caller) in `folder` -> least validation error [mm].

    A folder with the checkpoint of an equal run is gone on with. `about`, as JSON takes it, says
    what else makes the run (the data, say) and goes into the weights' card. Helpers of `torchrun`,
    which judge nothing, return infinity. Raises InputError where the folder holds another run, or a
    loss or error is no number.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    first = ranks.rank() == 0
    if first:
        hold(folder)
    budget = replace(budget, rate=budget.rate or network.rate)
    device = next(network.parameters()).device
    optimisers = _optimisers(network, budget)
    run = _identity(network, budget, seed, about or {})
    step, best, spent = _resume(folder, network, optimisers, run)
    losses, started, kept = [], time.perf_counter() - spent, time.perf_counter()
    log = folder / "log.csv" if first else Path(os.devnull)
    with tqdm(total=budget.steps, initial=step, disable=not (progress and first)) as bar:
        if not step:
            _add_row(log, COLUMNS)
        examples = DataLoader(
            _Examples(training, budget, seed, network.start == "es"),
            batch_size=None,
            sampler=range(step, budget.steps),
            num_workers=0 if current_process().daemon else DRAWING[device.type],
        )
        for chance, sample in examples:
            torch.manual_seed(chance)
            now = rate(step, budget)
            for group in (group for optimiser in optimisers for group in optimiser.param_groups):
                group["lr"] = now
            of = network.matching if step < budget.matching else network.loss
            loss = _step(network, of, optimisers, sample, budget, device)
            losses.append(loss)
            step, error, late = step + 1, None, False
            if first and (step % budget.validate_every == 0 or step == budget.steps):
                error = validate(network, validation)
            if not (np.isfinite(loss) and (error is None or np.isfinite(error))):
                problem = f"is {loss} at step {step}, the validation error {error}"
                remedy = "lower the learning rate, or look for bad values in the data"
                raise InputError(folder, "loss", problem, remedy)
            if error is not None:
                if error < best:
                    best = error
                    card = run | facts(device.type) | {"step": step, "validation_mte_mm": error}
                    card["minutes"] = (time.perf_counter() - started) / 60
                    weights.save(network, folder / "best.safetensors", card)
            if step % LOG_EVERY == 0 or error is not None:
                spent = time.perf_counter() - started
                loss, shown = np.mean(losses), "" if error is None else f"{error:.4f}"
                _add_row(log, [step, f"{loss:.5f}", f"{now:.3e}", shown, f"{spent:.0f}"])
                bar.set_postfix(loss=f"{loss:.3f}", best=f"{best:.2f} mm")
                losses.clear()
                late = first and time.perf_counter() - kept > CHECKPOINT_EVERY
            if error is not None or late:
                state = {"step": step, "best": best, "seconds": spent, "run": run}
                _checkpoint(folder, network, optimisers, state)
                kept = time.perf_counter()
            bar.update()
    return best


def _identity(
    network: torch.nn.Module, budget: Budget, seed: int, about: dict[str, Any]
) -> dict[str, Any]:
    run = {"budget": asdict(budget), "seed": seed, "network": weights.describe(network)}
    return run | {"threads": torch.get_num_threads(), "ranks": ranks.size(), **about}


def finished(
    network: torch.nn.Module, folder: str | Path, budget: Budget, seed: int, about: dict[str, Any]
) -> float | None:
    """What `train` returned of a run that has come to its end, else None.

    Raises InputError where the folder holds another one.
    """
    path = Path(folder) / "last.safetensors"
    if not path.exists():
        return None
    budget = replace(budget, rate=budget.rate or network.rate)
    state = _state(path, _identity(network, budget, seed, about))[0]
    if state["step"] < budget.steps:
        return None
    return float("inf") if ranks.rank() else state["best"]


def _optimisers(network: torch.nn.Module, budget: Budget) -> list[torch.optim.Optimizer]:
    muon, adamw = [], []
    for p in network.parameters():
        matrix = budget.muon and p.ndim == 2 and min(p.shape) >= MATRIX
        (muon if matrix else adamw).append(p)
    usual = {"lr": budget.rate, "weight_decay": budget.weight_decay}
    optimisers = [torch.optim.AdamW(adamw, eps=1e-8, **usual)]
    if muon:  # with steps as long as AdamW's, so that one rate serves both
        optimisers.append(torch.optim.Muon(muon, adjust_lr_fn="match_rms_adamw", **usual))
    return optimisers


class _Examples(Dataset):
    """Of each step: a seed for what the network itself draws, and its example or batch of them."""

    def __init__(self, training: Many[Sequence], budget: Budget, seed: int, any_start: bool):
        self.training, self.budget, self.any_start = training, budget, any_start
        self.seed, self.rank = seed, [ranks.rank()] * (ranks.size() > 1)

    def __len__(self):
        return self.budget.steps

    def __getitem__(self, step: int) -> tuple[int, Sample]:
        rng = np.random.default_rng([self.seed, step, *self.rank])
        chance, size, clip = int(rng.integers(2**62)), self.budget.batch, self.budget.clip
        chosen = [self.training[int(rng.integers(len(self.training)))] for _ in range(size)]
        if size == 1:
            return chance, draw(*chosen, clip, rng, any_start=self.any_start)
        return chance, batch(chosen, clip, rng, any_start=self.any_start)


def _step(network, of, optimisers, sample: Sample, budget: Budget, device) -> float:
    """One step of the optimisers -> loss of its examples."""
    network.train()
    network.zero_grad(set_to_none=True)
    sample = Sample(*(v.to(device) if isinstance(v, Tensor) else v for v in sample))
    if budget.batch == 1:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = of(sample)
        loss.backward()
    elif device.type == "cpu":
        loss = _by_turns(of, sample)
    else:
        loss = _at_once(of, sample)
        loss.backward()
    ranks.average_gradients(network)
    torch.nn.utils.clip_grad_norm_(network.parameters(), budget.clip_norm)
    for optimiser in optimisers:
        optimiser.step()
    return loss.item()


def _by_turns(of, samples: Sample) -> Tensor:
    """Mean loss of a batch; its gradients are added up example by example.

    A core is full with one: this takes three quarters of the time of `_at_once`, and less memory.
    """
    axes = [v if isinstance(v, Tensor) else repeat(v) for v in samples]
    total = torch.zeros(())
    for one in zip(*axes, strict=False):
        loss = of(Sample(*one)) / len(samples.video)
        loss.backward()
        total += loss.detach()
    return total


def _at_once(of, samples: Sample) -> Tensor:
    """Mean loss of a batch, all of whose examples go through the network at once.

    In single precision, and with attention of plain products: what is fused, or of mixed precision,
    fails or is slow where there is one axis more.
    """
    axes = Sample(*(0 if isinstance(v, Tensor) else None for v in samples))
    with sdpa_kernel(SDPBackend.MATH):
        return torch.vmap(of, (axes,), randomness="different")(samples).mean()


@torch.inference_mode()
def validate(network: torch.nn.Module, sequences: Many[Sequence]) -> float:
    """Mean trajectory error [mm] over all frames and points of whole sequences."""
    network.eval()
    device, errors = next(network.parameters()).device, []
    for seq in sequences:
        video = torch.from_numpy(seq.video).to(device).float() / 255
        tracks = torch.from_numpy(seq.tracks).to(device)
        frame = seq.es if network.start == "es" else 0
        found = network(video, tracks[frame], frame, seq.grid.to(device)).points
        errors.append(1e3 * seq.pixel * (found - tracks).norm(dim=-1).mean().item())
    return float(np.mean(errors))


def _checkpoint(folder: Path, network, optimisers, state: dict[str, Any]) -> None:
    tensors = {f"weights.{name}": value for name, value in network.state_dict().items()}
    for name, moments in _moments(network, optimisers).items():
        tensors |= {f"{key}.{name}": torch.as_tensor(value) for key, value in moments.items()}
    weights.write(tensors, folder / "last.safetensors", {"state": json.dumps(state)})


def _moments(network, optimisers) -> dict[str, dict[str, Any]]:
    """What the optimisers remember of each parameter; may be filled."""
    of = {p: o.state for o in optimisers for group in o.param_groups for p in group["params"]}
    return {name: of[p][p] for name, p in network.named_parameters()}


def _resume(folder: Path, network, optimisers, run: dict[str, Any]) -> tuple[int, float, float]:
    """Step, least error and seconds so far; weights and moments are put back."""
    path = folder / "last.safetensors"
    if not path.exists():
        if not ranks.rank():
            (folder / "log.csv").unlink(missing_ok=True)
        return 0, float("inf"), 0.0
    state, tensors = _state(path, run)
    named, moments = dict(network.named_parameters()), _moments(network, optimisers)
    try:
        network.load_state_dict({n[8:]: v for n, v in tensors.items() if n.startswith("weights.")})
        for name, moment in tensors.items():
            key, _, parameter = name.partition(".")
            if key != "weights":
                value = moment if key == "step" else moment.to(named[parameter].device)
                moments[parameter][key] = value
    except (KeyError, RuntimeError) as error:
        problem = f"does not fit the network ({error})"
        raise InputError(path, "file", problem, "delete it to start anew") from error
    if ranks.rank():
        return state["step"], float("inf"), state["seconds"]
    kept = _rows(folder / "log.csv", state["step"])
    with replacing(folder / "log.csv") as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *kept])
    return state["step"], state["best"], state["seconds"]


def _state(path: Path, run: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A checkpoint's state and tensors. Raises InputError where it is broken, or of another run."""
    try:
        with safe_open(path, "pt") as file:
            state = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        before, step = state["run"], state["step"]
        kinds = {"run": dict, "step": int, "best": float, "seconds": float}
        if not all(isinstance(state[key], kind) for key, kind in kinds.items()):
            raise TypeError("its state has values of other types")
    except weights.BROKEN as error:
        problem = f"is no checkpoint ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, "delete it to start anew") from error
    run = json.loads(json.dumps(run))
    free = {"command"} | ({"threads"} if step == run["budget"]["steps"] else set())
    keys = sorted((run.keys() | before.keys()) - free)
    other = [key for key in keys if run.get(key) != before.get(key)]
    if other:
        problem = f"is of another run ({', '.join(other)} differ)"
        raise InputError(path, "file", problem, "name another folder")
    return state, tensors


def _add_row(path: Path, row: Many[Any]) -> None:
    try:
        with path.open("a", newline="") as file:
            csv.writer(file).writerow(row)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise InputError(
            path, "file", problem, "free some room or choose another folder"
        ) from error


def _rows(path: Path, last: int) -> list[list[str]]:
    """What a log holds up to the step `last`. Raises InputError."""
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row and row[0] != COLUMNS[0]]
        return [row for row in rows if int(row[0]) <= last and len(row) == len(COLUMNS)]
    except (OSError, ValueError, csv.Error) as error:
        problem = f"is no log of this program ({error})"
        raise InputError(path, "file", problem, "delete it, the run goes on without") from error


def profile(name: str, **changes: Any) -> Budget:
    """A named budget, with what is not None in `changes` in its place. Raises InputError."""
    if name not in PROFILES:
        problem = f"{name!r} is unknown"
        raise InputError("train", "profile", problem, f"choose one of {', '.join(PROFILES)}")
    return replace(PROFILES[name], **{k: v for k, v in changes.items() if v is not None})

"""One loop that trains every network: one cycle of the learning rate, validation by MTE.

    theta <- step(theta, grad loss(samples)),   samples = draw(sequences, generator of [seed, step])

A step sees one example, or a batch that goes through the network at once. The paper's steps are
AdamW's, with the cycle, its rate, batches of one and 200,000 of them from published weights
(section IV-C). Ours start from nothing: Muon (Jordan et al. 2024, as PyTorch has it) moves
matrices, AdamW the rest, each small network at the best of two or three rates. Warm-up, weight
decay and, but for the profile `laptop`, clipping are CoTracker's. The weights that are kept have
the least trajectory error, where the paper's have the least loss. What a step does depends on seed
and step alone: on the CPU, with as many threads, a run that was killed goes on from its last
checkpoint to the same bits. A folder holds `last.safetensors` (weights, moments and step),
`best.safetensors` (the weights with the least validation error) and `log.csv`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from multiprocessing import current_process
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from tas_lib import checkpoints, ranks
from tas_lib.errors import InputError, check_choice
from tas_lib.locks import hold
from tas_lib.provenance import commit, facts
from tas_lib.samples import Clip, Sequence, batch, draw
from tas_lib.trackers import weights
from tas_lib.trackers.tracker import Network, Sample

Loss = Callable[[Sample], Tensor]
WARM_UP = 0.05  # share of the steps
FIRST_RATE, LAST_RATE = 0.04, 1e-4  # of the highest
MATRIX = 16  # rows and columns at least, of what Muon moves
LOG_EVERY = 20
CHECKPOINT_EVERY = 300  # seconds, or at a validation, whichever comes first
DRAWING = {"cpu": 0, "cuda": 3}  # processes that draw examples while a step is made, if any may


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
    assert budget.rate is not None  # `train` has put the network's own in its place
    if share < WARM_UP:
        return budget.rate * (FIRST_RATE + (1 - FIRST_RATE) * share / WARM_UP)
    return budget.rate * (1 - (1 - LAST_RATE) * (share - WARM_UP) / (1 - WARM_UP))


def train(
    network: Network,
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

    An equal run whose checkpoint is in the folder is continued. `about`, as JSON takes it, says
    what else makes the run (the data, say) and goes into the weights' card. Ranks other than 0 of
    `torchrun` do not validate, and return infinity. Raises InputError where the folder holds
    another run, or a loss or error is no number.
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
    notes = _Notes(folder, network, optimisers, run)
    examples = DataLoader(
        _Examples(training, budget, seed, network.start == "es"),
        batch_size=None,
        sampler=range(notes.step, budget.steps),
        num_workers=0 if current_process().daemon else DRAWING[device.type],
    )
    shown = tqdm(total=budget.steps, initial=notes.step, disable=not (progress and first))
    with shown as bar:
        for step, (chance, sample) in enumerate(examples, notes.step + 1):
            torch.manual_seed(chance)
            now = rate(step - 1, budget)
            for group in (group for optimiser in optimisers for group in optimiser.param_groups):
                group["lr"] = now
            of = network.matching if step <= budget.matching else network.loss
            loss = _step(network, of, optimisers, sample, budget, device)
            judged = first and (step % budget.validate_every == 0 or step == budget.steps)
            notes.add(step, loss, now, validate(network, validation) if judged else None)
            bar.set_postfix(loss=f"{loss:.3f}", best=f"{notes.best:.2f} mm", refresh=False)
            bar.update()
    return notes.best


class _Notes:
    """What a run writes into its folder: log, checkpoints, and the weights that err least.

    Helpers of `torchrun` write nothing.
    """

    def __init__(
        self, folder: Path, network: Network, optimisers: list[Optimizer], run: dict[str, Any]
    ):
        self.folder, self.run = folder, run
        self.network, self.optimisers = network, optimisers
        self.step, self.best, spent, before = checkpoints.resume(folder, network, optimisers, run)
        self.commits = list(dict.fromkeys([*before, commit()]))
        self.started, self.kept = time.perf_counter() - spent, time.perf_counter()
        self.losses = list[float]()
        self.writes = ranks.rank() == 0
        if self.writes and not self.step:
            checkpoints.add_row(folder / "log.csv", checkpoints.COLUMNS)

    def add(self, step: int, loss: float, rate: float, error: float | None) -> None:
        """A step's loss and rate, and its validation error [mm] if it was judged."""
        if not (np.isfinite(loss) and (error is None or np.isfinite(error))):
            problem = f"is {loss} at step {step}, the validation error {error}"
            remedy = "lower the learning rate, or look for bad values in the data"
            raise InputError(self.folder, "loss", problem, remedy)
        self.step = step
        self.losses.append(loss)
        if not self.writes:
            return
        if error is not None and error < self.best:
            self.best = error
            device = next(self.network.parameters()).device.type
            card = self.run | facts(device) | {"step": step, "validation_mte_mm": error}
            card |= {"commit": ", ".join(self.commits), "minutes": self._seconds() / 60}
            weights.save(self.network, self.folder / "best.safetensors", card)
        if step % LOG_EVERY and error is None:
            return
        judged = "" if error is None else f"{error:.4f}"
        mean, seconds = np.mean(self.losses), self._seconds()
        row = [step, f"{mean:.5f}", f"{rate:.3e}", judged, f"{seconds:.0f}"]
        checkpoints.add_row(self.folder / "log.csv", row)
        self.losses.clear()
        if error is not None or time.perf_counter() - self.kept > CHECKPOINT_EVERY:
            state = {"step": step, "best": self.best, "seconds": seconds, "run": self.run}
            state["commits"] = self.commits
            checkpoints.save(self.folder, self.network, self.optimisers, state)
            self.kept = time.perf_counter()

    def _seconds(self) -> float:
        return time.perf_counter() - self.started


def _identity(network: Network, budget: Budget, seed: int, about: dict[str, Any]) -> dict[str, Any]:
    run = {"budget": asdict(budget), "seed": seed, "network": weights.describe(network)}
    return run | {"threads": torch.get_num_threads(), "ranks": ranks.size(), **about}


def finished(
    network: Network, folder: str | Path, budget: Budget, seed: int, about: dict[str, Any]
) -> float | None:
    """What `train` returned of a run that has come to its end, else None.

    Raises InputError where the folder holds another one.
    """
    path = Path(folder) / "last.safetensors"
    if not path.exists():
        return None
    budget = replace(budget, rate=budget.rate or network.rate)
    state = checkpoints.read(path, _identity(network, budget, seed, about))[0]
    if state["step"] < budget.steps:
        return None
    return float("inf") if ranks.rank() else state["best"]


def _optimisers(network: Network, budget: Budget) -> list[Optimizer]:
    muon, adamw = list[Parameter](), list[Parameter]()
    for p in network.parameters():
        matrix = budget.muon and p.ndim == 2 and min(p.shape) >= MATRIX
        (muon if matrix else adamw).append(p)
    usual: Any = {"lr": budget.rate, "weight_decay": budget.weight_decay}
    optimisers: list[Optimizer] = [torch.optim.AdamW(adamw, eps=1e-8, **usual)]
    if muon:  # with steps as long as AdamW's, so that one rate serves both
        optimisers.append(torch.optim.Muon(muon, adjust_lr_fn="match_rms_adamw", **usual))
    return optimisers


class _Examples(Dataset):
    """Of each step: a seed for what the network itself draws, and its example or batch of them."""

    def __init__(self, training: Many[Sequence], budget: Budget, seed: int, any_start: bool):
        self.training, self.budget, self.any_start = training, budget, any_start
        self.seed, self.rank = seed, [ranks.rank()] * (ranks.size() > 1)

    def __len__(self) -> int:
        return self.budget.steps

    def __getitem__(self, step: int) -> tuple[int, Sample]:
        rng = np.random.default_rng([self.seed, step, *self.rank])
        chance, size, clip = int(rng.integers(2**62)), self.budget.batch, self.budget.clip
        chosen = [self.training[int(rng.integers(len(self.training)))] for _ in range(size)]
        if size == 1:
            return chance, draw(chosen[0], clip, rng, any_start=self.any_start)
        return chance, batch(chosen, clip, rng, any_start=self.any_start)


def _step(
    network: Network,
    of: Loss,
    optimisers: list[Optimizer],
    sample: Sample,
    budget: Budget,
    device: torch.device,
) -> float:
    """One step of the optimisers -> loss of its examples."""
    network.train()
    network.zero_grad(set_to_none=True)
    sample = Sample._make(v.to(device) if isinstance(v, Tensor) else v for v in sample)
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


def _by_turns(of: Loss, samples: Sample) -> Tensor:
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


def _at_once(of: Loss, samples: Sample) -> Tensor:
    """Mean loss of a batch, all of whose examples go through the network at once.

    In single precision, and with attention of plain products: what is fused, or of mixed precision,
    fails or is slow where there is one axis more.
    """
    axes = Sample._make(0 if isinstance(v, Tensor) else None for v in samples)
    with sdpa_kernel(SDPBackend.MATH):
        return torch.vmap(of, (axes,), randomness="different")(samples).mean()


@torch.inference_mode()
def validate(network: Network, sequences: Many[Sequence]) -> float:
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


def profile(name: str, **changes: Any) -> Budget:
    """A named budget, with what is not None in `changes` in its place. Raises InputError."""
    check_choice("train", "profile", name, PROFILES)
    return replace(PROFILES[name], **{k: v for k, v in changes.items() if v is not None})

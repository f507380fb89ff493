"""What a training leaves in its folder so that it can go on: a checkpoint, and the log until then.

`last.safetensors` holds weights, the optimisers' moments and a state: step, least error, seconds,
the commits of the code that has made them, and what makes the run, by which another one is told
from it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.optim import Optimizer

from tas_lib import ranks
from tas_lib.errors import InputError, unwritable
from tas_lib.recording import replacing
from tas_lib.trackers.tracker import Network
from tas_lib.trackers.weights import write

COLUMNS = "step", "loss", "rate", "validation_mte_mm", "seconds"  # of log.csv


def save(
    folder: Path, network: Network, optimisers: list[Optimizer], state: dict[str, Any]
) -> None:
    """Keep weights, moments and `state`: step, best, seconds, commits, what makes the run."""
    tensors = {f"weights.{name}": value for name, value in network.state_dict().items()}
    for name, moments in _moments(network, optimisers).items():
        tensors |= {f"{key}.{name}": torch.as_tensor(value) for key, value in moments.items()}
    write(tensors, folder / "last.safetensors", {"state": json.dumps(state)})


def _moments(network: Network, optimisers: list[Optimizer]) -> dict[str, dict[str, Any]]:
    """What the optimisers remember of each parameter; may be filled."""
    of = {p: o.state for o in optimisers for group in o.param_groups for p in group["params"]}
    return {name: of[p][p] for name, p in network.named_parameters()}


def resume(
    folder: Path, network: Network, optimisers: list[Optimizer], run: dict[str, Any]
) -> tuple[int, float, float, list[str]]:
    """Step, least error, seconds and commits so far; weights and moments are put back."""
    path = folder / "last.safetensors"
    if not path.exists():
        if not ranks.rank():
            (folder / "log.csv").unlink(missing_ok=True)
        return 0, float("inf"), 0.0, []
    state, tensors = read(path, run)
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
        return state["step"], float("inf"), state["seconds"], state["commits"]
    kept = _rows(folder / "log.csv", state["step"])
    with replacing(folder / "log.csv") as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *kept])
    return state["step"], state["best"], state["seconds"], state["commits"]


def read(path: Path, run: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A checkpoint's state and tensors. Raises InputError where it is broken, or of another run."""
    try:
        with safe_open(path, "pt") as file:
            state = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        before, step = state["run"], state["step"]
        kinds = {"run": dict, "step": int, "best": float, "seconds": float, "commits": list}
        if not all(isinstance(state[key], kind) for key, kind in kinds.items()):
            raise TypeError("its state has values of other types")
    except MemoryError:  # of this machine, now: the checkpoint is whole
        raise
    except Exception as error:
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


def left(folder: Path) -> int:
    """Steps left to the run in a folder, by its checkpoint; 0 without one. Raises InputError."""
    path = folder / "last.safetensors"
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            state = json.loads(file.metadata()["state"])
        return state["run"]["budget"]["steps"] - state["step"]
    except MemoryError:
        raise
    except Exception as error:
        problem = f"is no checkpoint ({type(error).__name__}: {error})"
        raise InputError(path, "file", problem, "delete it") from error


def add_row(path: Path, row: Sequence[object]) -> None:
    """Write a line of the log. Raises InputError."""
    try:
        with path.open("a", newline="") as file:
            csv.writer(file).writerow(row)
    except OSError as error:
        raise unwritable(path, error) from error


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

"""A tracker learns from a data set: which sequences it sees, which judge it, where it runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from tas_lib import ranks
from tas_lib.collection import digest, whole_manifest_of
from tas_lib.errors import InputError
from tas_lib.parallel import check_device
from tas_lib.samples import Sequence, load
from tas_lib.trackers.registry import PIXEL, network
from tas_lib.trackers.weights import begin_from, card
from tas_lib.training import Budget, finished, train

REMEDY = "make them with `tas dataset`"
FOLD = 10  # every tenth patient judges
ROOM = 8e-3  # of the picture around all that the mesh ever covers [m]


def learn(
    tracker: str,
    data: str | Path,
    folder: str | Path,
    budget: Budget,
    preset: str = "small",
    seed: int = 0,
    device: str = "cpu",
    init: str | Path | None = None,
    *,
    command: str | None = None,
    progress: bool = True,
) -> float:
    """Train the network of a name and size on the collection in `data` -> validation MTE [mm].

    Initial weights, order and variation of the examples follow from `seed`; or the weights are at
    first those in the file `init`, see `weights.begin_from`, and the first steps, in which encoders
    alone learn, are left out. Under `torchrun` every process sees a batch of its own a step; one
    learns the error, others infinity. The weights' card tells the `command`, if there was one.
    Raises InputError.
    """
    check_device(device)
    torch.manual_seed(seed)
    net = network(tracker, preset)
    if init is not None:
        net, budget = begin_from(net, init), replace(budget, matching=0)
    if budget.steps <= budget.matching:
        problem = f"are {budget.steps}; in the first {budget.matching} encoders alone learn"
        remedy = "make more, or begin from weights (--init)"
        raise InputError("train", "steps", problem, remedy)
    learning, judging = split(data)
    few = np.linspace(0, len(judging) - 1, min(budget.validation, len(judging))).astype(int)
    about: dict[str, Any] = {
        "command": command,
        "tracker": tracker,
        "preset": preset,
        "pixel": PIXEL,
        "device": device,
    }
    about |= {"sequences": len(learning), "data": named(data), "patients": patients_in(data)}
    if init is not None:
        about["init"] = {"sha256": digest(Path(init)), **card(init)}
    with ranks.together(device) as place:
        best = finished(net, folder, budget, seed, about)
        if best is not None:
            return best
        seen, judges = (
            [
                load(path, PIXEL, ROOM)
                for path in tqdm(paths, "read", leave=False, disable=not progress)
            ]
            for paths in (learning, [judging[k] for k in few])
        )
        for seq in (*seen, *judges):
            _check(seq, net.least[1])
        net = net.to(place)
        return train(net, seen, judges, folder, budget, seed, about=about, progress=progress)


def _check(seq: Sequence, least: int) -> None:
    height, width = seq.video.shape[1:]
    if min(height, width) < least:
        problem = f"and {1e3 * ROOM:.0f} mm around it are {height} x {width} px"
        remedy = f"give larger walls: {least} a side are needed"
        raise InputError(seq.source, "mesh", problem, remedy)


def patients_in(data: str | Path) -> list[str]:
    """Who a collection is of, each once."""
    return sorted({str(entry["patient"]) for entry in _entries(Path(data))})


def _entries(data: Path) -> list[dict]:
    entries = whole_manifest_of(data, REMEDY)["recordings"]
    for entry in entries:
        if "patient" not in entry:
            remedy = "set the attribute `patient` of its template"
            raise InputError(data / entry["file"], "patient", "is not stated", remedy)
    return entries


def split(data: str | Path) -> tuple[list[Path], list[Path]]:
    """Paths of the collection's sequences to learn from, and of those that judge: by patient.

    Raises InputError, also where two may be one (`readers.ted.may_be_same`).
    """
    data = Path(data)
    entries = _entries(data)
    entries.sort(key=lambda entry: (str(entry["patient"]), entry["file"]))
    patients = [list(group) for _, group in groupby(entries, lambda entry: entry["patient"])]
    if len(patients) < 2:
        problem = f"holds {len(patients)} patient"
        raise InputError(data, "patients", problem, "make two or more: one is kept to judge")
    mixed = {str(group[0]["patient"]).partition(" ")[0] for group in patients} >= {"CAMUS", "TED"}
    if mixed:
        problem = "are of CAMUS and of TED without numbers: one person may be on both sides"
        raise InputError(data, "patients", problem, "put ted2camus.csv beside TED's patients")
    learning, judging = list[Path](), list[Path]()
    for k, group in enumerate(patients):
        (learning if k % FOLD else judging).extend(data / entry["file"] for entry in group)
    return learning, judging


def named(data: str | Path) -> dict:
    """What the card of weights says of the data: its manifest, of the recordings a hash."""
    manifest = whole_manifest_of(data, REMEDY)
    files = sorted((entry["file"], entry["sha256"]) for entry in manifest.pop("recordings"))
    return manifest | {"sha256": hashlib.sha256(json.dumps(files).encode()).hexdigest()}

"""Cohorts of virtual patients: the three of section IV-A.2, and two of our own.

SSHF and HUNT: every patient is filmed twice, by probes placed anew; HUNT-A: once, for two
observers; sizes, views and visits are the paper's. Infarcts are for their segments that don't move,
templates to be simulated again. Every patient, visit and recording has random numbers of its own,
so that a larger cohort contains the smaller one and a recording is the same whoever makes it.
Populations, poses and settings are our choice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from tas_lib import recording
from tas_lib.anatomy import VIEWS
from tas_lib.artefacts import Scanner
from tas_lib.clinic import Pose, image
from tas_lib.collection import Collection
from tas_lib.errors import InputError, check_choice
from tas_lib.heart import Heart
from tas_lib.patients import random_heart
from tas_lib.simulator import CLINICAL, operator_of
from tas_lib.tissue import Echogenicity
from tas_lib.visits import another_day, placed

TRUTH = "gls_of_heart", "gls", "gls_in_plane", "strain_of_heart", "strain", "strain_in_plane"


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Who is filmed, how often, and how many observers analyse one recording."""

    patients: int
    mix: dict[str, float]  # shares of `patients.PATHOLOGIES`
    visits: tuple[str, ...] = ("test", "retest")
    observers: int = 1
    views: tuple[str, ...] = tuple(VIEWS)


# Shares of disease: our choice, for peak GLS near the paper's -17.8 +- 3.2 % over all three.
GENERAL = {
    "healthy": 0.66,
    "hypertrophic": 0.12,
    "atrial fibrillation": 0.12,
    "infarct": 0.06,
    "dyssynchrony": 0.02,
    "dilated": 0.02,
}
CLINIC = {
    "healthy": 0.54,
    "hypertrophic": 0.14,
    "atrial fibrillation": 0.14,
    "infarct": 0.10,
    "dyssynchrony": 0.04,
    "dilated": 0.04,
}
COHORTS = {
    "sshf": Cohort(40, CLINIC),
    "hunt": Cohort(30, GENERAL),
    "hunt-a": Cohort(88, GENERAL, visits=("test",), observers=2),
    # Not the paper's: whose segments that don't move are to be found.
    "infarcts": Cohort(30, {"infarct": 1.0}, visits=("test",)),
    # Stands in for CAMUS: what simulations are made of. Others than those who are evaluated.
    "templates": Cohort(500, CLINIC, visits=("test",), views=("A4C", "A2C")),
}


@dataclasses.dataclass(frozen=True)
class Profile:
    """How much of a cohort is made."""

    patients: int | None  # None: all
    half: bool  # beats, from end-diastole to end-systole


PROFILES = {"smoke": Profile(2, True), "laptop": Profile(6, False), "paper": Profile(None, False)}


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """All that makes one recording, drawn."""

    who: str  # of all virtual patients: cohort, seed and number
    patient: int
    visit: str
    heart: Heart  # as it beats on that day
    pose: Pose
    scanner: Scanner
    tissue: Echogenicity
    seed: int
    observers: tuple[int, ...]  # a seed each, for `observers.observer`

    @property
    def file(self) -> str:
        return _file(self.patient, self.visit, self.pose.view)


def _file(patient: int, visit: str, view: str) -> str:
    return f"patient{patient:03d}-{visit}-{view}.nc"


def known(name: str) -> Cohort:
    """The cohort of that name. Raises InputError."""
    check_choice("cohort", "name", name, COHORTS)
    return COHORTS[name]


def files(name: str, patient: int) -> list[str]:
    """Names of all recordings of one patient."""
    cohort = known(name)
    return [_file(patient, *key) for key in product(cohort.visits, cohort.views)]


def cases(name: str, patient: int, seed: int = 0) -> Iterator[Case]:
    """All recordings of one patient (counted from 1), visit by visit and view by view."""
    cohort = known(name)

    def generator(*key: int) -> np.random.Generator:
        key = (*name.encode(), patient, *key)
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))

    rng = generator()
    pathology = str(rng.choice(list(cohort.mix), p=list(cohort.mix.values())))
    heart = random_heart(rng, pathology)
    tissue = Echogenicity(blood=rng.uniform(-35, -26), seed=int(rng.integers(2**31)))
    for v, visit in enumerate(cohort.visits):
        today = another_day(heart, generator(v))
        for k, view in enumerate(cohort.views):
            rng = generator(v, k)
            pose, scanner = placed(today, view, rng)
            own, *watch = (int(s) for s in rng.integers(2**31, size=1 + cohort.observers))
            who = f"{name} {seed}-{patient:03d}"
            yield Case(who, patient, visit, today, pose, scanner, tissue, own, tuple(watch))


def film(case: Case, half: bool = False, **shared: Any) -> xr.Dataset:
    """`clinic.image` of a case, with the truth of the heart itself, which no pose foreshortens:
    `gls_of_heart` (time,) and `strain_of_heart` (time, segment), see `Heart.segmental`.
    """
    ds = image(
        case.heart, case.pose, case.scanner, case.seed, tissue=case.tissue, half=half, **shared
    )
    view, time = case.pose.view, ds.time.values
    attrs = {"units": "1", "long_name": "mid-wall Lagrangian strain, in the view's ideal plane"}
    ds["gls_of_heart"] = ("time", case.heart.gls(view, time), attrs)
    ds["strain_of_heart"] = (("time", "segment"), case.heart.segmental(view, time), attrs)
    return ds.assign_attrs(patient=case.who, visit=case.visit, pathology=case.heart.pathology)


def make_cohort(
    name: str,
    folder: str | Path,
    n: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
    *,
    profile: str = "paper",
) -> dict[str, Any]:
    """Make the recordings of the first n patients in `folder`, a `Collection` -> its manifest.

    n: by default the profile's, else the paper's. A run that was cut short goes on, and a larger n
    adds patients. The manifest has parameters and versions and, for every recording, file, sha256,
    patient, visit, view, seeds, number of its entry in `made_with` and truth (`TRUTH` at
    end-systole, GLS at its peak as well; fractions), also of more than n patients where the folder
    holds them. workers: see `farm.each`; the same seed gives the same files with any number.
    Raises InputError:
    unknown name or profile, a folder that holds another cohort or cannot be written. Warns where
    other versions made a part of it.
    """
    cohort = known(name)
    check_choice("cohort", "profile", profile, PROFILES)
    n = next(k for k in (n, PROFILES[profile].patients, cohort.patients) if k is not None)
    if n < 1 or seed < 0:
        problem = f"are {n} and {seed}"
        raise InputError("cohort", "n, seed", problem, "give 1 or more patients and a seed from 0")
    half = PROFILES[profile].half
    identity = {
        "cohort": name,
        "seed": seed,
        "half_beats": half,
        "acquisition": CLINICAL.key,
        "mix": cohort.mix,
    }
    made, folder = Collection(folder, identity), Path(folder).resolve()
    absent = {}
    for patient in range(1, n + 1):
        absent[patient] = {file for file in files(name, patient) if not made.has(file)}
    missing = (
        case
        for patient, files in absent.items()
        if files
        for case in cases(name, patient, seed)
        if case.file in files
    )
    total = n * len(cohort.visits) * len(cohort.views)
    done = total - sum(map(len, absent.values()))
    make = partial(_make, folder=folder, half=half)
    bar = tqdm(total=total, initial=done, desc=name, unit="recording", disable=not progress)
    made.fill(make, missing, lambda case: case.file, bar, workers, strict=True)
    return made.manifest


def _make(case: Case, folder: Path, half: bool) -> dict[str, Any]:
    """Write a recording -> its entry in the manifest."""
    operator = operator_of(case.scanner.acquisition)
    ds = film(case, half, operator=operator, workers=1, progress=False)
    recording.save(ds, folder / case.file)
    return _about(case, ds)


def _about(case: Case, ds: xr.Dataset) -> dict[str, Any]:
    """What the manifest says of a recording."""
    es = ds.attrs["es_frame"]
    peak = {name: float(ds[name].min()) for name in TRUTH if name.startswith("gls")}
    return {
        "patient": case.who,
        "visit": case.visit,
        "view": case.pose.view,
        "pathology": case.heart.pathology,
        "seed": case.seed,
        "observers": list(case.observers),
        "frames": ds.sizes["time"],
        "frame_rate": case.scanner.frame_rate,
        "es_frame": es,
        "segments": ds.segment.values.tolist(),
        "truth": {name: ds[name].values[es].tolist() for name in TRUTH},
        "peak": peak,
    }

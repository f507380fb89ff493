"""Simulated sequences with known motion, made of template recordings: the data set D0 (III-B).

Every template becomes one sequence: same anatomy, grey levels and frame times, and the motion of
the template's mesh. Templates that are virtual patients are taken as the paper had its real ones:
their true motion is put aside, and masks give a coarse mesh (`segmentation`). Beside it the other
way to teach a tracker: the templates themselves, labelled by a tracker that needs no teacher.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection as Names
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from tas_lib import recording, strategies
from tas_lib.collection import Collection, digest
from tas_lib.errors import InputError, check_choice
from tas_lib.parallel import one_thread
from tas_lib.recording import MESH_DIMS
from tas_lib.scene import Choices, Scene, acquisition_for
from tas_lib.segmentation import coarse, seen
from tas_lib.simple_heart import simple_motion
from tas_lib.simulator import WIDE, Acquisition, operator_of
from tas_lib.speckle import correlation
from tas_lib.trackers.block_matching import SpeckleTracking
from tas_lib.trackers.tracker import track

FILMS = {  # strategy -> film of a scene
    "s1": strategies.s1,
    "s2": lambda scene: strategies.s2(scene, correlation(scene.template)),
    "s3": lambda scene: strategies.s3(scene, correlation(scene.template))[-1],
    "burman": lambda scene: strategies.s1(scene, 1.0),  # and the motion of `simple_heart`
}
LABELS = "labels"  # no simulation: `labelled`
MADE_OF = "template_sha256", "motion_sha256"  # what an entry of a manifest says of its sources
NEEDED = "bmode", "sector", "es_frame", "sector_half_angle", "sector_r_max"  # of a template


def acquisition(template: xr.Dataset) -> Acquisition:
    """WIDE where the template lies within it, so that many share one, else one of its own."""
    own = acquisition_for(template)
    fits = own.sector <= WIDE.sector + 1e-9 and own.r_max <= WIDE.r_max + 1e-9
    return WIDE if fits else own


def simulate(
    template: xr.Dataset,
    strategy: str,
    seed: int = 0,
    choices: Choices = Choices(),
    *,
    progress: bool = True,
) -> xr.Dataset:
    """One sequence of a template by strategy s1, s2, s3 or burman, with its `correlation`."""
    check_strategy(strategy, FILMS)
    if strategy == "burman":
        template = simple_motion(template, seed)
    operator = operator_of(acquisition(template))
    scene = Scene(template, seed, choices, operator=operator, progress=progress)
    film = FILMS[strategy](scene).assign_attrs(strategy=strategy.upper())
    return film if "correlation" in film else film.assign(correlation=correlation(film))


def labelled(template: xr.Dataset) -> xr.Dataset:
    """The template's own film, with the motion that open speckle tracking finds in it.

    From its mesh at end-systole. What the paper's networks learn that have EchoPac's labels of real
    clips (section V-D): the teacher's errors as well. Raises InputError.
    """
    with one_thread():
        tracks = track(
            template, template.mesh.values[template.attrs["es_frame"]], SpeckleTracking()
        )
    film = seen(template).assign(mesh=(MESH_DIMS, tracks.tracks.values))
    known = {"mesh_source": "open speckle tracking from end-systole", "mesh_is_truth": 0}
    return film.assign(correlation=correlation(film)).assign_attrs(strategy="LABELS", **known)


def check_strategy(strategy: str, known: Names[str] = (*FILMS, LABELS)) -> None:
    """Raises InputError for an unknown name."""
    check_choice("simulation", "strategy", strategy, known)


def templates_in(folder: str | Path) -> list[Path]:
    """Recordings (.nc) in a folder, without what is being written there. Raises InputError."""
    found = sorted(p for p in Path(folder).glob("*.nc") if not p.name.startswith("."))
    if not found:
        raise InputError(folder, "templates", "there is no recording", "name a folder of .nc files")
    return found


def open_template(path: Path) -> xr.Dataset:
    """A recording of which a sequence can be made. Raises InputError."""
    template = recording.open(path)
    also = "seed" if "elevation" in template else "mesh"
    remedy = "make templates with `tas template` or `tas cohort`"
    recording.need(template, (*NEEDED, also), remedy, path)
    return template


def make_dataset(
    sources: Sequence[Path],
    folder: str | Path,
    strategy: str,
    seed: int = 0,
    *,
    motion: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Simulate every template in `sources` (recordings, .nc) into a `Collection` -> its manifest.

    motion: folder of meshes, in files named as the templates, in place of the templates' own.
    workers, scheduler: who makes them, see `farm.each`. A run that was cut short goes on; a
    sequence whose template has changed is made anew. A template of which none can be made is left
    out, and its reason returned under `failed`. A sequence depends on its template and mesh, the
    template's name and `seed` alone. Raises InputError: an unknown strategy, a folder that holds
    something else or the templates, two templates of one name.
    """
    check_strategy(strategy)
    folder, sources = Path(folder).resolve(), [path.resolve() for path in sources]
    if any(path.parent == folder for path in sources):
        raise InputError(folder, "folder", "holds the templates", "name another one")
    named = {path.name: path for path in sources}
    for path in sources:
        if named[path.name] != path:
            problem = f"has the name of {named[path.name]}"
            raise InputError(path, "file", problem, "name each template otherwise")
    choices = Choices()
    identity = {"strategy": strategy, "seed": seed, "choices": dataclasses.asdict(choices)}
    made = Collection(folder, identity)
    make = partial(
        _make,
        folder=folder,
        strategy=strategy,
        seed=seed,
        choices=choices,
        motion=motion and motion.resolve(),
    )
    missing = [
        source
        for source in named.values()
        if not (made.has(source.name) and _current(made[source.name], source, motion))
    ]
    bar = tqdm(
        desc=strategy,
        total=len(named),
        initial=len(named) - len(missing),
        unit="sequence",
        disable=not progress,
    )
    failed = made.fill(make, missing, lambda source: source.name, bar, workers, scheduler)
    return made.manifest | {"failed": failed}


def _current(entry: dict[str, Any], source: Path, motion: Path | None) -> bool:
    try:
        return _made_of(source, motion) == {key: entry.get(key) for key in MADE_OF}
    except InputError:  # `_make` tells
        return False


def _made_of(source: Path, motion: Path | None) -> dict[str, str | None]:
    hashes = digest(source), digest(motion / source.name) if motion else None
    return dict(zip(MADE_OF, hashes, strict=True))


def _make(
    source: Path, folder: Path, strategy: str, seed: int, choices: Choices, motion: Path | None
) -> dict[str, Any]:
    """Write the sequence of a template -> its entry in the manifest."""
    made_of = _made_of(source, motion)
    template = open_template(source)
    if motion is not None:
        with xr.open_dataset(motion / source.name, engine="h5netcdf") as moved:
            template = seen(template).assign(mesh=moved.mesh.astype(float).load())
    elif "elevation" in template:  # the truth of a virtual patient
        template = coarse(template)
    number = seed_of(source.stem, seed)
    if strategy == LABELS:
        film = labelled(template)
    else:
        film = simulate(template, strategy, number, choices, progress=False)
    recording.save(film, folder / source.name)
    known = {key: found for key, found in made_of.items() if found}
    return {**known, **_about(film, number)}


def seed_of(name: str, seed: int) -> int:
    own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    return int(np.random.SeedSequence([seed, own]).generate_state(1)[0])


def _about(film: xr.Dataset, seed: int) -> dict[str, Any]:
    """What the manifest says of a sequence."""
    names = "patient", "view", "pathology", "ed_frame", "es_frame", "frame_rate"
    known = {name: film.attrs[name] for name in names if name in film.attrs}
    return {**known, "frames": film.sizes["time"], "seed": seed}

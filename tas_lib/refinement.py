"""The data set is refined in stages (section III-B, Table I).

    D^0 = simulations of the films V moved by M^0,  M^0 from masks
    D^k = simulations of V moved by M^k,            M^k = V tracked by a network that learnt D^(k-1)

Motion found by a network is less regular than that of masks, and may be nearer to the truth; what
it has wrong does no harm to the next network, since simulated films move as their meshes do. Of
each film a mask at end-systole is enough. A chain of stages is told by its strategies, s1-s2-s3,
and has its folder: data, networks, and the motion that the first of these tracks, if a longer chain
needs it. So chains that begin alike share what they have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from tas_lib import recording
from tas_lib.collection import MANIFEST, Collection, digest, manifest_of
from tas_lib.comparison import cached_tracker
from tas_lib.dataset import FILMS, check_strategy, make_dataset, open_template
from tas_lib.errors import InputError
from tas_lib.farm import each
from tas_lib.learning import learn
from tas_lib.mesh import folds
from tas_lib.observers import Reading, carried
from tas_lib.parallel import check_device, cores, one_thread
from tas_lib.recording import MESH_DIMS, validate
from tas_lib.segmentation import coarse
from tas_lib.strain import longitudinal_strain
from tas_lib.trackers import registry
from tas_lib.trackers.tracker import track
from tas_lib.trackers.weights import begin_from, training
from tas_lib.training import Budget

CHAINS = {  # the rows of Table I
    "D0 S1": ("s1",),
    "D0 S2": ("s2",),
    "D1 S1>S1": ("s1", "s1"),
    "D1 S2>S2": ("s2", "s2"),
    "D1 S1>S2": ("s1", "s2"),
    "D2 S1>S1>S1": ("s1", "s1", "s1"),
    "D2 S2>S2>S2": ("s2", "s2", "s2"),
    "D2 S1>S2>S2": ("s1", "s2", "s2"),
    "D2 S1>S2>S3": ("s1", "s2", "s3"),
}
SMOOTHINGS = 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0  # SDs in nodes, of which the least is taken


def refine(
    templates: Sequence[Path],
    folder: str | Path,
    stages: Sequence[str],
    budget: Budget,
    *,
    first: int | None = None,
    seeds: Sequence[int] = (0,),
    preset: str = "small",
    device: str = "cpu",
    init: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> tuple[list[Path], dict[str, str]]:
    """Make a chain of data sets and train TAS-Net on each, every time from the weights `init`.

    templates: recordings (.nc); the first stage takes the first `first` of them alone (the paper:
    242 of 1,478). Networks of several seeds train side by side, a process each; the first seed's
    makes the next stage's motion. init: weights for `learning.learn`, by default new ones, drawn by
    the seed. What is there already is kept, and what was cut short goes on.
    Returns the weights of the last stage, one file a seed, and what was left out in any stage with
    its reason. Raises InputError, also where a stage leaves out more than half of the templates.
    """
    check(stages, preset, device, init)
    folder, weights, left_out = Path(folder), {}, dict[str, str]()
    who: Any = {"workers": workers, "scheduler": scheduler, "progress": progress}
    here = motion = None
    for k, strategy in enumerate(stages):
        few, failed = list(templates)[: None if k else first], dict[str, str]()
        if here:
            motion = here / "motion"
            _check_motion(motion, weights[seeds[0]])
            failed = make_motion(few, motion, weights[seeds[0]], **who)["failed"]
        here = folder / "-".join(stages[: k + 1])
        ready = [path for path in few if path.name not in failed]
        if ready:
            made = make_dataset(ready, here / "data", strategy, motion=motion, **who)
            failed |= made["failed"]
            _check_data(here / "data", made, ready)
        if len(failed) > len(few) / 2:
            problem = (
                f"left out {len(failed)} of {len(few)} templates ({next(iter(failed.values()))})"
            )
            raise InputError(here, "templates", problem, "give others")
        left_out |= {f"{here.name}/{name}": reason for name, reason in failed.items()}
        command = f"tas refine --stages {','.join(stages[: k + 1])}"
        train = partial(
            _trained,
            here=here.resolve(),
            budget=budget,
            preset=preset,
            device=device,
            init=init and init.resolve(),
            command=command,
        )
        side_by_side = min(workers or cores(), len(seeds))
        pairs = each(train, seeds, side_by_side, scheduler)
        weights = dict(
            tqdm(pairs, f"train {here.name}", len(seeds), unit="network", disable=not progress)
        )
        for error in weights.values():
            if isinstance(error, InputError):
                raise error
    return [weights[seed] for seed in seeds], left_out


def check(stages: Sequence[str], preset: str, device: str, init: Path | None) -> None:
    """Raises InputError where `refine` could not work with these."""
    for strategy in stages:
        check_strategy(strategy, FILMS)
    check_device(device)
    network = registry.network("tasnet", preset)
    if init is not None:
        begin_from(network, init)


def _check_data(folder: Path, made: dict[str, Any], sources: Sequence[Path]) -> None:
    """Raises InputError where a network would learn from more than was asked for."""
    wanted = {path.name for path in sources}
    if others := [e["file"] for e in made["recordings"] if e["file"] not in wanted]:
        problem = f"hold {len(others)} that are not wanted now ({others[0]})"
        raise InputError(folder, "sequences", problem, "name another folder, or remove this one")


def _check_motion(folder: Path, weights: Path) -> None:
    """Raises InputError where another seed's network made the motion that is there."""
    if not (folder / MANIFEST).exists():
        return
    seeds = {
        digest(path): path.parent.name for path in weights.parents[1].glob(f"*/{weights.name}")
    }
    found = {e["weights_sha256"] for e in manifest_of(folder, "remove it")["recordings"]}
    if others := sorted(seeds[sha] for sha in (found & seeds.keys()) - {digest(weights)}):
        problem = f"was tracked by the network in {others[0]}, not in {weights.parent.name}"
        raise InputError(folder, "seeds", problem, "name that seed first, or another folder")


def _trained(
    seed: int, here: Path, budget: Budget, preset: str, device: str, init: Path | None, command: str
) -> Path:
    """Train the network of a seed on the data of a stage -> its weights."""
    run = here / f"seed{seed}"
    words = f"{command} --seeds {seed}" + " --init FILE" * (init is not None)
    with one_thread():  # however many seeds learn beside it, to the same bits
        learn(
            "tasnet",
            here / "data",
            run,
            budget,
            preset=preset,
            seed=seed,
            device=device,
            init=init,
            command=words,
            progress=False,
        )
    return run / "best.safetensors"


def make_motion(
    templates: Sequence[Path],
    folder: str | Path,
    weights: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Track every template from its mask at end-systole, into a `Collection` of meshes -> manifest.

    Its entries tell how much the tracks had to be smoothed (`unfolded`), and of the motion that was
    tracked, that of masks and, for virtual patients, the true one: `told`. What another template or
    other weights gave is made anew. What cannot be tracked is left out and listed under `failed`.
    """
    folder, weights = Path(folder).resolve(), Path(weights).resolve()
    made = Collection(folder, {"motion": "tracked"})
    found = digest(weights)
    make = partial(_tracked, folder=folder, weights=weights, found=found)

    def current(path: Path) -> bool:
        of = {"template_sha256": digest(path), "weights_sha256": found}
        return made.has(path.name) and of.items() <= made[path.name].items()

    missing = [path.resolve() for path in templates if not current(path)]
    bar = tqdm(desc="motion", total=len(missing), unit="film", disable=not progress)
    failed = made.fill(make, missing, lambda path: path.name, bar, workers, scheduler)
    return made.manifest | {"failed": failed}


def _tracked(path: Path, folder: Path, weights: Path, found: str) -> dict[str, Any]:
    """Write a template's motion -> its entry in the manifest."""
    about: dict[str, Any] = {"template_sha256": digest(path), "weights_sha256": found}
    template = open_template(path)
    known = "elevation" in template
    seen = coarse(template) if known else template
    es = int(seen.attrs["es_frame"])
    with one_thread():
        tracks = track(seen, seen.mesh.values[es], cached_tracker(weights, found), es).tracks.values
    mesh, smoothing = unfolded(tracks, es)
    validate(seen.assign(mesh=(MESH_DIMS, mesh)), path)
    motions = {"tracked": mesh, "masks": seen.mesh.values}
    about |= {name: template.attrs.get(name) for name in ("patient", "view")}
    about |= {"smoothing": smoothing, "motions": told(template, motions, known)}
    motion = xr.Dataset({"mesh": (MESH_DIMS, mesh.astype(np.float32), {"units": "m"})})
    with recording.replacing(folder / path.name) as temporary:
        content = motion.to_netcdf(engine="h5netcdf", encoding={"mesh": {"zlib": True}})
        temporary.write_bytes(content)
    return about


def told(template: xr.Dataset, motions: dict[str, np.ndarray], known: bool) -> dict[str, Any]:
    """Of each motion (T, l, r, 2) [m], and of the true one where it is `known`, what it says.

    segments (6,): end-systolic strain; error: mean distance [m] from where the true motion carries
    that mesh from end-systole.
    """
    es, ed = int(template.attrs["es_frame"]), int(template.attrs.get("ed_frame", 0))
    if known:
        motions = motions | {"truth": template.mesh.values}
    about = {}
    for name, mesh in motions.items():
        about[name] = {"segments": longitudinal_strain(mesh, ed)[1][es].tolist()}
        if known:
            true = carried(template, Reading(mesh[es], es, es))
            about[name]["error"] = float(np.linalg.norm(mesh - true, axis=-1).mean())
    return about


def motions(folder: str | Path, stages: Sequence[str]) -> list[dict[str, Any]]:
    """Entries of all motion that `refine` made for a chain, each with the `chain` that tracked."""
    rows = []
    for k in range(1, len(stages)):
        chain = "-".join(stages[:k])
        entries = manifest_of(Path(folder) / chain / "motion", "run `tas refine`")["recordings"]
        rows += [{"chain": chain, **entry} for entry in entries]
    return rows


def collections(folder: str | Path, stages: Sequence[str]) -> list[dict[str, Any]]:
    """Of all data and motion that `refine` made for a chain: chain, kind, films and commit."""
    found = []
    for k, kind in product(range(1, len(stages) + 1), ("data", "motion")):
        if (k, kind) == (len(stages), "motion"):
            continue
        chain = "-".join(stages[:k])
        manifest = manifest_of(Path(folder) / chain / kind, "run `tas refine`")
        commits = ", ".join(made["commit"] for made in manifest["made_with"])
        films = len(manifest["recordings"])
        found.append({"chain": chain, "kind": kind, "films": films, "commit": commits})
    return found


def trained(
    folder: str | Path, stages: Sequence[str], seeds: Sequence[int] = (0,)
) -> list[dict[str, Any]]:
    """What the cards of all networks that `refine` trained for a chain say of their training."""
    found = []
    for k, seed in product(range(1, len(stages) + 1), seeds):
        chain = "-".join(stages[:k])
        about = training(Path(folder) / chain / f"seed{seed}" / "best.safetensors")
        found.append({"chain": chain, "seed": seed, **about})
    return found


def unfolded(path: np.ndarray, frame: int) -> tuple[np.ndarray, float]:
    """A mesh's path (T, l, r, 2) without folds, and the smoothing that it took.

    The displacement from `frame` is smoothed over the mesh by the least of SMOOTHINGS after which
    no triangle turns over: a film cannot be made of a mesh that folds. Raises InputError.
    """
    start = path[frame]
    for smoothing in SMOOTHINGS:
        spread = gaussian_filter(path - start, (0, smoothing, smoothing, 0), mode="nearest")
        if not folds(np.concatenate([start[None], start + spread])).any():
            return start + spread, smoothing
    problem = f"folds even when smoothed over {SMOOTHINGS[-1]:.0f} nodes"
    raise InputError("tracks", "mesh", problem, "train longer, or start from another mask")

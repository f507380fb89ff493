"""Commands killed at random moments and run again: `python tests/kill.py --seed 0 --out FILE`.

SIGKILL ends a command and all that it started, as a power cut would. It is run again in the same
folder, killed again, and so on to its end. After each kill whatever lies under the name of a result
must be whole; at the end, all results must be those of a run that nobody disturbed. Recordings are
compared by their names, values and attributes, weights by all but the minutes that they took,
notebooks by their outputs, other files by their bytes.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from safetensors.torch import load_file
from tqdm import tqdm

from tas_lib import archive, recording
from tas_lib.collection import digest, manifest_of
from tas_lib.provenance import facts
from tas_lib.recording import replacing
from tas_lib.simulator import Acquisition
from tas_lib.trackers import weights

REPO = Path(__file__).parents[1]
TAS = sys.executable, "-m", "tas_lib.cli"
FILMS, FRAMES = 3, 6
NOTEBOOK = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
profile = "laptop"

# %%
import time

for k in range(10):
    time.sleep(0.1)
print(profile, k)  # at once: how an output is cut into pieces is a matter of time
"""


@dataclass(frozen=True)
class Job:
    """words: the command, run in a folder that `prepare` made; results: what it makes (a glob)."""

    words: tuple[str, ...]
    kills: int
    results: str = "out/**/*"
    prepare: Callable[[Path], None] = Path.mkdir


def template(seed: int) -> xr.Dataset:
    """A wall that moves, in the sector of the default acquisition, whose calibration ships."""
    acq = Acquisition()
    z, x = np.arange(5e-3, acq.r_max, 1e-3), 1e-3 * np.arange(-100, 101)
    xx, zz = np.meshgrid(x, z)
    seen = (np.abs(np.arctan2(xx, zz)) <= acq.sector / 2) & (np.hypot(xx, zz) <= acq.r_max)
    grey = seen * np.random.default_rng(seed).uniform(0.2, 0.6, (FRAMES, *xx.shape))
    names = "sector_half_angle", "sector_r_min", "sector_r_max"
    known = dict(zip(names, (acq.sector / 2, 0.0, acq.r_max), strict=True))
    known |= {"source": f"{seed}.nc", "patient": f"one {seed}", "ed_frame": 0, "es_frame": 3}
    ds = recording.new(grey, 0.03 * np.arange(FRAMES), z, x, sector=seen, **known)
    angle, radius = np.linspace(-0.4, 0.4, 12)[:, None], np.linspace(0.05, 0.07, 5)
    arc = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)
    shift = 2e-3 * np.sin(np.arange(FRAMES) + seed)[:, None, None, None] * np.array([0, 1])
    return ds.assign(mesh=(recording.MESH_DIMS, arc + shift))


def book(folder: Path) -> None:
    """The book's rules with one small notebook, in the environment that is there."""
    for name in ("Makefile", "book/_ext/key.py", "notebooks/profiles/smoke.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, folder / name)
    for name in ("tas_lib", "notebooks/archive", "pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    (folder / "_toc.yml").write_text("  - file: notebooks/small\n")
    (folder / "notebooks" / "small.py").write_text(NOTEBOOK)
    (folder / ".venv").symlink_to(REPO / ".venv")


def jobs(given: Path) -> dict[str, Job]:
    templates, data = str(given / "templates"), str(given / "data")
    quick = "--profile", "smoke", "--quiet"
    of = "--templates", templates, "--workers", "1"
    one = f"{templates}/0.nc"
    train = "train", "tasnet", "--data", data, *quick
    refine = "refine", "--stages", "s1,s1", *of, "--steps", "10", *quick
    notebook = "_build/exec/smoke/small.ipynb"
    make = "make", "-s", "-o", ".venv/.installed", "PROFILE=smoke", notebook
    return {
        "simulate": Job(
            (*TAS, "simulate", one, "--strategy", "s1", "--force", "--quiet", "--out", "out"), 12
        ),
        "dataset": Job((*TAS, "dataset", *of, "--strategy", "s1", "--quiet", "--out", "out"), 15),
        "train": Job((*TAS, *train, "--out", "out"), 6),
        "refine": Job((*TAS, *refine, "--out", "out"), 5),
        "book (one notebook)": Job(make, 12, notebook, book),
    }


def content(path: Path) -> str:
    """A hash of what a file holds, without how long it took."""
    if path.suffix == ".nc":  # HDF5 may lay the same values out in another order
        ds = xr.load_dataset(path, engine="h5netcdf", decode_times=False, mask_and_scale=False)
        parts = [(k, v.dims, v.values.tobytes(), v.attrs) for k, v in sorted(ds.variables.items())]
        parts += sorted(ds.attrs.items())
    elif path.suffix == ".safetensors":
        parts = [(name, v.numpy().tobytes()) for name, v in sorted(load_file(path).items())]
        if path.name == "best.safetensors":
            parts += [{k: v for k, v in weights.card(path).items() if k != "minutes"}]
    elif path.suffix == ".ipynb":
        cells = json.loads(path.read_text())["cells"]
        parts = [(cell["source"], cell.get("outputs")) for cell in cells]
    elif path.name == "log.csv":
        parts = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    elif path.name in ("manifest.json", "motion.json"):  # whose weights tell their minutes
        data = json.loads(path.read_text())
        parts = data["recordings"] if "recordings" in data else data["rows"]
        parts = [{k: v for k, v in entry.items() if "sha256" not in k} for entry in parts]
    else:
        parts = [path.read_bytes()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def results(folder: Path, job: Job) -> dict[str, str]:
    """Hashes of results by name; the names of what is being written begin with a dot."""
    return {
        str(path.relative_to(folder)): content(path)
        for path in sorted(folder.glob(job.results))
        if path.is_file() and not path.name.startswith(".")
    }


def run(job: Job, folder: Path, cache: Path, seconds: float | None = None) -> bool:
    """Whether the command came to its end before it was killed. Raises where it failed."""
    path = f"{REPO}{os.pathsep}{REPO / 'tests'}"
    known = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(job.words, cwd=folder, env=known, start_new_session=True)
    try:
        if process.wait(seconds):
            raise RuntimeError(f"{' '.join(job.words)} failed in {folder}")
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tried(job: Job, root: Path, rng: random.Random) -> dict[str, int]:
    """Kill a command `job.kills` times -> kills, runs that were killed at least once, how many of
    these ended in the results of an undisturbed one, and how often a result wasn't whole."""
    cache, takes = root / "cache", 0.0
    for name in ("first", "whole"):  # the first fills the cache
        job.prepare(root / name)
        start = time.perf_counter()
        run(job, root / name, cache)
        takes = time.perf_counter() - start
    expected = results(root / "whole", job)
    counts = dict.fromkeys(("kills", "runs", "identical", "half_written"), 0)
    with tqdm(total=job.kills, desc=root.name) as bar:
        for folder in (root / str(k) for k in count()):
            job.prepare(folder)
            before = counts["kills"]
            while not run(job, folder, cache, takes * rng.uniform(0.1, 1)):
                counts["kills"] += 1
                counts["half_written"] += not whole(folder, job)
                bar.update()
                if counts["kills"] == job.kills:
                    run(job, folder, cache)
                    break
            if counts["kills"] > before:
                counts["runs"] += 1
                counts["identical"] += results(folder, job) == expected
            if counts["kills"] == job.kills:
                return counts


def whole(folder: Path, job: Job) -> bool:
    """Whether all that lies under the name of a result can be read, and is what manifests say."""
    try:
        results(folder, job)
        return all(
            digest(path.parent / entry["file"]) == entry["sha256"]
            for path in folder.glob("out/**/manifest.json")
            for entry in manifest_of(path.parent, "")["recordings"]
        )
    except Exception as error:
        print(f"{folder}: {type(error).__name__}: {error}", file=sys.stderr)
        return False


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    if not (REPO / ".venv").exists():
        options.error("run `make env` first: the book is built in its environment")
    rows, made_by = [], facts()
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        (root / "templates").mkdir()
        for seed in range(FILMS):
            recording.save(template(seed), root / "templates" / f"{seed}.nc")
        listed = jobs(root)
        data = (*listed["dataset"].words[:-1], str(root / "data"))
        run(Job(data, 0), root, root / "cache")
        for name, job in listed.items():
            (root / name).mkdir()
            rng = random.Random(f"{given.seed} {name}")
            rows.append({"command": name, **tried(job, root / name, rng)})
    about = {"command": f"python tests/kill.py --seed {given.seed}", **made_by, "seed": given.seed}
    with replacing(given.out) as temporary:
        temporary.write_text(archive.text(pd.DataFrame(rows), **about))
    return int(any(row["identical"] < row["runs"] or row["half_written"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())

"""How long data sets take and how large they get; what `tas bench dataset` prints.

Each run is a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tas_lib.bench import peak_memory
from tas_lib.comparison import made_by
from tas_lib.dataset import make_dataset, templates_in
from tas_lib.errors import InputError
from tas_lib.parallel import cores
from tas_lib.provenance import facts

STRATEGIES = "s1", "s2", "s3"
PAPER = 69_535  # frames of TAS-1K (section III-B)


def bench_one(templates: Path, strategy: str, videos: int) -> dict[str, float]:
    """Seconds, frames, kilobytes a frame and peak memory of a process [MB], of a small data set."""
    with TemporaryDirectory() as folder:
        start = perf_counter()
        manifest = make_dataset(templates_in(templates)[:videos], folder, strategy, progress=False)
        seconds = perf_counter() - start
        if failed := manifest["failed"]:
            raise InputError(templates, "templates", next(iter(failed.values())), "leave it out")
        made = manifest["recordings"]
        frames = sum(entry["frames"] for entry in made)
        size = sum((Path(folder) / entry["file"]).stat().st_size for entry in made)
    return {
        "videos": len(made),
        "frames": frames,
        "seconds": seconds,
        "kb_per_frame": size / 1e3 / frames,
        "peak_mb": peak_memory(),
    }


def bench_dataset(
    templates: Path, counts: tuple[int, ...], progress: Callable[[str], None] = lambda text: None
) -> dict:
    """`bench_one` of every strategy and number of videos, with all cores.

    paper_minutes: what as many frames as the paper has would take at that pace.
    """
    found = len(templates_in(templates))
    if found < max(counts):
        remedy = "make more: `tas cohort templates`"
        raise InputError(templates, "templates", f"are {found}; {max(counts)} are wanted", remedy)
    rows, cohort = [], made_by(templates)
    for strategy in STRATEGIES:
        for videos in counts:
            progress(f"{strategy}, {videos} videos")
            words = [sys.executable, "-m", __name__, str(templates), strategy, str(videos)]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(done.stdout)
            if "refused" in row:
                raise InputError(*row["refused"])
            row["paper_minutes"] = PAPER * row["seconds"] / row["frames"] / 60
            rows.append({"strategy": strategy, **row})
    numbers = " ".join(f"--n {n}" for n in counts)
    command = f"tas bench dataset --templates DIR {numbers} --json"
    made = {"command": command, **cohort, "seed": 0, **facts()}
    return {**made, "cores": cores(), "paper_frames": PAPER, "rows": rows}


if __name__ == "__main__":
    where, how, many = sys.argv[1:]
    try:
        print(json.dumps(bench_one(Path(where), how, int(many))))
    except InputError as error:
        print(json.dumps({"refused": [error.where, error.field, error.problem, error.remedy]}))

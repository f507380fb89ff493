# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# (sec-data-set)=
# # The training data
#
# *What the networks of this book learnt from, on virtual patients: how much of it there is, how it moves and fades, how long it takes to make, and what happens when that is killed.*
#
# The paper's data set, TAS-1K, has 1,478 simulated videos with 69,535 frames, and is not public. Ours is made by two
# commands, at any size ({doc}`/book/datasets`). Its templates are films of virtual patients, taken as the paper had to
# take real ones: their true motion is put aside, and masks that err as a segmentation's do give the mesh.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
cut_patients = 2  # made here, half a beat in two views of each

# %% tags=["hide-input"]
import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from tas_lib import recording
from tas_lib.book import glue, provenance, table, themed
from tas_lib.cohorts import make_cohort
from tas_lib.collection import MANIFEST
from tas_lib.datacard import counts, describe, draw, pictures, summary
from tas_lib.trackers import registry, weights

# %% [markdown]
# ## Its card
#
# Every data set has one: `tas dataset describe DIR`. This is the archived card of the set from which the networks that
# ship learnt in the second round of their training ({ref}`sec-trackers`).

# %% tags=["hide-input"]
archive = json.loads(Path("archive/d0.json").read_text())
made_with = archive["made_with"][-1]
card = pd.DataFrame(archive["rows"])
learnt = weights.card(registry.weights_of("tasnet"))
assert archive["sha256"] == learnt["data"]["sha256"]
glue("strategy", archive["strategy"].upper())
glue("sequences", len(card))
glue("frames", f"{card.frames.sum():,}")
glue("people", card.patient.nunique())
glue("d0_commit", made_with["commit"])
glue("d0_date", made_with["date"])
counts(card)

# %% [markdown]
# Strategy {glue:text}`strategy`, {glue:text}`sequences` sequences, {glue:text}`frames` frames of {glue:text}`people` patients,
# made by commit {glue:text}`d0_commit` on {glue:text}`d0_date`. Each patient has one pathology and is filmed in two views.

# %% tags=["hide-input"]
table(summary(card), "{:.2f}")

# %% tags=["hide-input"]
themed(lambda: draw(card), "Histograms of what the table above sums up, by view.")

# %% [markdown]
# Motion is that of the masks' meshes, which is what the simulated films have by construction. Correlation is that of the
# speckle 100 ms before and after end-systole with end-systole, mean over the wall.
#
# ## What it costs
#
# Archived, all cores of one machine: each strategy with ten videos and with thirty.

# %% tags=["hide-input"]
bench = json.loads(Path("archive/bench_dataset.json").read_text())
rows = pd.DataFrame(bench["rows"])
costs = pd.DataFrame(
    {
        "strategy": rows.strategy.str.upper(),
        "videos": rows.videos,
        "frames": rows.frames,
        "seconds": rows.seconds.map("{:.0f}".format),
        "ms a frame": (1e3 * rows.seconds / rows.frames).map("{:.0f}".format),
        "kB a frame": rows.kb_per_frame.map("{:.0f}".format),
        "peak memory of a process (MB)": rows.peak_mb.map("{:.0f}".format),
        f"{bench['paper_frames']:,} frames (minutes)": rows.paper_minutes.map("{:.0f}".format),
    }
)
few, many = rows.videos.min(), rows.videos.max()
pace = rows.assign(ms=1e3 * rows.seconds / rows.frames).pivot(index="strategy", columns="videos")
glue("few", few)
glue("many", many)
glue(
    "pace",
    f"{(pace.ms[many] / pace.ms[few]).min():.2f} to {(pace.ms[many] / pace.ms[few]).max():.2f}",
)
glue("memory", f"{(pace.peak_mb[many] / pace.peak_mb[few]).max():.2f}")
glue("bench_cores", bench["cores"])
glue("bench_device", bench["device"])
glue("bench_date", bench["date"])
glue("bench_commit", bench["commit"])
table(costs).hide()

# %% [markdown]
# {glue:text}`bench_device`, {glue:text}`bench_cores` cores, {glue:text}`bench_date`, commit {glue:text}`bench_commit`. A frame of
# {glue:text}`many` videos takes {glue:text}`pace` times as long as one of {glue:text}`few`; peak memory is at most {glue:text}`memory`
# times as high. The last column is the pace of each row at the paper's number of frames.
#
# ## What a kill does
#
# Here a data set is made by the command line and killed as soon as its first sequence is there; the same
# command then goes on. Beside it, two processes make the whole in one go.


# %% tags=["hide-input"]
def tas(*words):
    """Start the command and note it."""
    transcript.append("$ tas " + shlex.join(map(str, words)))
    command = [sys.executable, "-m", "tas_lib.cli", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder
    )


def kept(out):
    """Files that the folder's manifest lists."""
    path = out / MANIFEST
    if not path.exists():
        return []
    return [entry["file"] for entry in json.loads(path.read_text())["recordings"]]


transcript = []
with TemporaryDirectory() as name:
    folder = Path(name)
    make_cohort(
        "templates", folder / "templates", cut_patients, seed, progress=False, profile="smoke"
    )
    words = ["dataset", "--templates", "templates", "--strategy", "s1", "--seed", seed]
    broken, whole = folder / "broken", folder / "whole"
    run = tas(*words, "--out", "broken", "--workers", 1)
    while not kept(broken) and run.poll() is None:
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    run.stdout.close()
    before = {file: (broken / file).stat().st_mtime_ns for file in kept(broken)}
    transcript.append(f"killed; the manifest lists {len(before)}: {', '.join(before)}")
    for out, workers in (("broken", 1), ("whole", 2)):
        transcript.append(tas(*words, "--out", out, "--workers", workers).communicate()[0].strip())
    files = kept(broken)
    untouched = sum((broken / file).stat().st_mtime_ns == t for file, t in before.items())
    equal = sum(
        recording.open(broken / f).identical(recording.open(whole / f)) for f in kept(whole)
    )
    transcript.append(
        f"{untouched} of {len(before)} files left as they were; {equal} of {len(files)} equal"
    )
    live = describe(whole, 1, progress=False)
    frames = themed(
        lambda: pictures(whole, live, 4), "End-systolic frames with meshes.", kind="webp"
    )
print("\n".join(transcript))
assert untouched == len(before) and equal == len(files) == 2 * cut_patients

# %% [markdown]
# Nothing is lost, nothing made twice, and the numbers of all sequences are the same, whatever was killed and however many worked.
# These are the sequences that were just made, at end-systole, with their meshes:

# %% tags=["hide-input"]
frames

# %% tags=["hide-input"]
provenance(profile, seed, "00_data_set")

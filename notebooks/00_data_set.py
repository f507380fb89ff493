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
# *What the networks that ship learnt from, on virtual patients: how much of it there is, how it moves and fades, and how long it takes to make.*
#
# The paper's data set, TAS-1K, has 1,478 simulated videos with 69,535 frames; it is announced as open, and we have not found it. Ours is made by two
# commands, at any size ({doc}`/book/datasets`). Its templates are films of virtual patients, taken as the paper had to
# take real ones: their true motion is put aside, and masks that err as a segmentation's do give the mesh.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
shown_patients = 2  # made here, half a beat in two views of each

# %% tags=["hide-input"]
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from tas_lib.book import glue, provenance, table, themed
from tas_lib.cohorts import make_cohort
from tas_lib.datacard import counts, describe, draw, pictures, summary
from tas_lib.dataset import make_dataset, templates_in
from tas_lib.trackers import registry, weights

# %% [markdown]
# ## Its card
#
# Every data set has one: `tas dataset describe DIR`. This is the archived card of the set from which the networks that
# ship learnt in the second round of their training ({ref}`sec-learning`); Tables I to III have smaller sets of their own.

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
# ## What it looks like
#
# Sequences of {glue:text}`shown` virtual patients, made while this page was built (by S1 and in half a beat, to be quick), at end-systole with their meshes. A data set that is killed goes on where it was, to the same numbers whatever the number
# of processes ({ref}`sec-robustness`).

# %% tags=["hide-input"]
glue("shown", shown_patients)
with TemporaryDirectory() as name:
    folder, quiet = Path(name), {"progress": False}
    make_cohort("templates", folder / "templates", shown_patients, seed, **quiet, profile="smoke")
    make_dataset(templates_in(folder / "templates"), folder / "s1", "s1", seed, **quiet)
    live = describe(folder / "s1", 1, **quiet)
    frames = themed(
        lambda: pictures(folder / "s1", live, 4), "End-systolic frames with meshes.", kind="webp"
    )
frames

# %% tags=["hide-input"]
provenance(profile, seed, "00_data_set")

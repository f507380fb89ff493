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
# (sec-speed)=
# # How fast it is
#
# *What a frame of the simulator costs, and where its time goes.*
#
# Everything here is timed on the machine that builds the page, which may do other work as well;
# FastSIMUS alone may come from an archived run. How good the frames are is on {ref}`the first page <sec-simulator>`.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
frame_scatterers = 200_000  # in a frame whose time is taken
sustained_frames = 200  # one after the other, for the speed
tolerances = [4, 2, 1, 0.5]  # factors on those of the zones

# %% tags=["hide-input"]
import dataclasses
import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from tas_lib import bench
from tas_lib.book import glue, provenance, table, themed
from tas_lib.parallel import cores
from tas_lib.simulator import Acquisition, SectorOperator
from tas_lib.simulator.calibration import Settings

acq = Acquisition()
operator = SectorOperator(acq, progress=False)


# %% tags=["remove-cell"]
load = os.getloadavg()[0]
# Times first: nothing else has filled the memory or warmed the processor yet.
speed = bench.frames_per_second(operator, frame_scatterers, sustained_frames)
memory = bench.peak_memory()
parts = bench.parts_of_a_frame(operator, frame_scatterers)
pymust_seconds = bench.pymust_seconds_per_frame(acq, frame_scatterers)
fastsimus_seconds = bench.fastsimus_seconds_per_frame(acq, frame_scatterers)
counts = [frame_scatterers * n // 8 for n in (1, 2, 4, 8, 16)]
time_of_count = [bench.milliseconds_per_frame(operator, count) for count in counts]

# %% tags=["remove-cell"]
default, cuts = Settings(), {}
for factor in tolerances:
    zones = tuple(
        dataclasses.replace(zone, tolerance=factor * zone.tolerance) for zone in default.zones
    )
    trial = SectorOperator(acq, dataclasses.replace(default, zones=zones), progress=False)
    length = [zone.stop - zone.start for zone in trial.zones]
    cuts[factor] = {
        "mean K": np.average(trial.rank, weights=length),
        "ms a frame": bench.milliseconds_per_frame(trial, frame_scatterers),
    }
cuts = pd.DataFrame(cuts).T.sort_index()

# %% tags=["remove-cell"]
UNITS = {"years": 365.25 * 24 * 3600, "days": 24 * 3600, "minutes": 60}
film = 69_535  # frames of TAS-1K, section IV of the paper
glue("speed", speed)
glue("load", load)
glue("speed_verdict", "met" if speed >= 25 else "missed")
glue("memory", memory / 1e3)
glue("cores", cores())
glue("count", frame_scatterers)
glue("sustained", sustained_frames)
glue("lines", acq.n_lines)
glue("samples", len(acq.depth))
glue("frame_ms", time_of_count[counts.index(frame_scatterers)])
per_count = time_of_count[-1] / time_of_count[counts.index(frame_scatterers)]
glue("per_count", per_count)
glue("count_ratio", counts[-1] / frame_scatterers)
finest, coarsest = cuts.iloc[0], cuts.iloc[-1]
per_term = finest["ms a frame"] / coarsest["ms a frame"]
glue("per_term", per_term)
glue("term_ratio", finest["mean K"] / coarsest["mean K"])
linear = (
    per_count <= counts[-1] / frame_scatterers and per_term <= finest["mean K"] / coarsest["mean K"]
)
glue("linear", "no faster than" if linear else "faster than")

# %% [markdown]
# {glue:text}`speed:.1f` frames a second over {glue:text}`sustained` frames of {glue:text}`count:,` scatterers,
# {glue:text}`samples` samples on each of {glue:text}`lines` lines, on {glue:text}`cores` cores (goal of 25:
# {glue:text}`speed_verdict:s`); the whole process had taken at most {glue:text}`memory:.2f` GB by then. A frame on
# one core takes {glue:text}`frame_ms:.0f` ms; several are made side by side. When timing began, {glue:text}`load:.1f` processes wanted a core on average (the
# load of the minute before, in which this page's own work counts): where that is more than there are cores, times on this page are too long.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Where the time of a frame goes, on one core.", "name": "fig-parts"}}
def draw():
    figure, ax = plt.subplots(figsize=(6.5, 3.4))
    times = 1e3 * np.array(list(parts.values()))
    bars = ax.barh(list(parts), times)
    ax.bar_label(bars, fmt="%.1f", padding=3, fontsize=9)
    ax.invert_yaxis()
    ax.set(xlabel="ms", xlim=(0, 1.12 * times.max()))
    return figure


themed(draw, "Horizontal bars: milliseconds of each part of a frame")


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Time of a frame on one core against the number of scatterers (left) and against the mean number of terms (right, the tolerances of the zones). Dashed: in proportion, through the default frame (ring).", "name": "fig-growth"}}
def draw():
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 2.9), sharey=True)
    left.plot(np.array(counts) / 1e3, time_of_count, "o-", ms=4)
    right.plot(cuts["mean K"], cuts["ms a frame"], "o-", ms=4)
    now = [(frame_scatterers / 1e3, time_of_count[counts.index(frame_scatterers)])]
    now += [tuple(cuts.loc[1, ["mean K", "ms a frame"]])]
    for ax, (at, ms) in zip((left, right), now, strict=True):
        end = ax.get_xlim()[1]
        ax.plot([0, end], [0, ms / at * end], "--", lw=1, color="gray")
        ax.plot(at, ms, "o", ms=11, mfc="none", mec="C0")
        ax.set(xlim=(0, end))
    top = max(*time_of_count, cuts["ms a frame"].max())
    left.set(xlabel="thousands of scatterers", ylabel="ms a frame", ylim=(0, 1.15 * top))
    right.set(xlabel="mean K")
    return figure


themed(draw, "Time of a frame against scatterers and against terms")

# %% [markdown]
# {glue:text}`count_ratio:.0f` times the scatterers take {glue:text}`per_count:.2f` times the time, and
# {glue:text}`term_ratio:.1f` times the terms {glue:text}`per_term:.2f` times: here the time grows
# {glue:text}`linear:s` in proportion.

# %% [markdown]
# ## Against PyMUST and FastSIMUS
#
# PyMUST was timed here as well, in the same run, on the same acquisition, but on two of the shots and
# on a few thousand scatterers, and scaled up: its time is taken as proportional to both. It ran on one thread. That counts the echoes alone; our time includes beamforming. FastSIMUS {cite:p}`fastsimus` is a rewrite
# of SIMUS for JAX, also echoes alone.

# %% tags=["hide-input"]
archived, source, ours = Path("archive/fastsimus.json"), "measured here", speed
if fastsimus_seconds is None and archived.exists():
    record = json.loads(archived.read_text())
    fastsimus_seconds = record["fastsimus_seconds_per_frame"]
    ours = record["frames_per_second"]  # of the same run
    source = f"{record['scatterers']:,} scatterers a frame, scaled from a subset, archived {record['date']}, on {record['device']}, {record['threads']} threads, beside ours of that run"


def lasting(seconds):
    unit = next((unit for unit, size in UNITS.items() if seconds > 2 * size), "minutes")
    return f"{seconds / UNITS[unit]:,.0f} {unit}"


rows = {}
for name, seconds, beside, origin in (
    ("PyMUST", pymust_seconds, speed, "one thread, scaled from a subset"),
    ("FastSIMUS", fastsimus_seconds, ours, source),
    ("fast operator", 1 / speed, speed, "measured here"),
):
    if seconds is None:
        rows[name] = {"how": "isn't installed"}
        continue
    whole = film * seconds
    rows[name] = {
        "s a frame": f"{seconds:,.0f}" if seconds > 10 else f"{seconds:.3f}",
        "times ours": f"{seconds * beside:,.0f}",
        "TAS-1K": lasting(whole),
        "how": origin,
    }
table(rows)

# %% tags=["remove-cell"]
glue("ratio", pymust_seconds * speed)
glue("core_ratio", pymust_seconds * speed / cores())
glue("ratio_verdict", "met" if pymust_seconds * speed >= 1e5 else "missed")
glue("film", film)
area = acq.sector / 2 * (acq.r_max**2 - acq.r_min**2)
glue("per_square", frame_scatterers * acq.wavelength**2 / area)
glue("pymust_years", film * pymust_seconds / UNITS["years"])
glue("our_minutes", film / speed / 60)

# %% [markdown]
# The ratio to PyMUST is {glue:text}`ratio:,.0f`, or {glue:text}`core_ratio:,.0f` core for core, as PyMUST had one; the goal of 100,000 is {glue:text}`ratio_verdict:s`. The paper's data set TAS-1K
# {cite:p}`judge2026` has {glue:text}`film:,` frames. At {glue:text}`per_square:.1f` scatterers per square wavelength (the paper has five) and our
# sequence (the paper doesn't name its own), this machine would make them in {glue:text}`our_minutes:.0f` minutes, against
# {glue:text}`pymust_years:.1f` years of one core with PyMUST. With fewer transmits, PyMUST's part shrinks in proportion. Ours depends
# on the number of terms: diverging waves take several times as many ({ref}`sec-limits`), and are not timed here.
#
# FastSIMUS is younger than its rivals (an alpha release, LGPL-2.1) and works in JAX's single precision
# unless told. It keeps every element and frequency, so it can do what our operator can't:
# any geometry, without a calibration.

# %% tags=["hide-input"]
provenance(profile, seed, "00_speed")

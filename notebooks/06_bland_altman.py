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
# (sec-regional)=
# # Regional strain and agreement, on virtual patients (Figures 4 and 5)
#
# *Bland-Altman plots of global and regional strain; all 18 segments; what trackers make of an infarct; and whether TAS-Net knows when it is wrong.*
#
# Two observers draw the walls on the same films of HUNT-A; TAS-Net (T) and open speckle tracking, in the place of the paper's clinical
# reference (R), follow them (section V-E). Archived runs: `archive/agreement_hunt-a.json`; from the true walls `archive/comparison_hunt-a.json` and, of patients who all have an infarct,
# `archive/comparison_infarcts.json`.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
from itertools import islice

import matplotlib.pyplot as plt
import pandas as pd

from tas_lib import paper
from tas_lib.agreement import spread
from tas_lib.anatomy import LEVELS, WALLS
from tas_lib.bland_altman import agreement
from tas_lib.book import archived, glue, provenance, table, themed, told
from tas_lib.claims import NETWORKS, TASNET
from tas_lib.cohorts import cases, film
from tas_lib.detection import AKINETIC, area, roc
from tas_lib.evidence import DESIGNS, Evidence
from tas_lib.figures import draw_agreement
from tas_lib.numbers import SEGMENTS as OF_FIGURE_4
from tas_lib.quality import COVERAGES, calibration, risk_coverage
from tas_lib.regional import SEGMENTS, by_segment
from tas_lib.scorecard import beside_claims
from tas_lib.strain import longitudinal_strain, segment_names
from tas_lib.trackers import registry
from tas_lib.trackers.tracker import track

evidence = Evidence("archive")
reference, observers = DESIGNS["HUNT-A reference"], DESIGNS["HUNT-A agreement"]
SIDES = {
    "T vs R": (reference, TASNET),
    "T vs T": (observers, TASNET),
    "R vs R": (observers, "speckle"),
}
regional = {name: evidence.pairs(*side, regional=True) for name, side in SIDES.items()}
whole = {name: evidence.pairs(*side) for name, side in SIDES.items()}
glue("patients", whole["R vs R"].patient.nunique())
glue("pairs", len(whole["R vs R"]))

# %% [markdown]
# ## Bland and Altman's plots (Figure 4)
#
# Differences {cite:p}`bland1986` of peak GLS and of the end-systolic strain of two segments in A4C: those that the paper shows as its best and its worst.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Differences over means, bias (solid) and limits of agreement (dashed), in points of strain, A4C of HUNT-A's virtual patients. T vs R: TAS-Net less the reference, from the same drawings; T vs T and R vs R: the first observer less the second.", "name": "fig-bland-altman"}}
def of_a4c(name, segment):
    paired = whole[name] if segment is None else regional[name]
    paired = paired[paired["view"] == "A4C"]
    return paired if segment is None else paired[paired.segment == segment]


def draw():
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6))
    for ax, (title, segment) in zip(axes, OF_FIGURE_4.items(), strict=True):
        for k, name in enumerate(SIDES):
            paired = of_a4c(name, segment)
            draw_agreement(ax, paired["first"], paired["second"], color=f"C{k}", label=name)
        ax.axhline(0, color="gray", lw=0.5)
        ax.set(title=segment or title, xlabel="mean of both (%)")
    axes[0].set_ylabel("difference (points)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


themed(draw, "Bland-Altman plots of global strain and of two segments, three comparisons each")

# %% tags=["hide-input"]
cells = {}
for title, segment in OF_FIGURE_4.items():
    for name in SIDES:
        paired = of_a4c(name, segment)
        found = spread(paired).iloc[0]
        cells[segment or title, name] = {
            "pairs": int(found["n", ""]),
            "bias": told(found["bias"]),
            "SD": told(found["sd"]),
            "paper, bias ± SD": "{:.2f} ± {:.2f}".format(
                *(paper.value("Figure 4", title, name, metric) for metric in ("bias", "SD"))
            ),
        }
table(cells, None)

# %% [markdown]
# In points; 95 % intervals by patient. The paper's pairs are of real patients. Over all views, peak GLS of {glue:text}`pairs` pairs of {glue:text}`patients` patients, with limits of agreement
# whose intervals are exact for normal, independent differences {cite:p}`carkeet2015` (here too narrow: views of one patient depend on each other; T vs R has two pairs a
# film, one of each observer), and the slope of differences over means:

# %% tags=["hide-input"]
limits = {}
for name, paired in whole.items():
    found = agreement(paired["first"], paired["second"])
    limits[name] = {
        "bias": told(found.bias),
        "lower limit": told(found.lower),
        "upper limit": told(found.upper),
        "slope": told(found.slope),
        "p of no slope": f"{found.p_slope:.3f}",
    }
pd.DataFrame(limits).T

# %% [markdown]
# ## All 18 segments


# %% tags=["hide-input"] mystnb={"figure": {"caption": "TAS-Net from either observer's drawing (T vs T): the differences of all 18 segments over their means, with bias and limits of agreement. Rows: levels; columns: walls.", "name": "fig-segments"}}
def draw():
    figure, axes = plt.subplots(3, 6, figsize=(12, 6), sharex=True, sharey=True)
    paired = regional["T vs T"]
    for row, level in zip(axes, LEVELS, strict=True):
        for ax, wall in zip(row, WALLS, strict=True):
            some = paired[paired.segment == f"{level} {wall}"]
            draw_agreement(ax, some["first"], some["second"], color="C0", s=4)
            ax.set_title(f"{level} {wall}", fontsize=8)
    figure.supxlabel("mean of both (%)", fontsize=9)
    figure.supylabel("difference (points)", fontsize=9)
    return figure


themed(draw, "Bland-Altman plots of 18 segments")

# %% tags=["hide-input"]
found = {name: spread(paired).loc[SEGMENTS] for name, paired in regional.items()}
columns = {
    (name, number): [told(row) for _, row in spreads[key].iterrows()]
    for name, spreads in found.items()
    for number, key in (("bias", "bias"), ("SD", "sd"))
}
pd.DataFrame(columns, SEGMENTS)

# %% tags=["remove-cell"]
sd = found["R vs R"]["sd"]["value"].astype(float)
glue("steadiest", sd.idxmin())
glue("shakiest", sd.idxmax())
kept = evidence.strains("hunt-a")
glue("kept", 100 * kept.accepted[kept.segment != "global"].mean())

# %% [markdown]
# Points of strain, with 95 % intervals by patient; segments that not both observers accept are left out ({glue:text}`kept:.0f` % are accepted; the
# paper's experts kept 92 % in HUNT-A). By the reference, observers agree best on the {glue:text}`steadiest:s` and worst on the {glue:text}`shakiest:s` segment; in the paper,
# on mid inferoseptal and apical lateral ones.
#
# ## Curves of strain (Figure 5)
#
# A virtual patient with an infarct, filmed and followed while this page was built, from the true wall at end-systole.

# %% tags=["remove-cell"]
infarcts = evidence.rows("comparison_infarcts")
first = next(islice(cases("infarcts", 1, evidence.made["comparison_infarcts"]["seed"]), 1))
ds = film(first, progress=False)
es = int(ds.attrs["es_frame"])
curves = {"truth": longitudinal_strain(ds.mesh.values)}
for name in ("speckle", "echotracker", "tasnet"):
    follow = registry.get(name)
    frame = es if follow.start == "es" else 0
    tracks = track(ds, ds.mesh.values[frame], follow, frame).tracks.values
    curves[NETWORKS.get(name, "speckle tracking")] = longitudinal_strain(tracks)
glue("territory", first.heart.drawn["territory"])
glue("view", ds.attrs["view"])


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Strain over one beat of a virtual patient with an infarct: the truth, and three trackers.", "name": "fig-strain-curves"}}
def draw():
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), sharey=True)
    for ax, (name, (gls, segments)) in zip(axes, curves.items(), strict=True):
        ax.plot(1e3 * ds.time, 100 * gls, color="gray", lw=2.5, label="global")
        for curve, segment in zip(segments.T, segment_names(ds.attrs["view"]), strict=True):
            ax.plot(1e3 * ds.time, 100 * curve, lw=1.2, label=segment)
        ax.axvline(1e3 * float(ds.time[es]), color="gray", lw=0.8, ls=":")
        ax.set(title=name, xlabel="time after ED (ms)")
    axes[0].set_ylabel("longitudinal strain (%)")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=7, fontsize=8
    )
    return figure


themed(draw, "Strain curves of six segments: truth, speckle tracking, EchoTracker and TAS-Net")

# %% [markdown]
# {glue:text}`view:s`; the infarct lies in the territory of the {glue:text}`territory:s`.
#
# ## Is an infarct found?
#
# A segment counts as akinetic where its true end-systolic strain is above {glue:text}`akinetic:.0f` %. Measured strain is the test: the area under its ROC
# is the chance that of two segments, one akinetic, it shortens less.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Akinetic segments that are called so over others that are, as the threshold on strain falls.", "name": "fig-roc"}}
segments = by_segment(infarcts)
segments["akinetic"] = segments.strain_true > AKINETIC
titles = {"speckle": "speckle tracking"} | {
    f"tas/{name}": title for name, title in NETWORKS.items()
}
shown = {
    name: segments[segments.tracker == name] for name in titles if name in set(segments.tracker)
}
glue("akinetic", AKINETIC)
glue("akinetic_segments", int(shown["speckle"].akinetic.sum()))
glue("all_segments", len(shown["speckle"]))
glue("infarct_patients", infarcts.patient.nunique())


def draw():
    figure, ax = plt.subplots(figsize=(4.4, 4))
    for name, some in shown.items():
        ax.plot(*roc(some.strain, some.akinetic), label=titles[name])
    ax.plot([0, 1], [0, 1], color="gray", lw=0.5)
    ax.set(xlabel="moving segments called akinetic", ylabel="akinetic segments called so")
    ax.legend(fontsize=8)
    return figure


themed(draw, "ROC curves of the detection of akinetic segments by measured strain")

# %% tags=["hide-input"]
pd.DataFrame(
    {
        titles[name]: {
            "area under the ROC": told(area(some.strain, some.akinetic, some.patient)),
            "|strain error| of akinetic segments (points)": f"{(some.strain - some.strain_true)[some.akinetic].abs().mean():.1f}",
            "of the others": f"{(some.strain - some.strain_true)[~some.akinetic].abs().mean():.1f}",
        }
        for name, some in shown.items()
    }
).T

# %% [markdown]
# {glue:text}`akinetic_segments` of {glue:text}`all_segments` segments of {glue:text}`infarct_patients` patients; intervals 95 %, by patient.
#
# ## Does TAS-Net know when it is wrong?
#
# Its visibility is the speckle correlation with end-systole that it expects. Is that what is measured, along the true motion? And are segments of which it expects little
# those whose strain is wrong? Segments are dropped, the least visible first; the rest is the coverage, and the mean error of its strain the risk {cite:p}`geifman2017`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left: measured correlation over what TAS-Net expects, in tenths, with 95 % intervals by patient; areas of dots: shares of points. Right: mean error of end-systolic segmental strain over the share of segments kept, by TAS-Net's visibility and by the true correlation of the speckle, which nobody knows; dashed: as if the errors were known; grey: without any choice.", "name": "fig-visibility"}}
rows = evidence.comparison("hunt-a")
rows = rows[rows.tracker == TASNET]
seen = calibration(rows.calibration, rows.patient)
parts = by_segment(rows)
wrong = (parts.strain - parts.strain_true).abs()
risks = {
    name: risk_coverage(parts[column], wrong, parts.patient)
    for name, column in (("by visibility", "visibility"), ("by correlation", "correlation"))
}


def draw():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8))
    left.plot([0, 1], [0, 1], color="gray", lw=0.5)
    left.vlines(seen.said, seen.low, seen.high, color="C0")
    left.scatter(seen.said, seen.measured, s=10 + 400 * seen.share, color="C0")
    left.set(xlabel="visibility", ylabel="measured correlation", xlim=(0, 1), ylim=(0, 1))
    for k, (name, risk) in enumerate(risks.items()):
        right.plot(risk.coverage, risk.risk, color=f"C{k}", label=name)
        right.fill_between(risk.coverage, risk.low, risk.high, color=f"C{k}", alpha=0.15, lw=0)
    right.plot(COVERAGES, risk.best, color="gray", ls="--", lw=1, label="errors known")
    right.axhline(wrong.mean(), color="gray", lw=0.8)
    right.set(xlabel="coverage", ylabel="|strain error| (points)", ylim=(0, None))
    right.legend(fontsize=8)
    return figure


themed(draw, "Calibration of TAS-Net's visibility, and risk over coverage when it rejects segments")

# %% tags=["remove-cell"]
risk = risks["by visibility"].set_index(COVERAGES.round(2))
glue("all", told(risk.loc[1.0, ["risk", "low", "high"]]))
glue("fewer", told(risk.loc[0.8, ["risk", "low", "high"]]))
glue("off", float((seen.share * (seen.measured - seen.said).abs()).sum()))

# %% [markdown]
# Of all segments the mean error is {glue:text}`all:s` points, of the 80 % most visible {glue:text}`fewer:s`. Expected and measured correlation differ by
# {glue:text}`off:.2f` on average over the tenths.
#
# ## Verdict
#
# By the rule of the scorecard:

# %% tags=["hide-input"]
table(beside_claims(evidence, "C19"), None)

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "06_bland_altman")

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
from tas_lib.agreement import TRUTH, spread
from tas_lib.anatomy import LEVELS, WALLS
from tas_lib.bland_altman import agreement
from tas_lib.book import archived, glue, provenance, table, themed, told
from tas_lib.claims import TASNET
from tas_lib.cohorts import cases, film
from tas_lib.detection import AKINETIC, area, roc
from tas_lib.evidence import DESIGNS, Evidence, estimate
from tas_lib.figures import draw_agreement
from tas_lib.numbers import SEGMENTS as OF_FIGURE_4
from tas_lib.quality import COVERAGES, calibration, risk_coverage
from tas_lib.regional import SEGMENTS, by_segment, levels
from tas_lib.scorecard import beside_claims
from tas_lib.strain import longitudinal_strain, segment_names
from tas_lib.trackers import registry
from tas_lib.trackers.registry import label
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
# Differences {cite:p}`bland1986`, in percent of the length at end-diastole (% strain, here and below), of peak GLS and of the end-systolic strain of two segments in A4C: those that the paper shows as its best and its worst.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Differences over means, bias (solid) and limits of agreement (dashed), A4C of HUNT-A's virtual patients. T vs R: TAS-Net less the reference, from the same drawings; T vs T and R vs R: the first observer less the second.", "name": "fig-bland-altman"}}
def of_a4c(name, segment):
    paired = whole[name] if segment is None else regional[name]
    paired = paired[paired["view"] == "A4C"]
    return paired if segment is None else paired[paired.segment == segment]


def draw():
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 3.2))
    for ax, (title, segment) in zip(axes, OF_FIGURE_4.items(), strict=True):
        for k, name in enumerate(SIDES):
            paired = of_a4c(name, segment)
            draw_agreement(ax, paired["first"], paired["second"], color=f"C{k}", label=name)
        ax.axhline(0, color="gray", lw=0.5)
        ax.locator_params(axis="x", nbins=4)
        ax.set_title(segment or title, fontsize=10)
    figure.supxlabel("mean of both (%)", fontsize=10)
    axes[0].set_ylabel("difference (% strain)")
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
table(cells)

# %% [markdown]
# In % strain; 95 % intervals by patient. The paper's pairs are of real patients. Over all views, peak GLS of {glue:text}`pairs` pairs of {glue:text}`patients` patients, with limits of agreement
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
table(limits)


# %% tags=["remove-cell"]
def mean_difference(paired):
    return estimate((paired["first"] - paired["second"]).groupby(paired.patient).mean())


bias, printed = mean_difference(whole["T vs R"]), paper.value("Figure 4", "GLS", "T vs R", "bias")
glue("t_less_r", told(bias))
glue("t_less_r_paper", f"{printed:+.2f}")
glue("sign", "with the same sign as" if bias.value * printed > 0 else "with another sign than")
off, off_level = {}, {}
for who, tracker in (("T", TASNET), ("R", "speckle")):
    off[who] = mean_difference(evidence.pairs(reference, tracker, TRUTH))
    paired = evidence.pairs(reference, tracker, TRUTH, regional=True)
    off_level[who] = {
        level: mean_difference(some).value for level, some in paired.groupby(levels(paired.segment))
    }
    glue(f"{who}_off", told(off[who]))
    listed = [f"{off_level[who][level]:+.1f} in {level} segments" for level in LEVELS]
    glue(f"{who}_levels", ", ".join(listed))
farther = max(off, key=lambda who: abs(off[who].value))
glue("farther", {"T": "TAS-Net", "R": "the reference"}[farther])

# %% [markdown]
# TAS-Net's peak GLS less the reference's has a mean over patients of {glue:text}`t_less_r:s` (below zero: TAS-Net sees more shortening), {glue:text}`sign:s` in the
# paper, whose bias in A4C is {glue:text}`t_less_r_paper:s`. Which of the two errs is not known there; here it is. From the same drawings, TAS-Net's GLS less the true one is
# {glue:text}`T_off:s`, the reference's {glue:text}`R_off:s` (above zero: too little shortening), so the sign is mostly due to {glue:text}`farther:s`. By level, end-systolic strain is off by
# {glue:text}`T_levels:s` with TAS-Net and by {glue:text}`R_levels:s` with the reference, open speckle tracking, which keeps its mesh smooth. Whether smoothing is the
# cause has not been tested, and EchoPac need not err alike.
#
# ## All 18 segments


# %% tags=["hide-input"] mystnb={"figure": {"caption": "A panel for each segment: its strain by TAS-Net from the first observer's drawing less that from the second's (T vs T), over the mean of both. Solid: bias; dashed: limits of agreement.", "name": "fig-segments"}}
def draw():
    figure, axes = plt.subplots(6, 3, figsize=(7.2, 9), sharex=True, sharey=True)
    paired = regional["T vs T"]
    for row, wall in zip(axes, WALLS, strict=True):
        for ax, level in zip(row, LEVELS, strict=True):
            some = paired[paired.segment == f"{level} {wall}"]
            draw_agreement(ax, some["first"], some["second"], color="C0")
            ax.set_title(f"{level} {wall}", fontsize=10)
    figure.supxlabel("mean of both (%)", fontsize=10)
    figure.supylabel("difference (% strain)", fontsize=10)
    return figure


themed(draw, "Bland-Altman plots of 18 segments")

# %% tags=["hide-input"]
found = {name: spread(paired).loc[SEGMENTS] for name, paired in regional.items()}
columns = {
    (name, number): written
    for name, spreads in found.items()
    for number, written in (
        ("bias", [told(row, 1) for _, row in spreads["bias"].iterrows()]),
        ("SD", [f"{sd:.1f}" for sd in spreads["sd"]["value"]]),
    )
}
table(pd.DataFrame(columns, SEGMENTS))

# %% tags=["remove-cell"]
sd = found["R vs R"]["sd"]["value"].astype(float)
glue("steadiest", sd.idxmin())
glue("shakiest", sd.idxmax())
kept = evidence.strains("hunt-a")
glue("kept", 100 * kept.accepted[kept.segment != "global"].mean())

# %% [markdown]
# In % strain, with 95 % intervals by patient; segments that not both observers accept are left out ({glue:text}`kept:.0f` % are accepted; the
# paper's experts kept 92 % in HUNT-A). By the reference, observers agree best on the {glue:text}`steadiest:s` and worst on the {glue:text}`shakiest:s` segment; in the paper,
# on mid inferoseptal and apical lateral ones.
#
# ## Curves of strain (Figure 5)
#
# A virtual patient with an infarct, filmed and followed while this page was built, from the true wall at end-systole (EchoTracker: in the first frame).

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
    curves[label(name)] = longitudinal_strain(tracks)
glue("territory", first.heart.drawn["territory"])
glue("view", ds.attrs["view"])


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Strain over one beat of a virtual patient with an infarct: of the whole wall (grey) and of its six segments, in truth and by three trackers. Dotted: end-systole.", "name": "fig-strain-curves"}}
def draw():
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.4), sharex=True, sharey=True)
    for ax, (name, (gls, segments)) in zip(axes.flat, curves.items(), strict=True):
        ax.plot(1e3 * ds.time, 100 * gls, color="gray", lw=2.5, label="global")
        for curve, segment in zip(segments.T, segment_names(ds.attrs["view"]), strict=True):
            ax.plot(1e3 * ds.time, 100 * curve, lw=1.2, label=segment)
        ax.axvline(1e3 * float(ds.time[es]), color="gray", lw=0.8, ls=":")
        ax.set_title(name, fontsize=10)
    figure.supxlabel("time after ED (ms)", fontsize=10)
    figure.supylabel("longitudinal strain (%)", fontsize=10)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


themed(draw, "Strain curves of six segments: truth, speckle tracking, EchoTracker and TAS-Net")

# %% [markdown]
# {glue:text}`view:s`; the infarct lies in the territory of the {glue:text}`territory:s`.
#
# ## Is an infarct found?
#
# A segment counts as akinetic where its true end-systolic strain is above {glue:text}`akinetic:.0f` %. A tracker calls it so where the strain that it measures is above some
# threshold. The ROC curve has, for all thresholds, the share of akinetic segments that are called so over the share of the others that are, wrongly. The area under it is the
# chance that of an akinetic segment and another one the akinetic one has the weaker measured shortening: 0.5 is a guess, 1 never fails.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "ROC curves: segments called akinetic rightly over those called so wrongly, for all thresholds on measured strain. Grey: guessing.", "name": "fig-roc"}}
segments = by_segment(infarcts)
segments["akinetic"] = segments.strain_true > AKINETIC
segments["off"] = segments.strain - segments.strain_true
shown = {label(name): some for name, some in segments.groupby("tracker", sort=False)}
glue("akinetic", AKINETIC)
glue("akinetic_segments", int(shown["TAS-Net"].akinetic.sum()))
glue("all_segments", len(shown["TAS-Net"]))
glue("infarct_patients", infarcts.patient.nunique())


def draw():
    figure, ax = plt.subplots(figsize=(6.4, 4))
    for name, some in shown.items():
        ax.plot(*roc(some.strain, some.akinetic), label=name, clip_on=False)
    ax.plot([0, 1], [0, 1], color="gray", lw=0.5)
    ax.set(xlabel="share of moving segments called akinetic", aspect="equal")
    ax.set_ylabel("share of akinetic segments called so")
    figure.legend(loc="outside right center")
    return figure


themed(draw, "ROC curves of the detection of akinetic segments by measured strain")

# %% tags=["hide-input"]
areas = {name: area(some.strain, some.akinetic, some.patient) for name, some in shown.items()}
table(
    {
        name: {("", "area under the ROC"): told(areas[name])}
        | {
            (which, what): f"{of:.1f}"
            for which, errors in (
                ("akinetic (% strain)", some.off[some.akinetic]),
                ("moving (% strain)", some.off[~some.akinetic]),
            )
            for what, of in (("mean |error|", errors.abs().mean()), ("bias", errors.mean()))
        }
        for name, some in shown.items()
    }
)

# %% tags=["remove-cell"]
glue("finder", max(areas, key=lambda name: areas[name].value))
rivals = shown["TAS-Net"], shown["speckle tracking"]
for name, some in zip(("tasnet", "speckle"), rivals, strict=True):
    glue(f"{name}_area", f"{areas[label(name)].value:.2f}")
    glue(f"{name}_akinetic", f"{some.off[some.akinetic].mean():+.1f}")
    glue(f"{name}_moving", f"{some.off[~some.akinetic].mean():+.1f}")
uneven = [some.groupby("file").strain.std().mean() for some in rivals]
uneven.append(rivals[0].groupby("file").strain_true.std().mean())
for name, sd in zip(("tasnet", "speckle", "true"), uneven, strict=True):
    glue(f"{name}_uneven", f"{sd:.1f}")
glue("evened", "evens out" if uneven[0] < uneven[2] else "does not even out")

# %% [markdown]
# {glue:text}`akinetic_segments` of {glue:text}`all_segments` segments of {glue:text}`infarct_patients` virtual patients; intervals 95 %, by patient; bias: below zero is too much shortening.
#
# The largest area is that of {glue:text}`finder:s` (speckle tracking's is {glue:text}`speckle_area:s`, TAS-Net's {glue:text}`tasnet_area:s`). TAS-Net's bias is {glue:text}`tasnet_akinetic:s` % strain in
# akinetic segments and {glue:text}`tasnet_moving:s` in the others (speckle tracking's: {glue:text}`speckle_akinetic:s` and {glue:text}`speckle_moving:s`), and the six strains of a film have an SD of
# {glue:text}`tasnet_uneven:s` by TAS-Net, {glue:text}`speckle_uneven:s` by speckle tracking and {glue:text}`true_uneven:s` in truth: TAS-Net {glue:text}`evened:s` what differs between segments. What
# it learnt from would teach it to: meshes that masks give have one strain along each half of the wall, from base to apex ({ref}`sec-strategies`), with an infarct or without. Whether
# this is a cause has not been tested here; tracked motion in later stages would tell.
#
# ## Does TAS-Net know when it is wrong?
#
# Its visibility is the speckle correlation with end-systole that it expects. Is that what is measured, along the true motion? And are segments of which it expects little
# those whose strain is wrong? Segments of HUNT-A's virtual patients are dropped, the least visible first; the share that is kept is the coverage, the mean error of its strain the
# risk {cite:p}`geifman2017`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left: measured correlation over what TAS-Net expects, in tenths, with 95 % intervals by patient; areas of dots: shares of points; thin line: equal. Right: mean error of end-systolic segmental strain over the share of segments kept, by TAS-Net's visibility and by the true correlation of the speckle, which nobody knows; dashed: as if the errors were known; thin line: without any choice.", "name": "fig-visibility"}}
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
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6))
    left.plot([0, 1], [0, 1], color="gray", lw=0.5)
    left.vlines(seen.said, seen.low, seen.high, color="C0")
    left.scatter(seen.said, seen.measured, s=10 + 200 * seen.share, color="C0", clip_on=False)
    left.set(xlabel="visibility", ylabel="measured correlation", xlim=(0, 1), ylim=(0, 1))
    for k, (name, risk) in enumerate(risks.items()):
        right.plot(risk.coverage, risk.risk, color=f"C{k}", label=name)
        right.fill_between(risk.coverage, risk.low, risk.high, color=f"C{k}", alpha=0.15, lw=0)
    right.plot(COVERAGES, risk.best, color="gray", ls="--", lw=1, label="errors known")
    right.axhline(wrong.mean(), color="gray", lw=0.8)
    right.set(xlabel="coverage", ylabel="mean |strain error| (% strain)", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


themed(draw, "Calibration of TAS-Net's visibility, and risk over coverage when it rejects segments")

# %% tags=["remove-cell"]
by = {name: risk.set_index(COVERAGES.round(2)) for name, risk in risks.items()}
risk = by["by visibility"]
glue("all", told(risk.loc[1.0, ["risk", "low", "high"]]))
glue("fewer", told(risk.loc[0.8, ["risk", "low", "high"]]))
glue("correlated", f"{by['by correlation'].risk[0.8]:.2f}")
glue("known", f"{risk.best[0.8]:.2f}")
gained = (risk.risk[1.0] - risk.risk[0.8]) / (risk.risk[1.0] - risk.best[0.8])
glue("gained", 100 * gained)
off = float((seen.share * (seen.measured - seen.said).abs()).sum())
glue("off", off)
glue("of_speckle", "yes" if off < 0.1 else "no")
glue("of_strain", "hardly" if gained < 0.1 else "a little" if gained < 0.5 else "yes")

# %% [markdown]
# Of the speckle: {glue:text}`of_speckle:s`; expected and measured correlation differ by {glue:text}`off:.2f` on average over the tenths. Of its strain: {glue:text}`of_strain:s`. The mean
# error of all segments is {glue:text}`all:s` % strain, of the 80 % most visible {glue:text}`fewer:s`. Had the errors been known, the best 80 % would err by {glue:text}`known:s`, so visibility finds
# {glue:text}`gained:.0f` % of what there is to gain; the 80 % of the highest true correlation err by {glue:text}`correlated:s`.
#
# ## Verdict
#
# By the rule of the scorecard:

# %% tags=["hide-input"]
table(beside_claims(evidence, "C19"))

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "06_bland_altman")

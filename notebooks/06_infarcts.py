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
# (sec-infarcts)=
# # What trackers make of an infarct, on virtual patients (Figure 5)
#
# *Curves of regional strain beside the truth, and whether segments that do not shorten are found.*
#
# The paper's Figure 5 shows one patient's curves by EchoPac, EchoTracker and TAS-Net, and names no disease; infarcts are our question. In short: how well segments that do
# not shorten are found, by the area under the ROC curve: {glue:text}`speckle_area:s` by speckle tracking and {glue:text}`tasnet_area:s` by TAS-Net, the first less the second
# {glue:text}`areas_less:s`; best by {glue:text}`finder:s`. In such segments TAS-Net's strain is off by {glue:text}`tasnet_akinetic:s` % strain (below zero: too much shortening), speckle tracking's by {glue:text}`speckle_akinetic:s`.
#
# Trackers start from the true wall at end-systole (EchoTracker: in the first frame). Archived run, of virtual patients who all have an infarct:
# `archive/comparison_infarcts.json`.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
half = False  # films end at end-systole

# %% tags=["hide-input"]
import matplotlib.pyplot as plt

from tas_lib.book import archived, glue, provenance, table, themed, told
from tas_lib.cohorts import cases, film
from tas_lib.detection import AKINETIC, area, area_less, roc
from tas_lib.evidence import Evidence, estimate
from tas_lib.regional import by_segment
from tas_lib.strain import longitudinal_strain, segment_names
from tas_lib.trackers import registry
from tas_lib.trackers.registry import label
from tas_lib.trackers.tracker import track

evidence = Evidence("archive")
infarcts = evidence.rows("comparison_infarcts")

# %% [markdown]
# ## Curves of strain (Figure 5)
#
# A virtual patient with an infarct, filmed and followed while this page was built.

# %% tags=["hide-input"]
first = next(cases("infarcts", 1, evidence.made["comparison_infarcts"]["seed"]))
ds = film(first, half, progress=False)
es = int(ds.attrs["es_frame"])
curves = {"truth": longitudinal_strain(ds.mesh.values)}
for name in ("speckle", "echotracker", "tasnet"):
    follow = registry.get(name)
    frame = es if follow.start == "es" else 0
    tracks = track(ds, ds.mesh.values[frame], follow, frame).tracks.values
    curves[label(name)] = longitudinal_strain(tracks)
glue("territory", first.heart.drawn["territory"])
glue("view", ds.attrs["view"])


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Strain from end-diastole on of a virtual patient with an infarct: of the whole wall (grey) and of its six segments, in truth and by three trackers. Dotted: end-systole.", "name": "fig-strain-curves"}}
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
# A segment counts as akinetic where its true end-systolic strain is above {glue:text}`akinetic:.0f` % (our limit). A tracker calls it so where the strain that it measures is above some
# threshold. For all thresholds, the ROC curve has the share of akinetic segments that are found over the share of the others that raise a false alarm. The area under it is the
# chance that the akinetic one of two segments has the weaker measured shortening: 0.5 is a guess, 1 never fails.

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
    ax.set(xlabel="share of other segments called akinetic", aspect="equal")
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
                ("others (% strain)", some.off[~some.akinetic]),
            )
            for what, of in (("mean |error|", errors.abs().mean()), ("bias", errors.mean()))
        }
        for name, some in shown.items()
    }
)

# %% tags=["remove-cell"]
glue("finder", max(areas, key=lambda name: areas[name].value))
rivals = shown["TAS-Net"], shown["speckle tracking"]
where = ["patient", "file", "segment"]
both = rivals[1].merge(rivals[0], on=where, suffixes=("", "_tasnet"))
assert len(both) == len(rivals[0])
apart = area_less(both.strain, both.strain_tasnet, both.akinetic, both.patient)
glue("areas_less", told(apart))
for name, some in zip(("tasnet", "speckle"), rivals, strict=True):
    glue(f"{name}_area", f"{areas[label(name)].value:.2f}")
    glue(f"{name}_akinetic", f"{some.off[some.akinetic].mean():+.1f}")
    glue(f"{name}_moving", f"{some.off[~some.akinetic].mean():+.1f}")
uneven = segments.groupby(["tracker", "patient", "file"])[["strain", "strain_true"]].std()
uneven = uneven.groupby(["tracker", "patient"]).mean()
glue("true_uneven", f"{uneven.strain_true.mean():.1f}")
for name, some in uneven.groupby("tracker"):
    glue(f"{name.split('/')[-1]}_uneven", told(estimate(some.strain - some.strain_true), 1))

# %% [markdown]
# {glue:text}`akinetic_segments` of {glue:text}`all_segments` segments of {glue:text}`infarct_patients` virtual patients; intervals 95 %, by patient; bias: below zero is too much shortening.
#
# TAS-Net's bias is {glue:text}`tasnet_akinetic:s` % strain in
# akinetic segments and {glue:text}`tasnet_moving:s` in the others (speckle tracking's: {glue:text}`speckle_akinetic:s` and {glue:text}`speckle_moving:s`), and the six true strains of a film have
# an SD of {glue:text}`true_uneven:s` % strain. The SD of what trackers measure, less that (below zero: differences between segments are evened out): {glue:text}`tasnet_uneven:s` by TAS-Net,
# {glue:text}`echotracker_uneven:s` by EchoTracker, which learnt the same data, {glue:text}`myotracker_uneven:s` by MyoTracker and {glue:text}`speckle_uneven:s` by speckle tracking, which learnt nothing. Why has not been tested.

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "06_infarcts")

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
# (sec-visibility)=
# # Does TAS-Net know when it is wrong? On virtual patients
#
# *Its visibility as a measure of quality: calibrated against the speckle's true correlation, and used to reject segments.*
#
# Its visibility is the speckle correlation with end-systole that it expects. Is that what is measured, along the true motion? And are segments of which it expects little
# those whose strain is wrong? Segments of HUNT-A's virtual patients are dropped, the least visible first; the share that is kept is the coverage, the mean error of its strain the
# risk {cite:p}`geifman2017`. In short: where it expects a correlation, the mean of what is measured is off by {glue:text}`off:.2f`, mean over tenths. As for strain: without the fifth of the segments that it sees least,
# the mean error is {glue:text}`fewer:s` % strain in place of {glue:text}`all:s`: {glue:text}`gained:s` % of the way to what
# knowing the errors would leave. The true correlation of the speckle, which nobody knows, would lead {glue:text}`gained_true:s` % of the way. Archived run, from the true walls: `archive/comparison_hunt-a.json`.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from tas_lib.book import archived, glue, provenance, themed, told
from tas_lib.claims import TASNET
from tas_lib.evidence import Evidence
from tas_lib.quality import COVERAGES, calibration, gained, risk_coverage
from tas_lib.regional import by_segment

evidence = Evidence("archive")

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
risk = risks["by visibility"].set_index(COVERAGES.round(2))
glue("all", told(risk.loc[1.0, ["risk", "low", "high"]]))
glue("fewer", told(risk.loc[0.8, ["risk", "low", "high"]]))
glue("known", f"{risk.best[0.8]:.2f}")
for key, column in (("gained", "visibility"), ("gained_true", "correlation")):
    share = 100 * np.array(gained(parts[column], wrong, parts.patient))
    glue(key, told(share, 0))
off = float((seen.share * (seen.measured - seen.said).abs()).sum())
glue("off", off)

# %% [markdown]
# Expected and measured correlation of the speckle are compared over the tenths of the left figure, weighted by their shares. Had the errors been known, the best 80 % of segments
# would err by {glue:text}`known:s` % strain.

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "06_visibility")

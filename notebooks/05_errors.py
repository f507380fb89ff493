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
# (sec-errors)=
# # What the errors are made of, on virtual patients
#
# *Where in the beat trackers lose the wall, whether they lose points or all of it, and what smooth or closed tracks would change, in folds and strain as well.*
#
# Of {glue:text}`recordings` recordings of {glue:text}`patients` virtual patients of HUNT-A, from the true walls. In short: TAS-Net's mean trajectory error (MTE) is
# {glue:text}`tasnet:s` mm, that of speckle tracking, which keeps its mesh smooth and closes it over the beat, {glue:text}`speckle:s`. Smooth tracks would change TAS-Net's by {glue:text}`smoothed:s` mm,
# closed ones by {glue:text}`closed:s`. Errors of trackers that are given the wall at end-systole grow with time from it. The mean shift of the mesh as a whole is {glue:text}`tasnet_shift:.0f` % as large as TAS-Net's MTE, and {glue:text}`speckle_shift:.0f` % as large as
# speckle tracking's. Smooth, TAS-Net's tracks would fold in {glue:text}`folded_smoothed:s` % of films in place of {glue:text}`folded:s` %, and the mean absolute difference of its peak strain between two observers would change by {glue:text}`less_apart:s` % strain. Archived runs:
# `archive/comparison_hunt-a.json` from the true walls, `archive/agreement_hunt-a.json` from what observers drew.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
open_patients = 12  # patients whose true wall is followed to the end of the beat

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from tas_lib.agreement import PERFECT
from tas_lib.book import archived, glue, provenance, table, themed, told
from tas_lib.claims import TASNET
from tas_lib.cohorts import cases
from tas_lib.comparison import people
from tas_lib.error_parts import DEGREE, PHASES
from tas_lib.evidence import DESIGNS, Evidence, absolute, estimate, less
from tas_lib.trackers.registry import label
from tas_lib.visits import true_path

PARTS = {  # column of `error_parts.parts` -> its title
    "shift": "of the mesh as a whole",
    "beam": "along the beam",
    "across": "across it",
}
REMEDIES = {"smoothed": "smooth along the wall", "closed": "closed"}
evidence = Evidence("archive")
rows = evidence.comparison("hunt-a")
rows[[*PARTS, *REMEDIES]] *= 1e3
errors = {column: people(rows, column) for column in ("mte", *PARTS, *REMEDIES)}
glue("recordings", rows.file.nunique())
glue("patients", rows.patient.nunique())
glue("degree", DEGREE)
late = rows.assign(late=1e3 * (rows.growth.str[-1] - rows.growth.str[PHASES]))
late = people(late, "late")
glue("late", "; ".join(f"{label(name)} {told(estimate(late[name]))}" for name in late))
change = {  # tracker -> remedy -> change of its MTE
    name: {
        title: told(less(errors["mte"].assign(corrected=errors[column][name]), "corrected", name))
        for column, title in REMEDIES.items()
    }
    for name in errors["mte"]
}
for key, title in REMEDIES.items():
    glue(key, change[TASNET][title])
open_patients = min(open_patients, rows.patient.nunique())
seed_of_cohort = evidence.made["comparison_hunt-a"]["seed"]
ends = [
    np.linalg.norm(path[-1, ..., [0, 2]] - path[0, ..., [0, 2]], axis=0).mean()
    for patient in range(1, open_patients + 1)
    for case in cases("hunt-a", patient, seed_of_cohort)
    for path in [true_path(case.heart, case.pose, case.scanner)]
]
glue("open_patients", open_patients)
glue("open", 1e3 * np.mean(ends))
glue("open_most", 1e3 * np.max(ends))
for key, name in (("tasnet", TASNET), ("speckle", "speckle")):
    glue(key, told(estimate(errors["mte"][name])))
    glue(f"{key}_shift", 100 * errors["shift"][name].mean() / errors["mte"][name].mean())

# %% [markdown]
# ## When they are lost
#
# Mean error over the beat, at equal steps of time from end-diastole to end-systole and from there to the end. Changes
# from end-systole to the end of the beat, in mm (EchoTracker and CoTracker are given the wall at end-diastole, the others at end-systole): {glue:text}`late:s`.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Mean error of all points over the beat with 95 % intervals by patient; EchoTracker and CoTracker start at end-diastole, in the first frame, the others at end-systole.", "name": "fig-errors-grow"}}
def draw():
    figure, ax = plt.subplots(figsize=(7, 3.4))
    phase = np.arange(2 * PHASES + 1) / PHASES
    for k, (name, some) in enumerate(rows.groupby("tracker", sort=False)):
        grown = some.assign(**{str(i): 1e3 * some.growth.str[i] for i in range(len(phase))})
        by_patient = grown.groupby("patient")[[str(i) for i in range(len(phase))]].mean()
        found = np.array([estimate(column) for _, column in by_patient.items()])
        ax.plot(phase, found[:, 0], color=f"C{k}", marker=".", label=label(name))
        ax.fill_between(phase, *found[:, 1:].T, color=f"C{k}", alpha=0.15, lw=0)
    ax.set_xticks([0, 1, 2], ["end-diastole", "end-systole", "end-diastole"])
    ax.set(ylabel="error (mm)", ylim=(0, None))
    ax.legend(fontsize=8)
    return figure


themed(
    draw, "Mean error of all trackers over the beat, from the frame where each is given the wall"
)

# %% [markdown]
# ## What is lost
#
# Mean distances (mm): of all points; of the mean position of all points (a shift of the whole mesh, which leaves strain as it is); along the beam and across it. Speckle is finest along the beam, but
# in apical views the wall moves mostly along it, too.

# %% tags=["hide-input"]
table(
    {
        label(name): {"MTE": told(estimate(errors["mte"][name]))}
        | {title: told(estimate(errors[column][name])) for column, title in PARTS.items()}
        for name in errors["mte"]
    }
)

# %% [markdown]
# ## What a correction would change
#
# MTE (mm) if the displacements since the given frame were replaced by the nearest polynomials of degree {glue:text}`degree` along the wall, linear across it; and if tracks were
# closed, as speckle tracking closes its own: the distance of the last frame from the first is taken for drift, and taken out evenly in time. The true wall is not closed: breathing, and a last frame
# just before the beat ends, leave it {glue:text}`open:.2f` mm from where it began (at most {glue:text}`open_most:.2f`; in the first {glue:text}`open_patients` patients). Changes of the MTE: below zero, the correction helps. Speckle tracking is smooth and closed already.

# %% tags=["hide-input"]
table(
    {
        label(name): {"MTE": told(estimate(errors["mte"][name]))} | change[name]
        for name in errors["mte"]
    }
)

# %% [markdown]
# ## Strain and folds of smooth tracks
#
# Roughness makes a line through tracks longer, by another amount in each frame, and can turn triangles over. Peak global longitudinal strain (GLS) of tracks as they are and made smooth as above: its mean absolute error
# from the true walls; folded films; and its mean absolute difference between two observers' drawings of {glue:text}`drawn_patients` of these patients, which *perfect tracking* carries along with the tissue. In % strain, percent of the length at end-diastole. Empty: not judged.

# %% tags=["hide-input"]
rows["gls_error_smoothed"] = 100 * (rows.gls_smoothed - rows.gls_true).abs()
rows["folded_smoothed"] = 100.0 * (rows.folds_smoothed > 0)
twice = DESIGNS["HUNT-A agreement"]
drawn = set(evidence.strains("hunt-a").tracker)
glue("drawn_patients", evidence.strains("hunt-a").patient.nunique())
cells = {}
for name in [*errors["mte"], PERFECT]:
    row = cells.setdefault(label(name), {})
    for column, title, digits in (
        ("gls_error", "|GLS error|", 2),
        ("folded", "folded films (%)", 0),
    ):
        for end, how in (("", "as tracked"), ("_smoothed", "smooth")):
            some = people(rows, column + end)
            row[title, how] = told(estimate(some[name]), digits) if name in some else ""
    for peak, how in (("gls", "as tracked"), ("gls_smoothed", "smooth")):
        found = (
            told(estimate(absolute(evidence.pairs(twice, name, peak=peak))))
            if name in drawn
            else ""
        )
        row["|difference| between observers", how] = found
for column in ("folded", "folded_smoothed"):
    glue(column, told(estimate(people(rows, column)[TASNET]), 0))
rough, smooth = (absolute(evidence.pairs(twice, TASNET, peak=p)) for p in ("gls", "gls_smoothed"))
glue("less_apart", told(estimate(smooth - rough)))
table(cells)

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "05_errors")

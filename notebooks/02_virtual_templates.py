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
# (sec-templates)=
# # The strategies on many virtual templates (section V-A)
#
# *Does what holds on one real clip hold over a population, and what does it cost that nobody knows the templates' true motion?*
#
# The paper simulates 98 patients of CAMUS (whose whole beats are TED, {doc}`/book/data`) and compares how the speckle of templates and simulations fades. Here virtual patients are the
# templates, taken as the paper takes real ones: masks with a segmentation's errors give the mesh. Of the first {glue:text}`few` templates the
# same was done with their true motion, which nobody knows of a real patient. Archived runs: `archive/strategies.json` and `archive/strategies_truth.json`.
#
# In short: {glue:text}`verdict:s` The mean absolute error (MAE) of the correlation is {glue:text}`mae_S1:.3f` (S1 at its best, {glue:text}`best_p:s`), {glue:text}`mae_S2:.3f` (S2) and {glue:text}`mae_S3:.3f` (S3); in the
# paper {glue:text}`paper_S1:.3f`, {glue:text}`paper_S2:.3f` and {glue:text}`paper_S3:.3f`. S2 less S1 is {glue:text}`S2_less:s`, S3 less S1 {glue:text}`S3_less:s`; the true motion
# changes the MAE of S3 by {glue:text}`gain_s3:s`.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import matplotlib.pyplot as plt

from tas_lib import paper
from tas_lib.book import archived, glue, provenance, table, themed, told
from tas_lib.claims import best_s1
from tas_lib.comparison import people
from tas_lib.evidence import Evidence, estimate, less
from tas_lib.fidelity import FLOOR, TEMPLATE
from tas_lib.scorecard import beside_claims

evidence = Evidence("archive")
rows, true = evidence.rows("strategies"), evidence.rows("strategies_truth")
same = rows[rows.file.isin(true.file)]
best = best_s1(rows)
glue("templates", rows.file.nunique())
glue("patients", rows.patient.nunique())
glue("few", true.file.nunique())
glue("best", best)
glue("best_p", best.removeprefix("S1 "))
mean, error = (people(rows, column, "strategy").mean() for column in ("mean", "mae"))
ones = mean.index[mean.index.str.startswith("S1")]
glue("less_coherent", int((mean[ones] < mean[TEMPLATE]).sum()))
glue("shares", len(ones))
for name in ("S2", "S3"):
    glue(f"{name}_wins", int((error[ones] > error[name]).sum()))
    glue(f"{name}_less", told(less(people(rows, "mae", "strategy"), name, best), 3))
held = "" if error["S3"] < error["S2"] < error[best] else "not "
glue("verdict", f"over this population the paper's order, S3 below S2 below S1, does {held}hold.")
fades = people(true, "mean", "strategy").mean()
glue("whole", fades["S1 p=1.0"])
glue("filmed", fades[TEMPLATE])

# %% [markdown]
# ## With the motion of masks
#
# Correlation with end-systole of {glue:text}`templates` templates of {glue:text}`patients` virtual patients and of their simulations: mean absolute error (MAE), mean over
# points and frames, and spread over the points of the wall; intervals 95 %, by patient. For scale, two simulations by S3 that differ in their seed alone.

# %% tags=["hide-input"]
order = list(dict.fromkeys(rows.strategy))
rows_shown = {}
for name in order:
    row = rows_shown[
        {TEMPLATE: "templates", FLOOR: "two S3 films, seeds apart"}.get(name, name)
    ] = {}
    for column, title in {"mae": "MAE", "mean": "mean", "spread": "spread"}.items():
        found = estimate(people(rows, column, "strategy")[name])
        row[title] = "" if name == TEMPLATE and column == "mae" else told(found, 3)
    row["paper's MAE"] = ""
for name, of in (("S1", best), ("S2", "S2"), ("S3", "S3")):
    printed = paper.value("V-A", name, "98 of CAMUS", "correlation MAE")
    rows_shown[of]["paper's MAE"] = f"{printed:.3f}"
    glue(f"paper_{name}", printed)
    glue(f"mae_{name}", people(rows, "mae", "strategy")[of].mean())
table(rows_shown)

# %% [markdown]
# The paper doesn't say which share $p$ its S1 has; its value stands beside the $p$ above 0 that suits these templates best, {glue:text}`best:s`. At p = 0 nothing in the film
# moves with the mesh: it copies the template's brightness, and could teach no motion. S3 errs less than S1 at {glue:text}`S3_wins` of {glue:text}`shares` values of p, S2 at {glue:text}`S2_wins`; the verdicts
# below are against the best p, which is strict for S2 and S3; claim C24, that one share makes speckle too coherent, is judged at the same p.
#
# The paper found the speckle of S1 too coherent; here {glue:text}`less_coherent` of {glue:text}`shares` values of p leave it, on average, *less* coherent than the templates'. Even p = 1 with the true motion keeps a
# correlation of {glue:text}`whole:.2f` where the templates keep {glue:text}`filmed:.2f`. The templates went through a scanner's smoothing filter, which holds correlation up ({ref}`sec-patients`), and their simulations did not; whether this is the
# cause was not tested.
#
# ## With the true motion


# %% tags=["hide-input"] mystnb={"figure": {"caption": "MAE of the same virtual templates, simulated with the motion of masks and with the true one, with 95 % intervals by patient. Dashed: two films by S3 that differ in their seed alone, from each other.", "name": "fig-true-motion"}}
def draw():
    figure, ax = plt.subplots(figsize=(7, 3.2))
    shown = [name for name in order if name not in (TEMPLATE, FLOOR)]
    for k, (of, label) in enumerate(((same, "motion of masks"), (true, "true motion"))):
        frame = people(of, "mae", "strategy")
        for at, name in enumerate(shown):
            found = estimate(frame[name])
            place = at + 0.16 * (2 * k - 1)
            ax.plot([place, place], [found.low, found.high], color=f"C{k}")
            ax.plot(place, found.value, "o", color=f"C{k}", label=None if at else label)
        ax.axhline(frame[FLOOR].mean(), color=f"C{k}", ls="--", lw=1)
    ax.set_xticks(range(len(shown)), [n.replace("S1 ", "S1\n").replace(", ", ",\n") for n in shown])
    ax.set(ylabel="correlation MAE", ylim=(0, None))
    ax.legend()
    return figure


themed(draw, "Correlation MAE by strategy with the motion of masks and with the true motion")

# %% tags=["remove-cell"]
with_masks, with_truth = (people(of, "mae", "strategy") for of in (same, true))
best_true = best_s1(true)
glue("best_true", best_true)
for name in ("S2", "S3"):
    glue(f"{name}_masks", told(less(with_masks, name, best_s1(same)), 3))
    glue(f"{name}_truth", told(less(with_truth, name, best_true), 3))
for key, frame in (("half_masks", with_masks), ("half_true", with_truth)):
    glue(key, told(less(frame, "S1 p=0.5", "S1 p=0.0"), 3))
glue("gain_s3", told(estimate((with_truth["S3"] - with_masks["S3"]).dropna()), 3))
glue("gain_s1", told(estimate((with_truth["S1 p=0.5"] - with_masks["S1 p=0.5"]).dropna()), 3))

# %% [markdown]
# MAE less that of S1 at its best, on these {glue:text}`few` templates: with the motion of masks S2 {glue:text}`S2_masks:s` and S3 {glue:text}`S3_masks:s`; with the true motion S2
# {glue:text}`S2_truth:s` and S3 {glue:text}`S3_truth:s` (S1 at its best: {glue:text}`best_true:s`). The true motion changes the MAE of S3 by {glue:text}`gain_s3:s` and
# that of S1 with p = 0.5 by {glue:text}`gain_s1:s`.
#
# A scatterer that is not coherent stands still and takes its brightness from the template's frames, one after the other ({eq}`eq-bsc`): what the template does there it does too,
# without any mesh. Coherent scatterers move with the mesh; where that is wrong they bring speckle that the template does not have. With the true motion S1 with p = 0.5
# less S1 with p = 0 is {glue:text}`half_true:s`, with that of masks {glue:text}`half_masks:s`. What wrong motion does not explain was not tested further.
#
# ## Verdicts
#
# By the rules of the {ref}`scorecard <sec-scorecard>`, from the motion of masks:

# %% tags=["hide-input"]
table(beside_claims(evidence, "C01", "C02", "C03", "C24"))

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "02_virtual_templates")

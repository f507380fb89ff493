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
# (sec-training-data)=
# # Which data teach more, on virtual patients (Table III)
#
# *Three networks, each trained on two data sets for as long: hearts that move simply with speckle that does not fade, or ours. And one that learns what speckle tracking finds.*
#
# The paper trains TAS-Net, MyoTracker and EchoTracker twice, on the simulations of Burman et al. and on *own data*, TAS-1K: 1,478 simulated videos of real templates
# (section V-D). Ours are simulations of the same virtual templates by either recipe: strategy S3, or simple hearts that move alike with speckle that does not fade
# ({doc}`/book/datasets`): nobody's data were used, and the second is a crude stand-in for those of Burman et al., which share with it only speckle that does not fade. In short: with our data in place of Burman-like ones, the mean trajectory error changes by {glue:text}`tasnet_less:s` mm for TAS-Net,
# {glue:text}`myotracker_less:s` for MyoTracker and {glue:text}`echotracker_less:s` for EchoTracker (below zero: own data teach more). Networks begin from nothing and learn for as many steps from either; those that ship learnt for longer, from more films ({ref}`sec-sota`). Archived runs:
# `archive/learners_sshf.json`, `archive/learners_hunt.json` and `archive/learners_hunt-a.json`.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from tas_lib import paper
from tas_lib.book import archived, glue, provenance, table, themed, told, trainings
from tas_lib.claims import NETWORKS
from tas_lib.comparison import people
from tas_lib.evidence import COHORTS, Evidence, estimate, less
from tas_lib.numbers import beside
from tas_lib.scorecard import beside_claims
from tas_lib.trackers.registry import label

evidence = Evidence("archive")
rows = evidence.learners(*COHORTS)
glue("recordings", rows.groupby(["patient", "file"]).ngroups)
glue("patients", rows.patient.nunique())

# %% [markdown]
# Mean trajectory error (MTE, mm) by cohort and view, from the true walls at end-systole, or in the first frame for EchoTracker:

# %% tags=["hide-input"]
cells = beside(evidence, "Table III").droplevel(1, axis=1).dropna(how="all")
cells.columns = pd.MultiIndex.from_tuples([where.split() for where in cells])
table(cells, "{:.2f}")

# %% [markdown]
# Ours are of {glue:text}`recordings` recordings of {glue:text}`patients` virtual patients. The paper's errors are distances from
# what clinical software found, ours from the truth, of networks a fraction of the size: rows compare, sizes don't. *Burman-like data* are those of Burman et al. themselves in the paper's rows, our stand-in in ours. Each network was trained once: intervals are of other patients, not of other trainings. The
# *real data* of EchoTracker are of patients whom nobody else has ([below](sec-labels) is what stands in). The paper has no A3C among its simulations, nor have we.
#
# Own data less Burman-like ones (below zero: own data teach more), over all cohorts and views, with 95 % intervals by patient, and the mean of the paper's differences:

# %% tags=["hide-input"]
learnt = people(rows, "mte")
fewer = {name: told(less(learnt, f"tas/{name}", f"burman/{name}")) for name in NETWORKS}
for name, text in fewer.items():
    glue(f"{name}_less", text)
printed = paper.numbers().query("table == 'Table III'").groupby("row").value.mean()
table(
    {
        name: {
            "own data": told(estimate(learnt[f"tas/{network}"])),
            "Burman-like data": told(estimate(learnt[f"burman/{network}"])),
            "difference": fewer[network],
            "difference, paper": f"{printed[f'{name} | TAS-1K'] - printed[f'{name} | Burman']:.2f}",
        }
        for network, name in NETWORKS.items()
    }
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "MTE of each patient, by what the network learnt; lines are means.", "name": "fig-training-data"}}
LEARNT = {"tas": "own data", "burman": "Burman-like data", "labels": "labels of speckle tracking"}
points = learnt.drop(columns="speckle").melt(value_name="MTE (mm)")
points[["learnt from", "network"]] = points.tracker.str.split("/", expand=True)
points = points.replace({"learnt from": LEARNT, "network": NETWORKS})


def draw():
    figure, ax = plt.subplots(figsize=(7, 3.6))
    groups = {"data": points, "x": "MTE (mm)", "y": "network", "hue": "learnt from"}
    groups |= {"order": list(NETWORKS.values()), "hue_order": list(LEARNT.values()), "ax": ax}
    sns.stripplot(**groups, dodge=True, jitter=False, alpha=0.5)
    width = 0.8 - 0.8 / len(LEARNT)  # between the outer of a network's rows, as above
    means = {"errorbar": None, "linestyle": "none", "marker": "|", "markersize": 16}
    sns.pointplot(**groups, dodge=width, legend=False, **means)
    ax.set(xlim=(0, None), ylabel="")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.2, 1), ncols=3, frameon=False)
    return figure


themed(draw, "Mean trajectory errors of three networks by the data that they learnt")

# %% [markdown]
# (sec-labels)=
# ## Labels of speckle tracking in place of simulations
#
# The paper's third data are real films with the labels of clinical software, errors included; TAS-Net, which learns simulations alone, errs as little as the EchoTracker
# that learnt these. What stands in for them are the films of the templates themselves, with the motion that open speckle tracking finds in them from the mesh at end-systole
# (`--strategy labels`). An EchoTracker that learns it for as many steps, beside its teacher, the same EchoTracker on simulations of the same templates, and TAS-Net:

# %% tags=["hide-input"]
strain = rows.assign(bias=100 * (rows.gls - rows.gls_true))
by_patient = {column: people(strain, column) for column in ("mte", "gls_error", "bias")}
LABELLED, TEACHER = "labels/echotracker", "speckle"
for key, column in (("labelled_less", "mte"), ("labelled_bias", "bias")):
    glue(key, told(less(by_patient[column], LABELLED, "tas/echotracker")))
for key, name in (("bias_labels", LABELLED), ("bias_tas", "tas/echotracker")):
    glue(key, f"{by_patient['bias'][name].mean():.2f}")
glue("teachers_bias", told(estimate(by_patient["bias"][TEACHER])))
table(
    {
        label(name): {
            "MTE (mm)": told(estimate(by_patient["mte"][name])),
            "|GLS error| (% strain)": told(estimate(by_patient["gls_error"][name])),
            "GLS less the truth (% strain)": told(estimate(by_patient["bias"][name])),
        }
        for name in (TEACHER, LABELLED, "tas/echotracker", "tas/tasnet")
    }
)

# %% [markdown]
# In place of simulations, the labels change EchoTracker's MTE by {glue:text}`labelled_less:s` mm. Does the pupil inherit its teacher's bias? That of its peak GLS changes
# by {glue:text}`labelled_bias:s` % strain, where the teacher's is {glue:text}`teachers_bias:s` (above zero: too little shortening).
# Both EchoTrackers see too little shortening, by {glue:text}`bias_labels:s` and {glue:text}`bias_tas:s` % strain: that is the network's own, beside which a teacher's bias can't be seen. The paper's
# EchoTracker erred less by its labels than by simulations; where ours does not, claim C15 is won against a weaker opponent.
#
# ## Training
#
# How these networks were trained, on a core each; *validation* is the error on patients of their own data that were kept back, and chose the weights:

# %% tags=["hide-input"]
table(trainings(evidence.made["learners_hunt"], label))

# %% [markdown]
# ## Verdicts
#
# By the rules of the scorecard:

# %% tags=["hide-input"]
table(beside_claims(evidence, "C13", "C14", "C15"))

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "05_training_data")

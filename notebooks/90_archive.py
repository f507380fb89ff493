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
# # Archived runs
#
# *What is too long to be computed while the book is built, and what made it.*
#
# Pages say where they show an archived number. Each of these files, in `notebooks/archive`, was written by the command beside
# it, from the commit that is named and no edited code; recordings may be of an earlier commit, and folders in commands are the reader's own. `refine.json` was put together
# from parts ({ref}`sec-table1`).

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import json
from pathlib import Path

from tas_lib.book import command, made_by, provenance, table
from tas_lib.trackers import registry, weights

rows = {}
for path in sorted(Path("archive").glob("*.json")):
    made = json.loads(path.read_text())
    seeds = made.get("seeds", [made["seed"]] if "seed" in made else [])
    rows[path.name] = {
        "commands": made_by(made),
        "seeds": ", ".join(map(str, seeds)) or "none",
        "commit": made["commit"],
        "device": made["device"],
        "date": made["date"],
    }
table(rows)

# %% [markdown]
# Where two commands stand, the first made the recordings, and seeds are those of the virtual patients.
#
# ## Weights
#
# The networks that ship were trained by `tas train`, on data that `tas dataset` makes, in two rounds: the second begins with the weights
# of the first. {doc}`/notebooks/00_learning` has their errors and minutes; `tas weights card NAME` shows all that is known of one.

# %% tags=["hide-input"]
rows = {}
for name in registry.NETWORKS:
    card = weights.card(registry.weights_of(name))
    for k, one in enumerate((card["init"], card), 1):
        rows[f"{name}, round {k}"] = {
            "command": command(one["command"]),
            "sequences": f"{one['sequences']} by {one['data']['strategy'].upper()}",
            "commit": one["commit"],
            "device": one["device"],
            "date": one["date"],
        }
table(rows)

# %% tags=["hide-input"]
provenance(profile, seed, "90_archive")

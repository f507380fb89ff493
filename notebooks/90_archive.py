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
# it, from the commit that is named and no edited code; folders in commands are the reader's own.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import json
from pathlib import Path

import pandas as pd

from tas_lib.book import provenance
from tas_lib.trackers import registry, weights

rows = {}
for path in sorted(Path("archive").glob("*.json")):
    made = json.loads(path.read_text())
    seeds = made.get("seeds", [made["seed"]] if "seed" in made else [])
    rows[path.name] = {
        "command": made["command"],
        "seeds": ", ".join(map(str, seeds)) or "none",
        "commit": made["commit"],
        "device": made["device"],
        "date": made["date"],
    }
table = pd.DataFrame(rows).T
table.style.set_properties(subset=["command"], **{"font-family": "monospace", "text-align": "left"})

# %% [markdown]
# ## Weights
#
# The networks that ship were trained by `tas train`, on data that `tas dataset` makes. `tas weights card NAME` shows
# all that is known of one.

# %% tags=["hide-input"]
cards = {
    name: weights.card(registry.weights_of(name))
    for name in registry.NETWORKS
    if registry.weights_of(name).is_file()
}
shown = "command", "seed", "sequences", "validation_mte_mm", "minutes", "commit", "device", "date"
table = pd.DataFrame({name: {key: card[key] for key in shown} for name, card in cards.items()}).T
table["validation_mte_mm"] = table.validation_mte_mm.map("{:.2f}".format)
table["minutes"] = table.minutes.map("{:.0f}".format)
table = table.rename(columns={"validation_mte_mm": "validation MTE (mm)"})
table.style.set_properties(subset=["command"], **{"font-family": "monospace", "text-align": "left"})

# %% tags=["hide-input"]
provenance(profile, seed, "90_archive")

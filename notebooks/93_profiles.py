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
# (sec-profiles)=
# # What to expect
#
# *Minutes and figures of each profile, on the machine that is named.*
#
# After `make book` with the profiles *smoke* and *laptop*, `make record PROFILE=...` wrote `archive/build_smoke.json` and `archive/build_laptop.json`. Of the
# profile *paper*, whose sizes are in `notebooks/profiles/paper.yaml`, there is no such run.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import pandas as pd

from tas_lib.archive import read
from tas_lib.book import archived, provenance, table

builds = {name: read(f"archive/build_{name}.json") for name in ("smoke", "laptop")}
table(
    {
        name: {
            "minutes": f"{made['minutes']:.0f}",
            "of all notebooks, summed": f"{rows.seconds.sum() / 60:.0f}",
            **{key: made[key] for key in ("device", "date", "commit")},
            "threads": ", ".join(rows.threads.unique()),
        }
        for name, (rows, made) in builds.items()
    },
    None,
)

# %% [markdown]
# Minutes are those of the notebooks, without environment and pages: from the start of the first to the end of the last, of which several may run at a time
# (`make book JOBS=2`, each on its share of the cores), and their sum. With the same seed and the versions of `constraints.txt` the figures should be these, but for frames a second, which depend on what else the machine does:

# %% tags=["hide-input"]
figures = pd.DataFrame({name: made["figures"] for name, (_, made) in builds.items()})
table(figures, "{:.3g}")

# %% [markdown]
# ## Notebook by notebook
#
# Seconds; pages that a build lacks, or that aren't listed, are newer than it:

# %% tags=["hide-input"]
seconds = pd.DataFrame({name: rows.set_index("page").seconds for name, (rows, _) in builds.items()})
table(seconds.rename_axis(None), "{:.0f}")

# %% tags=["hide-input"]
archived({f"build_{name}": made for name, (_, made) in builds.items()})

# %% tags=["hide-input"]
provenance(profile, seed, "93_profiles")

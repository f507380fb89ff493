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
# (sec-points)=
# # From curve to simulation
#
# *Choose a point of the wall, and see what its speckle does in the real clip and in the three simulations.*
#
# {ref}`Another page <sec-correlation>` compares all points at once. Here you look at one of the 36 points of the
# centreline: its window at end-systole (ES), the same tissue in another frame, and how alike the two are. Time counts
# from end-diastole (ED). The simulations are the paper's strategies: S1 lets a fixed share *p* of the scatterers ride on
# the tissue, S2 keeps both kinds of scatterers everywhere and weighs them by the real curve, and S3 corrects S2 by what came of it ({ref}`all three
# <sec-strategies>`).

# %% tags=["parameters"]
profile = "laptop"
seed = 0
frame_step = 1  # of the clip's frames, every how many are simulated

# %% tags=["remove-cell"]
import pandas as pd

from tas_lib.book import glue, provenance, table
from tas_lib.figures import middle
from tas_lib.laboratory.points import points
from tas_lib.recording import thin
from tas_lib.scene import Scene
from tas_lib.speckle import Window, correlation, mean_absolute_error
from tas_lib.strategies import s1, s3
from tas_lib.templates import default_template

template = thin(default_template(), frame_step)
template["correlation"] = correlation(template)
scene = Scene(template, seed, progress=False)
base = s1(scene)
base["correlation"] = correlation(base)
decorrelated, refined = s3(scene, template.correlation)
films = {"real": template, "S1": base, "S2": decorrelated, "S3": refined}

es = template.attrs["es_frame"]
errors = pd.DataFrame(
    {
        name: middle(mean_absolute_error(film.correlation, template.correlation, es)).values
        for name, film in films.items()
        if name != "real"
    }
)
best = errors.idxmin(axis=1).value_counts()
glue("p", base.attrs["p"])
glue("seed", seed)
glue("search", 1e3 * Window().search)

# %% tags=["hide-input"]
points(films)

# %% [markdown]
# The curve of a point is the correlation of its window at end-systole with the best match around its place in each
# other frame, found within {glue:text}`search:.0f` mm. *This frame* shows the place itself, *best match* the window that
# the correlation belongs to. S1 has *p* = {glue:text}`p`;
# all films have seed {glue:text}`seed`. *Mean error* is the mean distance of a film's curve from the real one.
#
# Things to find: a point where the real speckle is gone a frame after end-systole, and one where it stays; a point that S1
# fits well; one that S3 corrects too far. Do the windows that correlate look alike to you?
#
# With settings of your own, on your machine: `make lab`, then `notebooks/live/strategies.py`, which simulates the clip with
# any strategy, with the p or α you choose.
#
# ## All points
#
# How many of the points each strategy fits best, and the errors over all of them:

# %% tags=["hide-input"]
table(
    {
        name: {
            "best at": int(best.get(name, 0)),
            "mean": errors[name].mean(),
            "least": errors[name].min(),
            "largest": errors[name].max(),
            "at point": int(errors[name].argmax()) + 1,
        }
        for name in errors
    },
    {
        "best at": "{:.0f}",
        "at point": "{:.0f}",
        "mean": "{:.3f}",
        "least": "{:.3f}",
        "largest": "{:.3f}",
    },
)

# %% tags=["hide-input"]
provenance(profile, seed, "02_points")

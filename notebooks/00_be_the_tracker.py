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
# (sec-game)=
# # Be the tracker
#
# *Ten points of the wall: say where they went, then see where they were, and what two trackers say.*
#
# The films are of {ref}`virtual patients <sec-patients>`, so the truth is known. Each round shows a point at
# end-systole and asks three times, until the end of the beat, where the point is. You may step back as often as you
# like, and correct an answer until you place it.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
game_patients = 3  # whose films the points are in

# %% tags=["remove-cell"]
import numpy as np
import pandas as pd

from tas_lib.book import glue, provenance
from tas_lib.cohorts import cases, film
from tas_lib.laboratory.game import ASKED, REACH, draw_rounds, game
from tas_lib.simulator import CLINICAL, SectorOperator
from tas_lib.trackers import registry
from tas_lib.trackers.tracker import track

operator = SectorOperator(CLINICAL, progress=False)
trackers = {registry.label(name): registry.get(name) for name in ("speckle", "tasnet")}
films, tracks = [], []
for patient in range(1, game_patients + 1):
    case = next(c for c in cases("hunt", patient, seed) if c.pose.view == "A4C")
    ds = film(case, operator=operator, progress=False)
    es = ds.attrs["es_frame"]
    films.append(ds)
    tracks.append(
        {title: track(ds, ds.mesh.values[es], t, es).tracks.values for title, t in trackers.items()}
    )
rounds = draw_rounds(films, tracks, seed)
errors = pd.DataFrame([one.errors() for one in rounds]).mean() * 1e3
for name in errors.index:
    glue(f"error_{name}", errors[name])
whole = {
    title: np.mean(
        [
            np.linalg.norm(found[title] - ds.mesh.values, axis=-1).mean()
            for ds, found in zip(films, tracks, strict=True)
        ]
    )
    for title in trackers
}
for title, value in whole.items():
    glue(f"whole_{title}", 1e3 * value)
glue("rounds", len(rounds))
glue("asked", len(ASKED))
glue("reach", 1e3 * REACH)
glue("step", np.mean([np.diff(one.frames).mean() for one in rounds]))

# %% tags=["hide-input"]
game(rounds)

# %% [markdown]
# A score is the mean distance from the truth over the {glue:text}`asked` answers, in millimetres. *Staying* is what one
# gets by never moving. In these {glue:text}`rounds` rounds speckle tracking errs by
# {glue:text}`error_speckle tracking:.1f` mm, TAS-Net with the weights that ship by {glue:text}`error_TAS-Net:.1f` mm, and
# staying by {glue:text}`error_staying:.1f` mm. Few points say little: over all points and frames of the same films
# it is {glue:text}`whole_speckle tracking:.1f` and {glue:text}`whole_TAS-Net:.1f` mm,
# and {ref}`their page <sec-trackers>` has more patients.
#
# It is not a fair match. You see {glue:text}`reach:.0f` mm to each side of the point and one frame in
# {glue:text}`step:.1f`, and follow one point; the trackers see all frames and are given the whole wall; speckle tracking also keeps it smooth, and is told that the beat closes. On the
# other hand you know what a heart is. Where did you lose a point: where speckle faded, or where there was none?
#
# To watch any of the book's trackers on patients of your choice, on your machine: `make lab`, then
# `notebooks/live/trackers.py`.

# %% tags=["hide-input"]
provenance(profile, seed, "00_be_the_tracker")

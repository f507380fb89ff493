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
# (sec-worst)=
# # Where trackers fail, on virtual patients (Figure 3)
#
# *The film on which TAS-Net errs most, and EchoTracker's, with the tracks beside the truth.*
#
# Of the virtual patients of HUNT, judged by the archived run `archive/comparison_hunt.json`. The films are made anew while this page is built, and followed by the networks that
# ship. The paper's EchoTracker learnt from real videos, ours from simulations: compare kinds of failure, not sizes.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
half = False  # films end at end-systole

# %% tags=["hide-input"]
import numpy as np

from tas_lib.book import archived, glue, provenance
from tas_lib.cohorts import cases, film
from tas_lib.evidence import Evidence
from tas_lib.player import film_player
from tas_lib.strain import segment_names, segment_nodes
from tas_lib.trackers import registry
from tas_lib.trackers.registry import label
from tas_lib.trackers.tracker import track

evidence = Evidence("archive")
hunt, made = evidence.comparison("hunt"), evidence.made["comparison_hunt"]
worst, players = {}, {}
for name in ("tasnet", "echotracker"):
    row = hunt.loc[hunt.mte[hunt.tracker == f"tas/{name}"].idxmax()]
    number = int(row.patient.rpartition("-")[2])
    (case,) = (case for case in cases("hunt", number, made["seed"]) if case.file == row.file)
    worst[name] = row, film(case, half, progress=False)
for name, (row, ds) in worst.items():
    shown, errors = {"truth": ds}, []
    for tracker in ("tasnet", "echotracker", "speckle"):
        follow = registry.get(tracker)
        frame = int(ds.attrs["es_frame"]) if follow.start == "es" else 0
        tracks = track(ds, ds.mesh.values[frame], follow, frame)
        apart = 1e3 * np.linalg.norm(tracks.tracks.values - ds.mesh.values, axis=-1)
        error = apart.mean()
        if tracker == name:
            wall = np.stack(
                [apart[:, nodes].mean((1, 2)) for nodes in segment_nodes(apart.shape[1])]
            )
            segment, t = np.unravel_index(wall.argmax(), wall.shape)
            where = f"in the {segment_names(ds.attrs['view'])[segment]} segment, {wall.max():.1f} mm at {1e3 * float(ds.time[t]):.0f} ms"
            glue(
                f"where_{name}",
                f"{where} (end-systole: {1e3 * float(ds.time[ds.attrs['es_frame']]):.0f} ms)",
            )
        errors.append(f"{label(tracker)} {error:.2f} mm")
        shown[f"{label(tracker)}, {error:.2f} mm"] = ds.drop_vars("mesh").merge(
            tracks, combine_attrs="override"
        )
    players[name] = shown
    glue(f"worst_{name}", f"{row.file}, {row.pathology}, archived MTE {row.mte:.2f} mm")
    glue(f"errors_{name}", ", ".join(errors))
glue("until", "On its first half, to which films are cut in this profile," if half else "On it")

# %% tags=["hide-input"]
film_player(
    players["tasnet"],
    show_mesh=True,
    alt="the film on which TAS-Net errs most, followed by three trackers",
)

# %% [markdown]
# TAS-Net's worst: {glue:text}`worst_tasnet:s`. {glue:text}`until:s` the mean errors now are: {glue:text}`errors_tasnet:s`. TAS-Net errs most {glue:text}`where_tasnet:s`.

# %% tags=["hide-input"]
film_player(
    players["echotracker"],
    show_mesh=True,
    alt="the film on which EchoTracker errs most, followed by three trackers",
)

# %% [markdown]
# EchoTracker's worst: {glue:text}`worst_echotracker:s`. {glue:text}`until:s` the mean errors now are: {glue:text}`errors_echotracker:s`. EchoTracker errs most {glue:text}`where_echotracker:s`.

# %% tags=["hide-input"]
archived(evidence.made)

# %% tags=["hide-input"]
provenance(profile, seed, "05_worst_cases")

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
# (sec-real-clip)=
# # Trackers on the real clip
#
# *The networks of {ref}`the trackers' page <sec-trackers>` and speckle tracking on a film of a patient: no network ever saw one.*
#
# In short: peak global longitudinal strain is {glue:text}`least_peak:.1f` to {glue:text}`most_peak:.1f` %, by tracker. Nobody knows the truth; a beat after end-systole points come
# back to {glue:text}`nearest_closes:.1f` to {glue:text}`farthest_closes:.1f` mm from where they began, and their distances from the drawn walls, known to {glue:text}`drawn:.1f` mm, differ by up to {glue:text}`walls_apart:.1f` mm.

# %% tags=["parameters"]
profile = "laptop"
seed = 0

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shapely

from tas_lib import readers
from tas_lib.book import glue, provenance, table, themed
from tas_lib.figures import draw_mesh, show_frame
from tas_lib.player import film_player
from tas_lib.strain import longitudinal_strain
from tas_lib.templates import default_template
from tas_lib.trackers import registry
from tas_lib.trackers.registry import label
from tas_lib.trackers.tracker import track

follow = {name: registry.get(name) for name in registry.NAMES}

# %% [markdown]
# ## Does a point come back?
#
# Nobody knows the true motion of this clip, but a heart comes back: one beat after end-systole each point should be about
# where it was. For this, all trackers start from the drawn wall at end-systole and are not told that what follows is a whole beat, so that speckle tracking does not
# take its drift out; below, from one end-diastole to the next, it does.

# %% tags=["hide-input"]
beat = default_template()
es, period = int(beat.attrs["es_frame"]), beat.sizes["time"] - 1
whole = readers.read(readers.default_clip())
start = int(beat.frame[es])
first = int(np.flatnonzero(whole.frame == start)[0])
loop = whole.isel(time=slice(first, first + period + 1))
loop = loop.assign_coords(time=loop.time - loop.time[0])
found = {name: track(loop, beat.mesh.values[es], follow[name], 0) for name in registry.NAMES}
back = {
    name: 1e3 * np.linalg.norm(f.tracks.values[-1] - f.tracks.values[0], axis=-1)
    for name, f in found.items()
}
for name in ("tasnet", "speckle"):
    glue(f"{name}_closes", back[name].mean())
for which, choose in (("nearest", min), ("farthest", max)):
    name = choose(back, key=lambda name: back[name].mean())
    glue(which, label(name))
    glue(f"{which}_closes", back[name].mean())

# %% tags=["hide-input"]
table(
    {
        label(name): {
            "distance from its start, mean (mm)": gap.mean(),
            "90 % of points are within (mm)": np.quantile(gap, 0.9),
            "farthest on its way, mean (mm)": 1e3
            * np.linalg.norm(path - path[0], axis=-1).max(0).mean(),
        }
        for name, gap in back.items()
        for path in [found[name].tracks.values]
    },
    "{:.1f}",
)

# %% [markdown]
# A tracker that never moves would have the first two numbers zero, hence the third: how far from its start a point comes.
# The points of {glue:text}`nearest:s` end nearest to where they began, {glue:text}`nearest_closes:.1f` mm off on average, those of {glue:text}`farthest:s` farthest, {glue:text}`farthest_closes:.1f` mm off; TAS-Net's
# {glue:text}`tasnet_closes:.1f` mm, speckle tracking's {glue:text}`speckle_closes:.1f` mm. Breathing and the probe move the heart as well, so zero is not expected.
#
# ## Is the drawn wall reached?
#
# The walls that were drawn at end-diastole before and after it, by hand and to {glue:text}`drawn:.1f` mm, give another check: how far those that were tracked
# are from them, on average over the points of both. Differences well below {glue:text}`drawn:.1f` mm tell nothing apart, and those between trackers are at most {glue:text}`walls_apart:.1f` mm. Here EchoTracker and CoTracker start where they usually do not, in the frame of end-systole, and run both ways.

# %% tags=["hide-input"]
glue("drawn", beat.attrs["mesh_uncertainty_mm"])
tracked = {name: track(beat, beat.mesh.values[es], follow[name], es) for name in registry.NAMES}


def from_drawn(found, t):
    """Mean distance [mm] of the tracked walls' points from the drawn walls in a frame."""
    drawn = beat.mesh.values[t]
    return 1e3 * np.mean(
        [
            shapely.distance(
                shapely.linestrings(drawn[:, side]), shapely.points(found.tracks.values[t][:, side])
            )
            for side in (0, -1)
        ]
    )


off = pd.DataFrame(
    {
        label(name): {
            f"from the walls drawn {when} (mm)": from_drawn(of, t)
            for when, t in (("before", 0), ("after", -1))
        }
        for name, of in tracked.items()
    }
).T
glue("walls_apart", (off.max() - off.min()).max())
peaks = [100 * longitudinal_strain(f.tracks.values, 0)[0].min() for f in tracked.values()]
glue("least_peak", max(peaks))
glue("most_peak", min(peaks))
table(off, "{:.1f}")


# %% tags=["hide-input"] mystnb={"figure": {"caption": "The real clip, tracked from the wall drawn at end-systole: at end-diastole before and after it, and at end-systole. Dashed: the walls as drawn at end-diastole. The network never saw a real film before.", "name": "fig-tracked"}}
def draw():
    shown = "tasnet", "speckle"
    figure, axes = plt.subplots(2, 3, figsize=(9, 6.4))
    for row, name in zip(axes, shown, strict=True):
        for ax, t in zip(row, (0, es, beat.sizes["time"] - 1), strict=True):
            show_frame(ax, beat, t)
            draw_mesh(ax, tracked[name].tracks.values[t])
            if t != es:
                for side in (0, -1):
                    ax.plot(*1e3 * beat.mesh.values[t][:, side].T, "--", color="white", lw=1)
            ax.set_title(f"{label(name)}, {1e3 * float(beat.time[t]):.0f} ms", fontsize=9)
    return figure


themed(draw, "Three frames of the real clip with the wall as tracked by two trackers", kind="webp")

# %% tags=["hide-input"]
film_player(
    {
        label(name): beat.drop_vars("mesh").merge(tracked[name], combine_attrs="override")
        for name in ("tasnet", "speckle")
    },
    quantity="visibility",
    show_mesh=True,
    alt="the real clip with the wall as TAS-Net and speckle tracking follow it",
)


# %% [markdown]
# Choose the colours of *visibility*: over the left film the correlation with end-systole that TAS-Net expects; over the right one, how well blocks matched.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Longitudinal strain of the middle of the wall of the real clip. The truth is not known. This is one whole beat, of which speckle tracking is told: it takes its drift out, so that its curve ends where it began.", "name": "fig-real-strain"}}
def draw():
    figure, ax = plt.subplots(figsize=(6.4, 3.4))
    for name, f in tracked.items():
        strain = 100 * longitudinal_strain(f.tracks.values, 0)[0]
        ax.plot(1e3 * beat.time, strain, label=f"{label(name)}, peak {strain.min():.1f} %")
    ax.axhline(0, color="gray", lw=0.8)
    ax.set(xlabel="time after ED (ms)", ylabel="GLS (%)")
    figure.legend(loc="outside right center", fontsize=8)
    return figure


themed(draw, "Global longitudinal strain of the real clip by several trackers")

# %% tags=["hide-input"]
provenance(profile, seed, "00_real_clip")

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
# (sec-strategies)=
# # Simulation strategies
#
# *Section III-A of the paper, its Figure 1 and the frames of its Figure 2, on one real clip.*
#
# A real echocardiogram goes in, the *template*; simulated films with the same anatomy come out, in
# which the motion of every point of the heart muscle is known exactly. What makes such films useful
# for training a tracker is not only the motion: real speckle also *changes* while it moves, and the
# paper's three strategies differ in how they make simulated speckle change. This page runs all
# three. {ref}`The next one <sec-correlation>` measures which of them comes nearest to the clip.

# %% tags=["parameters"]
profile = "laptop"
seed = 0
frame_step = 1  # of the clip's frames, every how many are simulated

# %% tags=["hide-input"]
import dataclasses
import time
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.path import Path

from tas_lib.book import glue, provenance, table, themed
from tas_lib.coherence import WallMap
from tas_lib.figures import BRIGHTEN, draw_mesh, extent, show_frame
from tas_lib.mesh import centreline
from tas_lib.player import film_player
from tas_lib.recording import thin
from tas_lib.scene import Choices, Scene, acquisition_for
from tas_lib.simulator import SectorOperator
from tas_lib.speckle import Window, correlation, speckle_size
from tas_lib.strategies import s1, s3
from tas_lib.templates import default_template

choices = Choices()
template = thin(default_template(), frame_step)
template["correlation"] = correlation(template)
es = template.attrs["es_frame"]

# %% [markdown]
# ## The template
#
# The clip is an apical four-chamber view that a Python package ships
# ({doc}`what is known about it </book/data>`). Its walls were drawn by eye on some frames of one
# beat. From the two walls comes the mesh: points at equal arc lengths from base to apex to base,
# and between the walls. Equal arc lengths give each half of a wall, from base to apex, one strain all
# along, so the motion is *coarse*: as good as the drawing across the wall, a guess along it. It is
# what the paper calls the first stage; later stages replace it.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "The template at end-diastole and end-systole, with the mesh drawn from its contours: both walls (orange), and the centreline (blue), whose points are compared later.", "name": "fig-template"}}
def draw():
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for ax, t, name in zip(axes, (0, es), ("end-diastole (ED)", "end-systole (ES)"), strict=True):
        show_frame(ax, template, t, mesh=True)
        ax.set_title(f"{name}, {1e3 * float(template.time[t]):.0f} ms")
    return figure


themed(draw, "Two frames of the real clip with the left-ventricular wall outlined", kind="webp")

# %% tags=["remove-cell"]
length = np.linalg.norm(np.diff(centreline(template.mesh.values), axis=1), axis=2).sum(1)
glue("frames", template.sizes["time"])
glue("beat_ms", 1e3 * float(template.time[-1]))
glue("shortening", 100 * (1 - length[es] / length[0]))
glue("mesh_points", template.sizes["longitudinal"] * template.sizes["radial"])
glue("pixel", float(template.attrs["pixel_mm"]))

# %% [markdown]
# Simulated are {glue:text}`frames` frames of the beat, over {glue:text}`beat_ms:.0f` ms, at
# {glue:text}`pixel:.2f` mm a pixel, and the mesh {glue:text}`mesh_points` points. By these contours
# the centreline shortens by {glue:text}`shortening:.1f` % from ED to ES; that is a drawing's strain,
# not a measured one.
#
# ## From picture to scatterers
#
# The simulator sees the heart as point scatterers, five per square wavelength all over the sector.
# Each gets its backscatter coefficient from the brightness of the template where it lies,
#
# $$
# \mathrm{BSC}_i(t) = V(t, x_i, z_i)^{\gamma}\, \epsilon_i, \qquad \epsilon_i \sim \mathcal{N}(0, 1).
# $$ (eq-bsc)
#
# There are two populations. *Wall* scatterers are born at end-systole, keep the coefficient of that
# frame, and ride on the mesh. *Background* scatterers stay where they are and take their
# brightness $V$ anew from every frame. A coherence map says, place by place, how much of the speckle
# belongs to the wall population. Strategies differ in that map, and in whether it is the probability that a scatterer is there (S1) or
# its amplitude (S2, S3).

# %% tags=["remove-cell"]
wall = WallMap(template, choices.ramp)
operator = SectorOperator(acquisition_for(template))
scene = Scene(template, seed, choices, operator=operator, wall=wall)

glue("background", len(scene.background))
glue("wall", len(scene.wall_uv))


# %% tags=["hide-input"] mystnb={"figure": {"caption": "What the simulator gets. Left: a part of the wall at ES with a tenth of its wall scatterers (size: strength of the echo; red: positive, blue: negative). Middle: the same scatterers at ED, carried there by the mesh. Right: the template's speckle correlation with ES at every mesh point, at the end of the beat.", "name": "fig-scatterers"}}
def draw():
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.7), width_ratios=(1, 1, 1.1))
    some = np.random.default_rng(0).random(len(scene.wall_uv)) < 0.1
    for ax, t, name in zip(axes, (es, 0), ("ES", "ED"), strict=False):
        show_frame(ax, template, t)
        draw_mesh(ax, template.mesh.values[t])
        x, z = 1e3 * scene.wall_points(t)[some].T
        bsc = scene.wall_bsc[some]
        ax.scatter(x, z, s=40 * np.abs(bsc), c=np.sign(bsc), cmap="coolwarm", alpha=0.8, lw=0)
        ax.set(title=f"wall scatterers at {name}", xlim=(-40, 15), ylim=(135, 75))
    show_frame(axes[2], template, -1)
    x, z = 1e3 * template.mesh.values[-1].reshape(-1, 2).T
    values = template.correlation.values[-1].ravel()
    dots = axes[2].scatter(x, z, s=9, c=values, cmap="viridis", vmin=0, vmax=1)
    axes[2].set(title="correlation with ES", xlim=(-60, 75), ylim=(150, 30))
    figure.colorbar(dots, ax=axes[2], shrink=0.8, label="correlation")
    return figure


themed(
    draw, "Scatterers on the septum at two instants, and mesh points by correlation", kind="webp"
)

# %% [markdown]
# There are {glue:text}`background:,` background and {glue:text}`wall:,` wall scatterers.
#
# **Strategy 1** keeps the map static: $p$ inside the wall, falling linearly to 0 outside. It is
# a probability: with it a place at ES gets a wall scatterer, which rides along through all frames; with one minus it, frame by frame,
# a place has a background scatterer.
#
# **Strategy 2** measures how the template's own speckle changes: the normalised correlation of a
# window around each mesh point at ES with windows around the same point in the other frames, the
# best within a small search. These curves $C(t)$, interpolated over the wall, are the dynamic map
# $C_d$, and now amplitudes are mixed, both populations being present throughout:
#
# $$
# \begin{aligned}
# \mathrm{BSC}_m(t) &= \mathrm{BSC}_m(\mathrm{ES})\, C_d(t, x, z), \\
# \mathrm{BSC}_b(t) &\leftarrow \mathrm{BSC}_b(t)\, \bigl(1 - C_d(t, x, z)\bigr).
# \end{aligned}
# $$ (eq-s2)
#
# **Strategy 3** measures the correlation $C_\mathrm{sim}$ of what Strategy 2 made, asks for
#
# $$
# \tilde C = C + \alpha\, (C - C_\mathrm{sim}), \qquad \alpha = 2,
# $$ (eq-s3)
#
# and simulates again.

# %% tags=["remove-cell"]
start = time.perf_counter()
base = s1(scene)
base["correlation"] = correlation(base)
decorrelated, refined = s3(scene, template.correlation)
glue("film_seconds", (time.perf_counter() - start) / 3)
films = {"real clip": template, "S1": base, "S2": decorrelated, "S3": refined}
glue("p", base.attrs["p"])
glue("brighten", BRIGHTEN)
glue("ramp", 1e3 * choices.ramp)
glue("dynamic_range", choices.dynamic_range)
glue("window", 1e3 * Window().size)
glue("search", 1e3 * Window().search)
glue("probe", operator.acq.probe.name)
glue("lines", operator.acq.n_lines)
glue("line_step", np.degrees(operator.acq.angle_step))
glue("focus", 1e3 * operator.acq.transmit.distance)
glue("near", 1e3 * operator.acq.r_min)

# %% [markdown]
# ## The films

# %% tags=["hide-input"]
film_player(
    films,
    quantity=("correlation", "coherence"),
    alt="One beat of the real clip beside its simulations by strategies S1, S2 and S3",
)

# %% [markdown]
# One film takes {glue:text}`film_seconds:.1f` s, from an operator that imitates SIMUS {cite:p}`garcia2022`: {ref}`how accurate it is <sec-simulator>`, and
# {ref}`how fast beside PyMUST <sec-speed>`. All frames on this page are brightened alike, by a
# factor of {glue:text}`brighten:.1f`. The mesh is the simulations' *true* motion; on the
# real clip it is only our drawing.


# %% tags=["hide-input"] mystnb={"figure": {"caption": "End-systole and end-diastole of the clip and of its simulations, whole and in a 25 mm square on the septum. The ES frames of S2 and S3 are alike: all wall speckle is coherent there.", "name": "fig-frames"}}
def draw():
    figure, axes = plt.subplots(4, 4, figsize=(11, 9.6), height_ratios=(1.1, 1, 1.1, 1))
    for column, (name, film) in zip(axes.T, films.items(), strict=True):
        for (whole, zoom), t, instant in zip(
            (column[:2], column[2:]), (es, 0), ("ES", "ED"), strict=True
        ):
            show_frame(whole, film, t)
            whole.set_title(f"{name}, {instant}")
            x, z = 1e3 * centreline(template.mesh.values[t])[6]
            whole.add_patch(plt.Rectangle((x - 12.5, z - 12.5), 25, 25, fill=False, ec="#ffb000"))
            show_frame(zoom, film, t)
            zoom.set(xlim=(x - 12.5, x + 12.5), ylim=(z + 12.5, z - 12.5))
    return figure


themed(draw, "Frames of the clip and of three simulations, with zooms on the septum", kind="webp")


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Coherence maps: S1's is static and has one value all over the wall, S2's follows the clip's correlation, S3's is raised where S2's speckle correlated too little and lowered where it correlated too much. Colours: the bar, from purple (0) to yellow (1). Last frame of the beat.", "name": "fig-coherence"}}
def draw():
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
    for ax, name in zip(axes, ("S1", "S2", "S3"), strict=True):
        show_frame(ax, films[name], -1)
        seen = films[name].coherence.values[-1]
        image = ax.imshow(
            np.ma.masked_less(seen, 0.01), cmap="viridis", vmin=0, vmax=1, extent=extent(template)
        )
        ax.set(title=name, xlim=(-60, 75), ylim=(150, 30))
    figure.colorbar(image, ax=axes, shrink=0.8, label="coherence")
    return figure


themed(draw, "Coherence maps of the three strategies over the ventricle", kind="webp")

# %% [markdown]
# ## Alike to the eye?
#
# Grey levels (0 to 1) in the wall and in the cavity, and the size of the speckle (full width at half maximum
# of its autocorrelation in windows around the mesh points). Two things to look for. A real scanner
# smooths its picture and layered tissue is not fully developed speckle: at ES the clip's grains are {glue:text}`grain_ratio:.1f` times as long
# along the beam as S3's, and coarser grains forgive more motion. And {eq}`eq-s2` keeps the sum of the amplitudes, not of the powers: a half-and-half mixture
# has half the power, which shows as a darker wall away from ES.

# %% tags=["hide-input"]
inside = wall.spread(1.0) > 0.99
pixels = np.stack(np.meshgrid(template.x, template.z), -1).reshape(-1, 2)


def greys(frame, t):
    endo = template.mesh.values[t, :, 0]
    core = Path(0.7 * endo + 0.3 * endo.mean(0)).contains_points(pixels).reshape(frame.shape)
    return {
        "wall, mean grey": frame[inside[t]].mean(),
        "wall, SD": frame[inside[t]].std(),
        "cavity, mean grey": frame[core].mean(),
    }


rows = {}
for (name, film), (instant, t) in product(films.items(), {"ED": 0, "ES": es}.items()):
    axial, lateral = speckle_size(film, t)
    sizes = {"speckle, axial (mm)": 1e3 * axial, "speckle, lateral (mm)": 1e3 * lateral}
    rows[name, instant] = greys(film.bmode.values[t], t) | sizes
glue(
    "grain_ratio",
    rows["real clip", "ES"]["speckle, axial (mm)"] / rows["S3", "ES"]["speckle, axial (mm)"],
)
table(
    rows,
    dict.fromkeys(greys(template.bmode.values[0], 0), "{:.3f}") | dict.fromkeys(sizes, "{:.2f}"),
)

# %% [markdown]
# The paper gives no value of $\gamma$. Of the values below, these bring the wall's grey, its SD and
# the cavity's grey at ES all within 5 % of the clip: {glue:text}`good_gammas:s`. We take
# {glue:text}`gamma:.1f`: a smaller exponent keeps more of the dark tissue within the display. {ref}`The next page <sec-correlation>` shows how much it matters.

# %% tags=["hide-input"]
rows = {"real clip": greys(template.bmode.values[es], es)}
for gamma in (1.0, 1.5, 2.0, 2.5, 3.0):
    trial = Scene(
        template, seed, dataclasses.replace(choices, gamma=gamma), operator=operator, wall=wall
    )
    rows[f"γ = {gamma}"] = greys(trial.image(trial.background, trial.background_bsc(es)), es)
gammas = pd.DataFrame(rows).T
table(gammas, "{:.3f}")

# %% tags=["remove-cell"]
misfit = (gammas / gammas.loc["real clip"] - 1).drop("real clip").abs().max(axis=1)
good = [name for name in misfit.index if misfit[name] < 0.05]
glue("good_gammas", ", ".join(good) or "none")

# %% tags=["remove-cell"]
glue("gamma", choices.gamma)

# %% [markdown]
# ## What the paper does not say, and what we chose
#
# | | our choice |
# | --- | --- |
# | $\gamma$, and the direction of the exponent | $V^\gamma$ with $\gamma$ = {glue:text}`gamma:.1f`; $V$ = 1 at the 99.9th percentile inside the clip's sector |
# | $p$ of Strategy 1 | {glue:text}`p:.1f` here; the next page takes the best of a range |
# | width of the linear fall-off | {glue:text}`ramp:.0f` mm |
# | search of the correlation | {glue:text}`search:.0f` mm to each side; the window is the paper's 25 pixels in millimetres of CAMUS, {glue:text}`window:.1f` mm |
# | $\epsilon$ of the background | drawn once per scatterer ({eq}`eq-bsc` gives $\epsilon$ no time); redrawing it every frame is a switch |
# | probe and sequence | {glue:text}`probe:s`, {glue:text}`lines` focused lines {glue:text}`line_step:.2f`° apart, focus at {glue:text}`focus:.0f` mm; nothing is simulated nearer than {glue:text}`near:.0f` mm |
# | display | log compression over {glue:text}`dynamic_range:.0f` dB, then the grey map that undoes $V^\gamma$; gain set so that ES is as bright as in the clip |

# %% tags=["hide-input"]
provenance(profile, seed, "01_simulation_strategies")

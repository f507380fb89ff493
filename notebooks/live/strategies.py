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
# # From curve to simulation, live
#
# The real clip, every fourth frame of it, simulated with settings of yours: the strategy, its one number, and what the
# paper leaves open. Run all cells, then move the sliders; a film takes a few seconds.

# %%
import matplotlib.pyplot as plt
from ipywidgets import Dropdown, FloatSlider, IntSlider, interact

from tas_lib.figures import draw_curves, show_frame
from tas_lib.recording import thin
from tas_lib.scene import Choices, Scene, acquisition_for
from tas_lib.simulator import SectorOperator
from tas_lib.speckle import correlation, mean_absolute_error
from tas_lib.strategies import s1, s2_inverted, s3
from tas_lib.templates import default_template

template = thin(default_template(), 4)
es = template.attrs["es_frame"]
real = correlation(template)
operator = SectorOperator(acquisition_for(template), progress=False)

# %% [markdown]
# *p* belongs to S1, *α* to S3; *γ* undoes the display's compression. *S2 inverted* is the book's, not the paper's.


# %%
def experiment(strategy, p, alpha, gamma, seed):
    scene = Scene(template, seed, Choices(gamma=gamma), operator=operator, progress=False)
    if strategy == "S1":
        film = s1(scene, p)
    elif strategy == "S2 inverted":
        film = s2_inverted(scene, real)[0]
    else:
        film = s3(scene, real, alpha=alpha, corrections=int(strategy == "S3"))[-1]
    curves = correlation(film)
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for row, name, ds, values in zip(
        axes, ("real", strategy), (template, film), (real, curves), strict=True
    ):
        show_frame(row[0], ds, -1, mesh=True)
        draw_curves(row[1], values, es, plt.colormaps["viridis"])
        row[0].set_title(f"{name}, last frame")
        row[1].set_ylim(min(0, float(values.min())), 1.02)
        row[1].set_ylabel("correlation with end-systole")
    error = float(mean_absolute_error(curves, real, es).mean())
    axes[1, 1].set_title(f"mean absolute error {error:.3f}")
    plt.show()


# %%
def slider(value, least, most, step, name):
    options = {"continuous_update": False}
    return FloatSlider(value, min=least, max=most, step=step, description=name, **options)


_ = interact(
    experiment,
    strategy=Dropdown(options=["S1", "S2", "S3", "S2 inverted"], value="S3"),
    p=slider(0.5, 0, 1, 0.05, "p"),
    alpha=slider(2, 0, 3, 0.25, "α"),
    gamma=slider(2, 1, 3, 0.5, "γ"),
    seed=IntSlider(0, 0, 9, description="seed", continuous_update=False),
)

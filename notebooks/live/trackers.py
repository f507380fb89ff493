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
# # Trackers on virtual patients, live
#
# A virtual patient is filmed at 25 frames a second and followed from end-systole by the tracker of your choice.
# Run all cells, then choose; a new film takes some ten seconds, another tracker less.

# %%
import dataclasses
from functools import lru_cache

import matplotlib.pyplot as plt
import numpy as np
from ipywidgets import Dropdown, FloatSlider, IntSlider, interact

from tas_lib import cohorts
from tas_lib.anatomy import VIEWS
from tas_lib.figures import draw_mesh, show_frame
from tas_lib.simulator import CLINICAL, SectorOperator
from tas_lib.strain import longitudinal_strain
from tas_lib.trackers import registry
from tas_lib.trackers.tracker import track

operator = SectorOperator(CLINICAL, progress=False)


# %%
@lru_cache
def film(patient, view, noise):
    case = next(c for c in cohorts.cases("hunt", patient) if c.pose.view == view)
    scanner = dataclasses.replace(case.scanner, frame_rate=25.0, noise=noise)
    return cohorts.film(
        dataclasses.replace(case, scanner=scanner), operator=operator, progress=False
    )


def experiment(patient, view, noise, tracker):
    ds = film(patient, view, noise)
    es, true = ds.attrs["es_frame"], ds.mesh.values
    found = track(ds, true[es], registry.get(tracker), es).tracks.values
    off = 1e3 * np.linalg.norm(found - true, axis=-1)
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for ax, mesh, title in zip(axes, (true, found), ("true", tracker), strict=False):
        show_frame(ax, ds, -1)
        draw_mesh(ax, mesh[-1])
        ax.set_title(f"{title}, last frame")
    for mesh, style, name in ((true, "-", "true"), (found, "--", tracker)):
        strain = 100 * longitudinal_strain(mesh)[0]
        axes[2].plot(ds.time, strain, style, label=f"{name}, peak {strain.min():.1f} %")
    axes[2].set(
        xlabel="time (s)", ylabel="GLS (%)", title=f"mean trajectory error {off.mean():.2f} mm"
    )
    axes[2].legend()
    figure.suptitle(f"{ds.attrs['pathology']}, {ds.sizes['time']} frames")
    plt.show()


# %%
_ = interact(
    experiment,
    patient=IntSlider(1, 1, 30, continuous_update=False),
    view=Dropdown(options=list(VIEWS)),
    noise=FloatSlider(-5, min=-20, max=10, step=1, description="noise dB", continuous_update=False),
    tracker=Dropdown(options=["speckle", *registry.NETWORKS]),
)

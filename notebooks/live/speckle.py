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
# # Speckle that moves, live
#
# The speckle laboratory of the book with the library's own simulator: 200,000 scatterers in three dimensions, eight
# frames, the paper's correlation and open speckle tracking. Run all cells, then move the sliders.

# %%
import matplotlib.pyplot as plt
import numpy as np
from ipywidgets import FloatSlider, interact

from tas_lib import recording
from tas_lib.accuracy import scatterers
from tas_lib.figures import draw_mesh, show_frame
from tas_lib.simulator import Acquisition, SectorOperator
from tas_lib.simulator.display import ScanConverter, compress
from tas_lib.speckle import correlation
from tas_lib.trackers import registry
from tas_lib.trackers.tracker import track

FRAMES, PIVOT = 8, np.array([0, 84e-3])  # tissue is strained and turned about the pivot [m]
acq = Acquisition()
operator = SectorOperator(acq, progress=False)
PIXEL = 0.15e-3  # a quarter of a wavelength: windows move by whole pixels, and speckle must not notice [m]
x, z = PIXEL * np.arange(-400, 401), 20e-3 + PIXEL * np.arange(800)
to_pixels = ScanConverter(acq, z, x)
*points, rc = scatterers(acq, 200_000)
points = np.stack(points, -1)
y, lot = np.random.default_rng(1).uniform([[-6e-3], [0]], [[6e-3], [1]], (2, len(rc)))
nodes = np.stack(
    np.meshgrid(np.linspace(-24e-3, 24e-3, 9), [78e-3, 84e-3, 90e-3], indexing="ij"), -1
)

# %% [markdown]
# Tissue moves by so much in every frame, *out of plane* across the image; strain is that of the whole film. A share *p* of the scatterers
# rides on it, the others stay.


# %%
def moved(at, t, lateral, axial, strain, rotation):
    """Points (..., [x, z]) [m] of the first frame in frame t."""
    cos, sin = np.cos(np.radians(rotation * t)), np.sin(np.radians(rotation * t))
    along = (at - PIVOT) * [1, 1 + strain / 100 * t / (FRAMES - 1)]
    return along @ [[cos, sin], [-sin, cos]] + PIVOT + 1e-3 * t * np.array([lateral, axial])


def film(elevation, p, **motion):
    """The recording of the tissue: films, mesh as it truly moves, and its correlation."""
    rides = lot < p

    def frame(t):
        at = np.where(rides[:, None], moved(points, t, **motion), points)
        return *at.T, rc, y + 1e-3 * elevation * t * rides

    envelopes = np.abs(list(operator.frames(map(frame, range(FRAMES))))) / operator.sensitivity
    level = np.sqrt(np.mean(envelopes[0] ** 2, 1, keepdims=True))  # of every depth
    grey = compress(envelopes / level, 3.5, gamma=2, dynamic_range=50)
    ds = recording.new([to_pixels(g) for g in grey], np.arange(FRAMES) / 50, z, x, es_frame=0)
    ds["sector"] = (("z", "x"), to_pixels(np.ones_like(grey[0])) > 0)
    mesh = np.stack([moved(nodes, t, **motion) for t in range(FRAMES)])
    ds["mesh"] = (recording.MESH_DIMS, mesh)
    return ds.assign(correlation=correlation(ds))


def experiment(**settings):
    ds = film(**settings)
    tracked = track(ds, nodes, registry.get("speckle"), 0).tracks.values
    off = 1e3 * np.linalg.norm(tracked - ds.mesh.values, axis=-1).mean((1, 2))
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for ax, t in zip(axes, (0, -1), strict=False):
        show_frame(ax, ds, t)
        draw_mesh(ax, ds.mesh.values[t])
        ax.plot(*1e3 * tracked[t].reshape(-1, 2).T, "x", color="#f0e442", ms=4)
    axes[0].set_title("first frame")
    axes[1].set_title("last: true (lines), tracked (crosses)")
    axes[2].plot(ds.correlation.mean(("longitudinal", "radial")), "o-", label="correlation")
    axes[2].plot(off, "s--", label="tracking error (mm)")
    axes[2].set(xlabel="frame", ylim=(0, max(1.02, 1.1 * off.max())))
    axes[2].legend()
    plt.show()


# %%
def slider(value, least, most, step, unit):
    options = {"continuous_update": False, "readout_format": ".2f"}
    options["style"] = {"description_width": "7em"}
    return FloatSlider(value, min=least, max=most, step=step, description=unit, **options)


_ = interact(
    experiment,
    lateral=slider(0, 0, 1, 0.05, "lateral mm"),
    axial=slider(0.2, 0, 1, 0.05, "axial mm"),
    elevation=slider(0.1, 0, 0.5, 0.05, "out of plane mm"),
    strain=slider(0, -30, 30, 1, "strain %"),
    rotation=slider(0, 0, 2, 0.1, "rotation °"),
    p=slider(1, 0, 1, 0.05, "p"),
)

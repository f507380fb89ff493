"""What a segmentation leaves of a virtual patient: masks, and the coarse mesh that they give.

The situation of the paper's real templates (section III-A.1): nobody knows the true motion.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from tas_lib.masks import with_mesh
from tas_lib.mesh import cavity, mask
from tas_lib.recording import DIMS
from tas_lib.tissue import random_field

# Errors of a segmentation's masks, across the wall: their SD, length along it and time; our choice.
ACROSS, WAVE, LASTING = 0.8e-3, 15e-3, 0.1  # [m], [m], [s]
OF_THE_PATIENT = "heart", "pose", "scanner", "echogenicity", "transmit", "acquisition"  # attributes


def coarse(patient: xr.Dataset) -> xr.Dataset:
    """A virtual patient's recording with the mesh that masks give in place of the true one.

    The masks (`labels`) are a segmentation's, with errors across the wall that change over the
    beat, and say nothing of the motion along it: nodes keep equal arc lengths (section III-A.1).
    Raises InputError.
    """
    z, x = patient.z.values, patient.x.values
    labels = np.zeros(patient.bmode.shape, np.uint8)
    for label, mesh in zip(labels, _segmented(patient), strict=True):
        label[cavity(mesh, z, x)] = 1
        label[mask(mesh, z, x)] = 2
    kept = seen(patient).assign(labels=(DIMS["labels"], labels))
    return with_mesh(kept, *patient.mesh.shape[1:3], where=patient.attrs.get("source", "patient"))


def _segmented(patient: xr.Dataset) -> np.ndarray:
    """The true mesh (T, l, r, 2) [m] with its two walls where a segmentation finds them."""
    mesh, time = patient.mesh.values, patient.time.values
    across = mesh[:, :, -1] - mesh[:, :, 0]
    across = ACROSS * across / np.linalg.norm(across, axis=-1, keepdims=True)
    rng = np.random.default_rng([patient.attrs["seed"], *b"masks"])
    late = np.broadcast_to((WAVE / LASTING * time)[:, None], mesh.shape[:2])
    inner, outer = (
        random_field(
            np.stack([wall[..., 0], late, wall[..., 1]], -1).reshape(-1, 3), WAVE, rng
        ).reshape(*late.shape, 1)
        * across
        for wall in (mesh[:, :, 0], mesh[:, :, -1])
    )
    depth = np.linspace(0, 1, mesh.shape[2])[:, None]
    return mesh + (1 - depth) * inner[:, :, None] + depth * outer[:, :, None]


def seen(template: xr.Dataset) -> xr.Dataset:
    """A template without its mesh and, if it is a virtual patient, without what only we know."""
    kept = template[["bmode", "sector"]]
    kept.attrs = {name: value for name, value in kept.attrs.items() if name not in OF_THE_PATIENT}
    return kept

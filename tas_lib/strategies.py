"""The paper's three ways to make speckle lose its memory (section III-A), and one of ours."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import xarray as xr

from tas_lib.errors import InputError
from tas_lib.scene import Scene
from tas_lib.speckle import Window, correlation

Values = TypeVar("Values", np.ndarray, xr.DataArray)


def s1(scene: Scene, p: float = 0.5) -> xr.Dataset:
    """Strategy 1: a static coherence map (III-A.1). The paper gives no p: `02_correlation_mae`.

    The map is p inside the wall and falls linearly to 0 outside. It is the probability with which a
    place at ES gets a wall scatterer, and with which, in every frame, it goes without a background
    scatterer: the density of speckle stays the same everywhere.
    """
    if not 0 <= p <= 1:
        raise InputError("S1", "p", f"is {p}", "give a probability, 0 to 1")
    static = scene.wall.spread(p)
    drawn = scene.wall_lot < scene.wall.sample(static[scene.es], scene.wall_points(scene.es))
    return scene.film(
        wall_gain=lambda t, points: drawn,
        background_gain=lambda t, points: (
            scene.background_lot >= scene.wall.sample(static[t], points)
        ),
        strategy="S1",
        p=p,
    ).assign(coherence=(("time", "z", "x"), static))


def s2(scene: Scene, curves: xr.DataArray) -> xr.Dataset:
    """Strategy 2: a dynamic coherence map C_d from correlation curves (III-A.2).

    curves: (time, longitudinal, radial), as measured on the template. Eq. (2): wall scatterers are
    weighed by C_d, background scatterers by 1 - C_d; both stay present throughout, so that nothing
    flickers.
    """
    mesh = scene.template.mesh
    curves = curves.transpose(*mesh.dims[:3])
    if curves.shape != mesh.shape[:3]:
        problem = f"have shape {curves.shape} beside a mesh of {mesh.shape[:3]}"
        raise InputError("S2", "curves", problem, "measure them on this template")
    dynamic = scene.wall.spread(curves.values)
    return scene.film(
        wall_gain=lambda t, points: scene.wall.sample(dynamic[t], points),
        background_gain=lambda t, points: 1 - scene.wall.sample(dynamic[t], points),
        strategy="S2",
    ).assign(coherence=(("time", "z", "x"), dynamic))


def s3(
    scene: Scene,
    curves: xr.DataArray,
    window: Window = Window(),
    alpha: float = 2.0,
    corrections: int = 1,
) -> list[xr.Dataset]:
    """Strategy 3: correct the curves by what S2 made of them, and simulate again (III-A.3).

        C~ = C + alpha (C - C_sim)

    The paper corrects once; further corrections start from the curves of the one before. Returns
    the films of S2 and of every correction, each with its measured `correlation`.
    """
    asked, films = curves, []
    for step in range(corrections + 1):
        film = s2(scene, asked)
        film["correlation"] = correlation(film, window)
        if step:
            film.attrs |= {"strategy": "S3", "alpha": alpha, "corrections": step}
        films.append(film)
        asked = (asked + alpha * (curves - film.correlation)).clip(0, 1)
    return films


def coherence_of(correlation: Values, floor: Any = 0.0, ceiling: Any = 1.0) -> Values:
    """The coherence that gives a speckle correlation: Eq. (2) inverted, element by element.

    Amplitudes C and 1 - C of two independent fields mix as powers, and the correlation of
    intensities is the squared one of fields (of grey levels: nearly), so Eq. (2) turns C into

        rho = rho_0 + (rho_1 - rho_0) C^2 / (C^2 + (1 - C)^2).

    The floor rho_0 is what correlates at C = 0, the picture that lights both fields and the best
    of a search; the ceiling rho_1 is what motion, resolution and display leave at C = 1. That the
    floor adds up so is an empirical law: it holds where a picture's structure makes the floor.
    """
    q = np.clip((correlation - floor) / np.maximum(ceiling - floor, 1e-3), 0, 1)
    return np.sqrt(q) / (np.sqrt(q) + np.sqrt(1 - q))


def s2_inverted(
    scene: Scene, curves: xr.DataArray, window: Window = Window()
) -> tuple[xr.Dataset, xr.DataArray, xr.DataArray]:
    """Ours, not the paper's: S2 fed with the coherence that should give the wanted correlation.

    Returns the film, and rho_0 and rho_1 of `coherence_of`, each measured on a film of its own.
    """
    at_es = curves.time == curves.time[scene.es]
    floor, ceiling = (
        correlation(s2(scene, xr.where(at_es, 1.0, xr.full_like(curves, level))), window)
        for level in (0.0, 1.0)
    )
    film = s2(scene, coherence_of(curves, floor, ceiling).where(~at_es, 1.0))
    film.attrs["strategy"] = "S2 inverted"
    return film, floor, ceiling

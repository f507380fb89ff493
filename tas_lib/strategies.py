"""The paper's three ways to make speckle lose its memory (section III-A), and one of ours."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tas_lib.scene import Scene
from tas_lib.speckle import Window, correlation


def s1(scene: Scene, p: float = 0.8) -> xr.Dataset:
    """Strategy 1: a static coherence map (III-A.1).

    The map is p inside the wall and falls linearly to 0 outside. It is the probability with which a
    place at ES gets a wall scatterer, and with which, in every frame, it goes without a background
    scatterer: the density of speckle stays the same everywhere.
    """
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


def coherence_of(correlation, at_full_coherence=1.0):
    """The coherence that gives a speckle correlation: Eq. (2) inverted, element by element.

    Amplitudes C and 1 - C of two independent fields mix as powers, and the correlation of envelopes
    is close to the squared one of the fields, so Eq. (2) turns C into

        rho = rho_1 C^2 / (C^2 + (1 - C)^2)

    rho_1 being what is left at C = 1, after motion, resolution and display have taken their share.
    """
    q = np.clip(correlation / np.maximum(at_full_coherence, 1e-6), 0, 1)
    return np.sqrt(q) / (np.sqrt(q) + np.sqrt(1 - q))


def s2_inverted(
    scene: Scene, curves: xr.DataArray, window: Window = Window()
) -> tuple[xr.Dataset, xr.DataArray]:
    """Ours, not the paper's: S2 fed with the coherence that should give the wanted correlation.

    One film with C = 1 measures rho_1 of `coherence_of`. Returns the film and rho_1.
    """
    ceiling = correlation(s2(scene, xr.ones_like(curves)), window).clip(min=0)
    film = s2(scene, coherence_of(curves, ceiling))
    film.attrs["strategy"] = "S2 inverted"
    return film, ceiling

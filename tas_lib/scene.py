"""The scene that all strategies share: a template's scatterers, and the scanner that films them.

Two populations (section III-A.1). Wall scatterers keep their material coordinates in the mesh and
the backscatter coefficient that Eq. (1) gives them at end-systole. Background scatterers stay
where they are, all over the sector, and take their coefficient from every frame anew. A strategy
only says how loud each of them is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import brentq
from tqdm import tqdm

from tas_lib import __version__
from tas_lib.coherence import WallMap
from tas_lib.errors import InputError, check_positive
from tas_lib.mesh import interpolate, locate
from tas_lib.parallel import in_order
from tas_lib.recording import need, validate
from tas_lib.simulator import Acquisition, SectorOperator, uniform
from tas_lib.simulator.display import ScanConverter, compress

OF_THE_CLIP = (  # attributes that are not true of a simulation
    "sop_instance_uid",
    "manufacturer",
    "duplicates_dropped",
    "mesh_uncertainty_mm",
    "region_scale",
    "mesh_is_truth",
    "mesh_source",
    "made_of",
    "image_quality",
    "ejection_fraction",
    "end_diastolic_volume",
    "end_systolic_volume",
    "scanner",
    "echogenicity",
    "transmit",
)


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the paper leaves open, and our answers; `02_correlation_mae` tries others."""

    gamma: float = 2.0  # Eq. (1): BSC = V^gamma eps; `01_simulation_strategies` compares
    ramp: float = 3e-3  # width of the linear fall-off outside the wall [m]
    density: float = 5.0  # scatterers per square wavelength: the paper's
    dynamic_range: float = 70.0  # of the simulated display [dB]
    redraw: bool = False  # background: new eps every frame, or eps_i held as Eq. (1) has it

    def __post_init__(self) -> None:
        check_positive("choices", self, "gamma", "ramp", "density", "dynamic_range")


def acquisition_for(template: xr.Dataset) -> Acquisition:
    """The default acquisition, opened to the template's sector and depth; same line density."""
    base = Acquisition()
    sector = 2 * template.attrs["sector_half_angle"]
    lines = 1 + round(sector / base.angle_step)
    return dataclasses.replace(base, sector=sector, n_lines=lines, r_max=_depth(template))


def _depth(template: xr.Dataset) -> float:
    """What the template shows, up to the next millimetre [m]."""
    return np.ceil(1e3 * template.attrs["sector_r_max"]) / 1e3


class Scene:
    """Scatterers of one template and one seed, ready to be filmed."""

    def __init__(
        self,
        template: xr.Dataset,
        seed: int = 0,
        choices: Choices = Choices(),
        *,
        operator: SectorOperator | None = None,
        wall: WallMap | None = None,
        progress: bool = True,
    ):
        """template: a recording with mesh [m], sector and es_frame.

        `operator` and `wall` are slow to make and may be shared by scenes of one template. Raises
        InputError where the template lacks something, or one of them is of another.
        """
        needed = "mesh", "sector", "es_frame", "sector_half_angle", "sector_r_max"
        need(template, needed, "add it before simulating")
        self.template, self.seed, self.choices, self.progress = template, seed, choices, progress
        self.operator = operator or SectorOperator(acquisition_for(template), progress=progress)
        self.wall = wall or WallMap(template, choices.ramp)
        if self.wall.ramp != choices.ramp or len(self.wall.meshes) != template.sizes["time"]:
            problem = "was made for another ramp or another clip"
            raise InputError("scene", "wall", problem, "make one for this template")
        self.es = int(template.attrs["es_frame"])
        acq, attrs = self.operator.acq, template.attrs
        seen = acq.sector / 2 - attrs["sector_half_angle"], acq.r_max - attrs["sector_r_max"]
        if min(seen) < -1e-6:
            problem = "images less than the template shows"
            raise InputError("scene", "operator", problem, "make one of acquisition_for(template)")
        self._convert = ScanConverter(acq, template.z.values, template.x.values)
        per_area = choices.density / acq.wavelength**2
        self._loudness = self.operator.sensitivity * np.sqrt(per_area)
        self._brightest = float(
            np.quantile(template.bmode.values[:, template.sector.values], 0.999)
        )
        if self._brightest == 0:
            source = template.attrs.get("source", "template")
            raise InputError(source, "bmode", "is black", "give a clip that shows something")

        rng_background, rng_wall = np.random.default_rng(seed).spawn(2)
        deepest = min(acq.r_max, _depth(template))
        self.background = np.stack(uniform(acq, deepest, per_area, rng_background), -1)
        self._background_eps = rng_background.standard_normal(len(self.background))
        self.background_lot = rng_background.random(len(self.background))

        candidates = np.stack(uniform(acq, deepest, per_area, rng_wall), -1)
        uv = locate(self.wall.meshes[self.es], candidates)
        kept = np.isfinite(uv[:, 0])
        self.wall_uv = uv[kept]
        self.wall_bsc = self.amplitude(self.es, candidates[kept]) * rng_wall.standard_normal(
            kept.sum()
        )
        self.wall_lot = rng_wall.random(kept.sum())
        self.white = self._gain()

    def amplitude(self, t: int, points: np.ndarray) -> np.ndarray:
        """V^gamma of Eq. (1) in frame t at points (n, 2) [m]; V = 1 at the clip's 99.9 %."""
        v = self.wall.sample(self.template.bmode.values[t], points) / self._brightest
        return np.clip(v, 0, 1) ** self.choices.gamma

    def background_bsc(self, t: int) -> np.ndarray:
        """Eq. (1) for the background in frame t (n,)."""
        eps = self._background_eps
        if self.choices.redraw:
            eps = np.random.default_rng([self.seed, t]).standard_normal(len(eps))
        return eps * self.amplitude(t, self.background)

    def wall_points(self, t: int) -> np.ndarray:
        """Where the wall's scatterers are in frame t (n, 2) [m]: riding on the mesh."""
        return interpolate(self.wall.meshes[t], self.wall_uv)

    def film(
        self,
        wall_gain: Callable[[int, np.ndarray], np.ndarray],
        background_gain: Callable[[int, np.ndarray], np.ndarray],
        **attrs: Any,
    ) -> xr.Dataset:
        """Image all frames; each gain maps (frame, points (n, 2) [m]) to factors (n,) on the BSC.

        Returns a recording on the template's grid, with its mesh, which is now the true motion.
        """

        def frame(t: int) -> np.ndarray:
            points = self.wall_points(t)
            behind = self.background_bsc(t) * background_gain(t, self.background)
            return self.image(
                np.concatenate([points, self.background]),
                np.concatenate([self.wall_bsc * wall_gain(t, points), behind]),
            )

        template, count = self.template, self.template.sizes["time"]
        title = str(attrs.get("strategy", "simulate"))
        shown: Any = {"unit": "frame", "leave": False, "disable": not self.progress}
        frames = np.stack(list(tqdm(in_order(frame, range(count)), title, count, **shown)))
        out = template[["mesh", "sector"]].drop_vars("mask_interpolated", errors="ignore")
        out = out.assign(bmode=(("time", "z", "x"), frames))
        out.attrs = {
            **{k: v for k, v in template.attrs.items() if k not in OF_THE_CLIP},
            "template": template.attrs.get("source", ""),
            "source": "simulated",
            "seed": self.seed,
            **dataclasses.asdict(self.choices),
            "redraw": int(self.choices.redraw),
            "acquisition": self.operator.acq.key,
            "tas_lib": __version__,
            **attrs,
        }
        return validate(out)

    def image(self, points: np.ndarray, bsc: np.ndarray) -> np.ndarray:
        """One B-mode frame (z, x) of scatterers at points (n, 2) [m]."""
        return self._show(self._envelope(points, bsc), self.white)

    def _envelope(self, points: np.ndarray, bsc: np.ndarray) -> np.ndarray:
        loud = bsc != 0
        x, z = points[loud].T
        return np.abs(self.operator(x, z, bsc[loud])) / self._loudness

    def _show(self, envelope: np.ndarray, white: float) -> np.ndarray:
        grey = self._convert(
            compress(envelope, white, self.choices.gamma, self.choices.dynamic_range)
        )
        return np.clip(grey, 0, 1) * self.template.sector.values

    def _gain(self) -> float:
        """The white level with which the simulated ES frame is as bright as the template's."""
        envelope = self._envelope(self.background, self.background_bsc(self.es))
        aim, ends = float(self.template.bmode[self.es].mean()), (1e-3, 1e3)

        def excess(white: float) -> float:
            return self._show(envelope, white).mean() - aim

        if not excess(ends[0]) > 0 > excess(ends[1]):
            source = self.template.attrs.get("source", "template")
            problem = f"has a mean of {aim:.2g} at end-systole, which no gain gives"
            raise InputError(source, "bmode", problem, "give a clip that shows something there")
        return brentq(excess, *ends, rtol=1e-3)

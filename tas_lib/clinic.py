"""A virtual patient as a clinical scanner sees it: a heart, cut by a slice of finite thickness.

Scatterers fill space and are named where they are at end-diastole; the heart moves them. What the
lens does not see has no echo, so speckle decorrelates by itself where tissue crosses the slice.
Blood is drawn anew in every frame. True motion is that of the material points that lie in the image
plane at end-diastole: they leave it later (`elevation`), and their mesh is never made anew.
"""

from __future__ import annotations

import dataclasses
import json
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from tqdm import tqdm

from tas_lib import __version__, recording
from tas_lib.anatomy import VIEWS, WALLS
from tas_lib.artefacts import Console, Scanner
from tas_lib.errors import InputError, check_choice
from tas_lib.heart import Heart
from tas_lib.mesh import mesh_from_walls
from tas_lib.parallel import in_order
from tas_lib.recording import MESH_DIMS
from tas_lib.simulator import SectorOperator
from tas_lib.strain import longitudinal_strain, segment_names
from tas_lib.tissue import Echogenicity, Slice

PIVOT = 70e-3  # below the apex: about the line there the foreshortened plane is tilted [m]
MESH = 36, 5  # nodes along and across the wall, as the templates have them
SCANNER, ECHOES = Scanner(), Echogenicity()


@dataclasses.dataclass(frozen=True)
class Pose:
    """Where the image plane lies in the heart. All zero but `apex_depth`: the ideal apical view.

    Image coordinates (x, y, z) [m] start at the probe: x to the right of the image, z down the
    beam, y out of the plane. The heart is turned by `rotation` about its long axis, by
    `foreshortening` about a line across the plane, 70 mm from the apex, and by `tilt` about the
    apex within the plane; then it is shifted.
    """

    view: str = "A4C"
    apex_depth: float = 18e-3  # of the epicardial apex below the probe [m]
    tilt: float = 0.0  # in the plane, apex fixed; positive moves the base to the right [rad]
    foreshortening: float = 0.0  # out of the plane; the apex leaves it [rad]
    rotation: float = 0.0  # of the plane about the long axis, beyond the view's angle [rad]
    lateral: float = 0.0  # shift of the heart to the right [m]
    elevation: float = 0.0  # and out of the plane [m]

    def __post_init__(self) -> None:
        check_choice("pose", "view", self.view, VIEWS)
        limits = {"apex_depth": 0.1, "tilt": 1, "foreshortening": 1, "rotation": np.pi}
        for field, limit in {**limits, "lateral": 0.1, "elevation": 0.1}.items():
            if not abs(getattr(self, field)) <= limit:
                problem = f"is {getattr(self, field)}"
                raise InputError("pose", field, problem, f"give metres or radians, up to {limit}")

    @cached_property
    def axes(self) -> np.ndarray:
        """The image's x, y and z directions in heart coordinates, as rows (3, 3)."""
        angle = np.deg2rad(60 * WALLS.index(VIEWS[self.view][0])) + self.rotation
        left = np.array([np.cos(angle), np.sin(angle), 0.0])
        down = np.array([0.0, 0.0, 1.0])
        (ct, cf), (st, sf) = (f([self.tilt, self.foreshortening]) for f in (np.cos, np.sin))
        tilt = np.array([[ct, 0, st], [0, 1, 0], [-st, 0, ct]])
        nod = np.array([[1, 0, 0], [0, cf, sf], [0, -sf, cf]])
        return tilt @ nod @ np.stack([-left, np.cross(down, -left), down])

    @cached_property
    def apex(self) -> np.ndarray:
        """The heart's origin in image coordinates (3,) [m]."""
        pivot = np.array([0.0, 0.0, PIVOT])
        straight = dataclasses.replace(self, foreshortening=0.0).axes
        shift = np.array([self.lateral, self.elevation, self.apex_depth])
        return straight @ pivot - self.axes @ pivot + shift

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Heart coordinates (..., 3) -> image coordinates (..., 3) [m]."""
        return points @ self.axes.T + self.apex

    def to_heart(self, points: np.ndarray) -> np.ndarray:
        """Image coordinates (..., 3) -> heart coordinates (..., 3) [m]."""
        return (points - self.apex) @ self.axes

    def in_plane(self, flat: ArrayLike) -> np.ndarray:
        """Points (..., 2) [x, z] of the image plane in heart coordinates (..., 3)."""
        return self.to_heart(np.insert(np.asarray(flat, float), 1, 0.0, axis=-1))


def image(
    heart: Heart,
    pose: Pose = Pose(),
    scanner: Scanner = SCANNER,
    seed: int = 0,
    *,
    tissue: Echogenicity = ECHOES,
    half: bool = False,
    operator: SectorOperator | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Film one beat of the heart (from end-diastole; `half`: to end-systole) -> recording.

    Beside bmode and sector it has the truth about the material points in the plane at ED: `mesh`
    (their x and z), `elevation` (time, longitudinal, radial) [m], their distance from the plane,
    and the Lagrangian strain of the middle line of the wall between them: `strain` (time, segment)
    and `gls` (time,) of the line in space, `strain_in_plane` and `gls_in_plane` of its projection
    onto the image. `operator`, of the scanner's acquisition, is slow to make and may be shared.
    The same seed gives the same bits with any number of `workers`. Raises InputError.
    """
    es = round(heart.es * scanner.frame_rate)
    last = es if half else int(heart.cycle.rr[0] * scanner.frame_rate + 1e-6)
    time = np.arange(last + 1) / scanner.frame_rate
    shared: Any = {"tissue": tissue, "operator": operator, "progress": progress}
    scan = Scan(heart, pose, scanner, seed, end=time[-1], **shared)
    acq = scanner.acquisition
    frames = in_order(lambda k: scan.picture(k, time[k]), range(len(time)), workers)
    shown = list(tqdm(frames, "scan", len(time), leave=False, unit="frame", disable=not progress))
    out = recording.new(
        np.stack(shown),
        time,
        scan.console.z,
        scan.console.x,
        sector=scan.console.sector,
        source=f"virtual patient, seed {seed}",
        licence="MIT",
        view=pose.view,
        ed_frame=0,
        es_frame=es,
        cycle="ED to ES" if half else "ED to ED",
        frame_rate=scanner.frame_rate,
        sector_half_angle=acq.sector / 2,
        sector_r_min=acq.r_min,
        sector_r_max=scanner.depth,
        seed=seed,
        pose=_describe(pose),
        scanner=_describe(scanner),
        transmit=type(acq.transmit).__name__,
        echogenicity=_describe(tissue),
        acquisition=acq.key,
        heart=_describe(heart),
        tas_lib=__version__,
    )
    return recording.validate(with_truth(out, scan.path(time)))


def _describe(thing: Any) -> str:
    """All fields of a dataclass as JSON text."""
    return json.dumps(dataclasses.asdict(thing), default=lambda value: np.asarray(value).tolist())


class Scan:
    """A heart, a pose, a scanner and a seed, ready to be imaged from t = 0 to `end` [s]."""

    def __init__(
        self,
        heart: Heart,
        pose: Pose,
        scanner: Scanner,
        seed: int,
        *,
        end: float,
        tissue: Echogenicity = ECHOES,
        operator: SectorOperator | None = None,
        progress: bool = True,
    ):
        self.heart, self.pose, self.seed = heart, pose, seed
        acq = scanner.acquisition
        self.operator = operator or SectorOperator(acq, progress=progress)
        if self.operator.acq != acq:
            problem = "images another acquisition than the scanner's"
            raise InputError("scan", "operator", problem, "make one of scanner.acquisition")
        right, _, down = pose.axes
        walls = heart.anatomy.outline(pose.in_plane([0.0, 0.0]), right, down)
        self.mesh = mesh_from_walls(*walls, *MESH, where=f"heart in {pose.view}")  # at ED
        self.console = Console(scanner, self.operator, seed)
        rng = np.random.default_rng([seed, 1])
        shown = {"density": scanner.density, "depth": scanner.depth, "end": end}
        self.slice = Slice(heart, pose, acq, walls, rng, echoes=tissue, **shown)

    def amplified(self, frame: int, t: float) -> np.ndarray:
        """What is shown (depth, line), complex, before compression; myocardium is about 1."""
        rng = np.random.default_rng([self.seed, 2 + frame])
        return self.console.amplify(self.operator(*self.slice.scatterers(t, rng)), rng)

    def picture(self, frame: int, t: float) -> np.ndarray:
        """Grey levels (z, x) of one frame."""
        return self.console.show(self.amplified(frame, t))

    def path(self, time: np.ndarray) -> np.ndarray:
        """Where the mesh's material points are (time, l, r, [x, y, z]), image coordinates [m]."""
        material = self.heart.at(self.pose.in_plane(self.mesh).reshape(-1, 3))
        moved = [self.pose.to_image(self.heart.move(material, t)) for t in time]
        return np.reshape(moved, (len(time), *MESH, 3))


def with_truth(ds: xr.Dataset, path: np.ndarray) -> xr.Dataset:
    """Add mesh, elevation and strain, see `image`, of material points (time, l, r, [x, y, z])."""
    ds = recording.with_nodes(ds, path[..., [0, 2]])
    ds = ds.assign_coords(segment=segment_names(ds.attrs["view"]))
    ds["elevation"] = (MESH_DIMS[:3], path[..., 1], {"units": "m"})
    for suffix, line in (("", path), ("_in_plane", path[..., [0, 2]])):
        whole, segments = longitudinal_strain(line)
        what = "mid-wall Lagrangian strain, " + ("in the image" if suffix else "in space")
        attrs = {"units": "1", "long_name": what}
        ds[f"strain{suffix}"] = (("time", "segment"), segments, attrs)
        ds[f"gls{suffix}"] = ("time", whole, attrs)
    return ds

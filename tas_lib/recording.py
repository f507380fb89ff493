"""The recording: one labelled container in SI units for a clip, its mesh and its correlation.

A recording is an `xarray.Dataset`. Only ``bmode`` is compulsory; a mesh is added by
``ds["mesh"] = (MESH_DIMS, points)``. The origin is the apex of the scanned sector: z points away
from the probe, x to the right of the image.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from tas_lib import hdf5
from tas_lib.errors import InputError, unwritable

MESH_DIMS = ("time", "longitudinal", "radial", "axis")
DIMS = {
    "bmode": ("time", "z", "x"),
    "sector": ("z", "x"),
    "mesh": MESH_DIMS,
    "correlation": MESH_DIMS[:3],
    "coherence": ("time", "z", "x"),
    "labels": ("time", "z", "x"),
}
LABELS = "background", "left-ventricular cavity", "myocardium", "left atrium"  # 0, 1, 2, 3
UNITS = {"time": "s", "z": "m", "x": "m", "mesh": "m", "axis": ""}
RANGES = {"bmode": (0, 1), "coherence": (0, 1), "correlation": (-1, 1)}
SECTOR = "sector_half_angle", "sector_r_min", "sector_r_max"  # attributes: rad, m, m
TOLERANCE = 2e-3  # m, by which a mesh point may lie outside the sector


def new(
    bmode: ArrayLike,
    time: ArrayLike,
    z: ArrayLike,
    x: ArrayLike,
    *,
    sector: ArrayLike | None = None,
    **attrs: Any,
) -> xr.Dataset:
    """Build and validate a recording.

    bmode: (time, z, x) grey levels in [0, 1]; time [s]; z, x [m]; sector: (z, x) bool, where the
    scanner shows data. Keyword arguments become attributes; those that are None are left out.
    Raises InputError.
    """
    for name, values, ndim in (("bmode", bmode, 3), ("time", time, 1), ("z", z, 1), ("x", x, 1)):
        _check_kind("recording", name, np.asarray(values).dtype)
        if np.ndim(values) != ndim:
            problem = f"has {np.ndim(values)} dimensions instead of {ndim}"
            raise InputError("recording", name, problem, "give bmode as (time, z, x)")
    lengths = tuple(np.size(c) for c in (time, z, x))
    if np.shape(bmode) != lengths:
        problem = f"shape {np.shape(bmode)} does not match time, z, x of lengths {lengths}"
        raise InputError("recording", "bmode", problem, "give bmode as (time, z, x)")
    ds = xr.Dataset(
        {"bmode": (DIMS["bmode"], np.asarray(bmode, np.float32))},
        {name: np.asarray(c, np.float64) for name, c in (("time", time), ("z", z), ("x", x))},
        {k: str(v) if isinstance(v, str) else v for k, v in attrs.items() if v is not None},
    )
    if sector is not None:
        if np.shape(sector) != lengths[1:]:
            problem = f"shape {np.shape(sector)} does not match z, x of lengths {lengths[1:]}"
            raise InputError("recording", "sector", problem, "give one value per pixel")
        ds["sector"] = (DIMS["sector"], np.asarray(sector, bool))
    return validate(ds)


def validate(ds: xr.Dataset, where: object = "recording") -> xr.Dataset:
    """Return the recording with units on every variable; raise an InputError naming any fault."""
    if "bmode" not in ds:
        raise InputError(where, "bmode", "is missing", "build recordings with recording.new")
    for name in (*DIMS, "time", "z", "x"):
        if name in ds.variables:
            _check_kind(where, name, ds[name].dtype)
    for name, dims in DIMS.items():
        if name not in ds:
            continue
        if ds[name].dims != dims:
            problem = f"has dimensions {ds[name].dims} instead of {dims}"
            raise InputError(where, name, problem, "transpose or rename them")
        if ds[name].size == 0:
            raise InputError(where, name, f"is empty {ds[name].shape}", "choose frames and pixels")
        if not np.isfinite(ds[name].values).all():
            count = int((~np.isfinite(ds[name].values)).sum())
            problem = f"{count} of {ds[name].size} values are NaN or infinite"
            raise InputError(where, name, problem, "replace or leave out what was not measured")
    for name, (low, high) in RANGES.items():
        if name in ds and not (low - 1e-6 <= ds[name].min() and ds[name].max() <= high + 1e-6):
            problem = f"values run from {float(ds[name].min()):.4g} to {float(ds[name].max()):.4g}"
            raise InputError(where, name, problem, f"scale them to [{low}, {high}]")
    if "labels" in ds and not np.isin(ds["labels"], range(len(LABELS))).all():
        remedy = ", ".join(f"{k} {name}" for k, name in enumerate(LABELS))
        raise InputError(where, "labels", "hold other values", f"keep to {remedy}")
    _check_coordinates(ds, where)
    _check_sector(ds, where)
    if "mesh" in ds:
        if "axis" in ds.coords and list(ds["axis"].values) != ["x", "z"]:
            problem = f"is {list(ds['axis'].values)}"
            raise InputError(where, "axis", problem, "order points as x, z")
        check_mesh(ds, ds["mesh"].values, where)
    for name in ("ed_frame", "es_frame"):
        frame = ds.attrs.get(name, 0)
        if not isinstance(frame, int | np.integer) or not 0 <= frame < ds.sizes["time"]:
            problem = f"{frame} is not one of the {ds.sizes['time']} frames"
            raise InputError(where, name, problem, "count the frames of this recording from 0")
    ds = ds.copy()
    for variable in ds.variables:
        ds[variable].attrs.setdefault("units", UNITS.get(str(variable), "1"))
    return ds


def _check_kind(where: object, name: str, dtype: np.dtype) -> None:
    if dtype.kind not in "biuf":
        raise InputError(where, name, f"holds values of type {dtype}", "give real numbers")


def _check_coordinates(ds: xr.Dataset, where: object) -> None:
    if ds.sizes["time"] < 2:
        raise InputError(where, "time", "has one frame", "give a clip of two or more")
    for name in ("time", "z", "x"):
        if name not in ds.coords:
            raise InputError(where, name, "has no values", "build recordings with recording.new")
        stated = ds[name].attrs.get("units", UNITS[name])
        if stated != UNITS[name]:
            raise InputError(where, name, f"is in {stated!r}", f"convert it to {UNITS[name]!r}")
        values = ds[name].values
        steps = np.diff(values)
        if not np.isfinite(values).all() or values.size < 2 or not (steps > 0).all():
            raise InputError(where, name, "does not increase everywhere", "sort it, drop repeats")
        if name != "time" and np.ptp(steps) > 1e-3 * steps.mean():
            problem = f"steps vary from {steps.min():.4g} to {steps.max():.4g} m"
            raise InputError(where, name, problem, "resample the images to uniform pixels")
    start = float(ds["time"][0])
    if abs(start) > 1e-9:
        raise InputError(where, "time", f"starts at {start:.4g} s", "subtract the start")


def _check_sector(ds: xr.Dataset, where: object) -> None:
    missing = [name for name in SECTOR if name not in ds.attrs]
    if len(missing) == len(SECTOR):
        return
    if missing:
        remedy = f"state {', '.join(SECTOR)}, or none of them"
        raise InputError(where, ", ".join(missing), "is missing from the sector", remedy)
    for name in SECTOR:
        if not (isinstance(ds.attrs[name], Real) and np.isfinite(ds.attrs[name])):
            problem = f"is {ds.attrs[name]!r}"
            raise InputError(where, name, problem, "give one finite number, in radians or metres")
    half_angle, r_min, r_max = (ds.attrs[name] for name in SECTOR)
    if not 0 < half_angle < np.pi / 2:
        problem = f"is {half_angle:.4g}"
        raise InputError(where, SECTOR[0], problem, "give radians between 0 and pi / 2")
    if not 0 <= r_min < r_max:
        problem = f"are {r_min:.4g} and {r_max:.4g}"
        raise InputError(where, ", ".join(SECTOR[1:]), problem, "give rising distances in metres")


def check_mesh(ds: xr.Dataset, mesh: np.ndarray, where: object = "recording") -> None:
    """Raise an InputError where a mesh (time, l, r, 2) [m] folds or leaves the recording's sector.

    The recording needs its sector's attributes, or else x and z.
    """
    if mesh.shape[1] < 2 or mesh.shape[2] < 2 or mesh.shape[3] != 2:
        problem = f"shape {mesh.shape} is not (time, longitudinal >= 2, radial >= 2, 2)"
        raise InputError(where, "mesh", problem, "give points [x, z] on a grid of wall cells")
    outside = _distance_outside(ds, mesh)
    if outside.max() > TOLERANCE:
        frame = int(np.argmax(outside.max(axis=(1, 2))))
        problem = f"leaves the sector by {1e3 * outside.max():.1f} mm at frame {frame}"
        remedy = "correct the contours, or check that points are metres from the apex, x before z"
        raise InputError(where, "mesh", problem, remedy)
    area = triangle_areas(mesh)
    folded = area * np.sign(np.median(area)) <= 0
    if folded.any():
        frame = int(np.argmax(folded.sum(axis=(1, 2, 3))))
        problem = f"{int(folded[frame].any(axis=-1).sum())} cells are folded at frame {frame}"
        remedy = "check that the contours do not cross and run the same way round in every frame"
        raise InputError(where, "mesh", problem, remedy)


def with_nodes(ds: xr.Dataset, mesh: np.ndarray) -> xr.Dataset:
    """The recording with this mesh (time, l, r, 2) [m] in place of its own and all that lay on it.

    Coordinates are 0 to 1 along and across the wall.
    """
    along, across = (np.linspace(0, 1, n) for n in mesh.shape[1:3])
    ds = ds.drop_dims(MESH_DIMS[1:], errors="ignore").assign(mesh=(MESH_DIMS, mesh))
    return ds.assign_coords(longitudinal=along, radial=across, axis=["x", "z"])


def whole_beat(ds: xr.Dataset) -> bool:
    """Whether the recording says that it ends at the phase at which it began."""
    return ds.attrs.get("cycle") == "ED to ED"


def need(ds: xr.Dataset, names: Iterable[str], remedy: str, where: object | None = None) -> None:
    """Raise an InputError unless each name is a variable or an attribute of the recording."""
    for name in names:
        if name not in ds and name not in ds.attrs:
            where = where or ds.attrs.get("source", "recording")
            raise InputError(where, name, "is missing", remedy)


def triangle_areas(mesh: np.ndarray) -> np.ndarray:
    """Signed areas [m^2] of both triangles of each cell: (time, cells along, cells across, 2)."""
    a, b, c, d = mesh[:, :-1, :-1], mesh[:, 1:, :-1], mesh[:, 1:, 1:], mesh[:, :-1, 1:]
    triangles = ((b - a, c - a), (c - a, d - a))
    return np.stack([u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0] for u, v in triangles], -1) / 2


def _distance_outside(ds: xr.Dataset, mesh: np.ndarray) -> np.ndarray:
    """How far [m] each point lies outside the sector (or the image, if no sector is stated)."""
    x, z = mesh[..., 0], mesh[..., 1]
    if SECTOR[0] not in ds.attrs:
        limits = (ds.x.values[0] - x, x - ds.x.values[-1], ds.z.values[0] - z, z - ds.z.values[-1])
        return np.maximum.reduce(limits)
    half_angle, r_min, r_max = (ds.attrs[name] for name in SECTOR)
    r = np.hypot(x, z)
    beyond = np.clip(np.abs(np.arctan2(x, z)) - half_angle, 0, np.pi / 2)
    return np.maximum.reduce((r - r_max, r_min - r, r * np.sin(beyond)))


def save(ds: xr.Dataset, path: str | Path) -> Path:
    """Validate a recording and write it as NetCDF, compressed; never half under its name.

    bmode and coherence are kept in steps of 1/255. Raises InputError, also when the disk is full.
    """
    ds = validate(ds, path)
    for attrs in (ds.attrs, *(variable.attrs for variable in ds.variables.values())):
        for name, value in attrs.items():
            if not _is_storable(value):
                remedy = "make it text, a number or a list of either"
                raise InputError(path, name, f"NetCDF cannot hold {value!r}", remedy)
    for name in {"bmode", "coherence"} & set(ds.data_vars):
        levels = np.rint(255 * ds[name].values).astype(np.uint8)
        ds[name] = (DIMS[name], levels, {**ds[name].attrs, "scale_factor": 1 / 255})
    encoding = {str(name): {"zlib": True} for name in ds.data_vars}
    try:
        content = ds.to_netcdf(engine="h5netcdf", encoding=encoding)
    except (TypeError, ValueError) as error:
        remedy = "keep names to text and variables to numbers or text"
        raise InputError(path, "content", str(error), remedy) from error
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def _is_storable(value: object) -> bool:
    try:
        values = np.asarray(value)
    except ValueError:  # a ragged list
        return False
    return values.dtype.kind in "iufU" and values.ndim < 2


def open(path: str | Path) -> xr.Dataset:
    """Load and validate a recording that `save` wrote; numbers in attributes are Python's.

    Raises InputError.
    """
    if not Path(path).is_file():
        raise InputError(path, "file", "does not exist", "check the path")
    try:
        hdf5.check(path)
        ds = xr.load_dataset(path, engine="h5netcdf", decode_times=False)
    except InputError:
        raise
    except Exception as error:  # a damaged file raises whatever it stumbles over
        problem = f"is no readable NetCDF file ({error})"
        raise InputError(path, "file", problem, "write it again with recording.save") from error
    attrs = {k: v.item() if isinstance(v, np.generic) else v for k, v in ds.attrs.items()}
    ds = validate(ds.assign_attrs(attrs), path)
    for name in {"bmode", "coherence"} & set(ds.data_vars):
        ds[name] = ds[name].astype(np.float32).clip(0, 1)  # levels / 255 are off by rounding
        ds[name].encoding = {}
    return ds


def spacing(ds: xr.Dataset) -> np.ndarray:
    """Width and height [x, z] of a pixel [m]."""
    return np.array([float(ds[a][-1] - ds[a][0]) / (ds.sizes[a] - 1) for a in ("x", "z")])


def thin(ds: xr.Dataset, step: int) -> xr.Dataset:
    """Every `step`-th frame from end-diastole on, and end-systole; time starts at 0 again.

    Needs ed_frame and es_frame. Raises InputError.
    """
    if step < 1:
        raise InputError("recording", "step", f"is {step}", "give 1 (every frame) or more")
    key = [int(ds.attrs[name]) for name in ("ed_frame", "es_frame")]
    kept = np.union1d(key, np.arange(key[0], ds.sizes["time"], step))
    ed, es = map(int, np.searchsorted(kept, key))
    out = ds.isel(time=kept).assign_attrs(ed_frame=ed, es_frame=es)
    if step > 1:
        out.attrs.pop("frame_rate", None)
    return out.assign_coords(time=("time", out.time.values - out.time.values[0], out.time.attrs))


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place on success, else goes away.

    What a killed process leaves there is never under its name. Its folder is made if new. Raises
    InputError when the file cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}-", path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all: see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")

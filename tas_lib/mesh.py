"""The structured mesh of the wall: material coordinates on which points ride.

Nodes (longitudinal, radial, [x, z]) in metres run from the image-left base over the apex to the
image-right base and from the endocardium to the epicardium (section III: M in R^(T x l x r x 2)).
Between nodes a point keeps its index coordinates (u, v), u in [0, l - 1] along and v in [0, r - 1]
across the wall; positions and values are bilinear in them within each cell.

Equal arc lengths impose one strain along each half (base to apex) of each layer: the coarse,
regularised motion of stage 0 (section III-A.1), from which the true motion deviates.
"""

import numpy as np
import shapely
import xarray as xr
from scipy.interpolate import PchipInterpolator, make_smoothing_spline

from tas_lib.contours import Contour, Contours
from tas_lib.drawings import cut_to_beat, for_clip, frame_index, to_metres
from tas_lib.errors import InputError
from tas_lib.recording import triangle_areas, validate, with_nodes

SMOOTHING = 0.01  # of a wall's length: detail of this size (Gaussian-equivalent SD) is drawn noise
APEX_WIDTH = 0.01  # of the apex's distance from the base: points this much nearer still count
DENSE = 2000  # samples of a wall before it is cut at equal arc lengths
OFFSET_LIMIT = 0.6  # of the radius of the largest circle that touches the wall at a node


def template_mesh(
    contours: Contours, recording: xr.Dataset, n_longitudinal: int = 36, n_radial: int = 5
) -> xr.Dataset:
    """The recording cut to the drawn beat, with mesh [m], ed_frame and es_frame (section III-A.1).

    Nodes move between the drawn frames by a cubic that overshoots nowhere, over time rather than
    frame numbers; the end of the beat need not meet its start. A drawn frame that the reader
    dropped as a repetition stands for the frame before it, which shows the same image; drawings
    outside the recording's frames are ignored. Raises InputError: contours of another clip,
    walls that give folds, mesh outside the sector.
    """
    for_clip(contours, recording)
    if n_longitudinal < 6 or n_radial < 2:
        problem = f"are {n_longitudinal}, {n_radial}"
        raise InputError("mesh", "n_longitudinal, n_radial", problem, "choose 6, 2 or more")
    kept = recording["frame"].values
    keys: dict[int, list[np.ndarray]] = {}
    for k, contour in enumerate(contours.contours):
        if kept[0] <= contour.frame <= max(kept[-1], contours.last_frame):
            where = f"{contours.source}: contours[{k}]"
            nodes = drawn_mesh(contour, recording, n_longitudinal, n_radial, where=where)
            keys.setdefault(frame_index(recording, contour.frame), []).append(nodes)
    at = recording.time.values[list(keys)]
    path = PchipInterpolator(at, [np.mean(same, axis=0) for same in keys.values()])

    cut = cut_to_beat(contours, recording)
    start = recording.time.values[frame_index(recording, contours.ed_frame)]
    cut = with_nodes(cut, path(start + cut.time.values))
    cut.attrs |= {
        "mesh_source": f"drawn by {contours.author}, {contours.date}",
        "mesh_uncertainty_mm": contours.uncertainty_mm,
    }
    return validate(cut, contours.source)


def drawn_mesh(
    contour: Contour,
    recording: xr.Dataset,
    n_longitudinal: int = 36,
    n_radial: int = 5,
    *,
    where: str = "contour",
) -> np.ndarray:
    """The mesh (n_longitudinal, n_radial, 2) [m] of the walls drawn in one frame.

    Raises InputError where it would fold.
    """
    endo, epi = (to_metres(wall, recording) for wall in (contour.endo, contour.epi))
    return mesh_from_walls(endo, epi, n_longitudinal, n_radial, where=where)


def mesh_from_walls(
    endo: np.ndarray, epi: np.ndarray, n_longitudinal: int, n_radial: int, *, where: str = "walls"
) -> np.ndarray:
    """One frame's mesh (n_longitudinal, n_radial, 2) [m] from both walls, (points, 2) [m] each.

    Nodes are equally spaced in arc length from base to apex and from apex to base, and matched
    between the walls; radial lines are straight. Both walls have their apex on one long axis, from
    the middle of the base to where the walls are farthest from it. Raises InputError where cells
    would fold.
    """
    walls = [_smooth(wall) for wall in (endo, epi)]
    base = np.mean([wall[[0, -1]] for wall in walls], axis=(0, 1))
    axis = _unit(np.sum([_unit(_farthest(wall - base)) for wall in walls], axis=0))
    inner, outer = (_equal_arcs(wall, base, axis, n_longitudinal)[:, None] for wall in walls)
    depth = np.linspace(0, 1, n_radial)[:, None]
    mesh = (1 - depth) * inner + depth * outer
    area = triangle_areas(mesh[None])
    count = int((area * np.sign(np.median(area)) <= 0).any(axis=-1).sum())
    if count:
        problem = f"{count} cells of the mesh between them fold"
        raise InputError(where, "endo, epi", problem, "draw both walls alike, without sharp bends")
    return mesh


def _smooth(wall: np.ndarray) -> np.ndarray:
    """A smoothing spline through a drawn wall (points, 2), finely sampled: (DENSE, 2)."""
    wall = np.asarray(wall, np.float64)
    chord = np.append(0, np.cumsum(np.linalg.norm(np.diff(wall, axis=0), axis=1)))
    # waves of angular frequency w are halved where lam w^4 = 1; by a Gaussian where w sd = 1.18
    lam = len(wall) * (SMOOTHING / np.sqrt(2 * np.log(2))) ** 4
    return make_smoothing_spline(chord / chord[-1], wall, lam=lam)(np.linspace(0, 1, DENSE))


def _farthest(curve: np.ndarray) -> np.ndarray:
    """The point (2,) farthest from the origin; a mean, so that it moves smoothly with the curve."""
    far = np.linalg.norm(curve, axis=1)
    return np.average(curve, axis=0, weights=np.exp((far / far.max() - 1) / APEX_WIDTH))


def _equal_arcs(curve: np.ndarray, base: np.ndarray, axis: np.ndarray, count: int) -> np.ndarray:
    """`count` points, equally spaced from base to apex (on the axis) and from apex to base."""
    arc = np.append(0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1)))
    angle = np.arctan2(_cross(axis, curve - base), (curve - base) @ axis)
    rising = np.maximum.accumulate(angle * np.sign(angle[-1] - angle[0]))
    ends = 0, np.interp(0, rising, arc), arc[-1]
    target = np.interp(np.linspace(0, 1, count), [0, 0.5, 1], ends)
    return np.stack([np.interp(target, arc, curve[:, k]) for k in range(2)], axis=-1)


def extend(mesh: np.ndarray, width: float) -> np.ndarray:
    """Add one ring of nodes `width` [m] outside: (..., l, r, 2) -> (..., l + 2, r + 2, 2).

    Walls are offset along their normals, but by no more than a fraction of the radius of the
    largest circle touching the wall there, so that the narrow apex of the cavity does not fold;
    bases are moved outwards in parallel. Index coordinates (u, v) become (u + 1, v + 1).
    """
    inwards, outwards = (
        _offset(mesh[..., i, :], mesh[..., i, :] - mesh[..., j, :], width)[..., None, :]
        for i, j in ((0, -1), (-1, 0))
    )
    wide = np.concatenate((inwards, mesh, outwards), axis=-2)

    def base(end: int, beside: int) -> np.ndarray:
        away = _unit(_unit(mesh[..., end, :, :] - mesh[..., beside, :, :]).mean(axis=-2))
        return (wide[..., end, :, :] + width * away[..., None, :])[..., None, :, :]

    return np.concatenate((base(0, 1), wide, base(-1, -2)), axis=-3)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _offset(line: np.ndarray, side: np.ndarray, width: float) -> np.ndarray:
    """The line (..., n, 2) moved by up to `width` along its normals, towards `side`."""
    tangent = _unit(np.gradient(line, axis=-2))
    normal = np.stack((tangent[..., 1], -tangent[..., 0]), axis=-1)
    normal *= np.sign((normal * side).sum(axis=-1, keepdims=True))
    gap = line[..., None, :, :] - line[..., :, None, :]
    ahead = (gap * normal[..., None, :]).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = np.where(ahead > 0, (gap**2).sum(axis=-1) / (2 * ahead), np.inf).min(axis=-1)
    return line + normal * np.minimum(width, OFFSET_LIMIT * radius)[..., None]


def locate(mesh: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Index coordinates (points, 2) of points (points, 2) [m] in one frame (l, r, 2).

    The exact inverse of `interpolate` (closed form in each cell); NaN outside the mesh.
    """
    points = np.asarray(points, np.float64)
    corners = np.stack((mesh[:-1, :-1], mesh[1:, :-1], mesh[:-1, 1:], mesh[1:, 1:]))
    corners = corners.reshape(4, -1, 2)
    (left, low), (right, high) = corners.min(axis=0).T, corners.max(axis=0).T
    order = np.argsort(points[:, 0])
    x, z = points[order].T
    start, stop = np.searchsorted(x, left), np.searchsorted(x, right, side="right")
    near = [
        order[a:b][(z[a:b] >= bottom) & (z[a:b] <= top)]
        for a, b, bottom, top in zip(start, stop, low, high, strict=True)
    ]
    point = np.concatenate(near)
    cell = np.repeat(np.arange(len(near)), [len(i) for i in near])
    uv = _inverse_bilinear(corners[:, cell], points[point])
    inside = (np.abs(uv - 0.5) <= 0.5 + 1e-9).all(axis=1)
    result = np.full(points.shape, np.nan)
    base = np.stack(np.divmod(cell[inside], mesh.shape[1] - 1), axis=-1)
    result[point[inside]] = base + np.clip(uv[inside], 0, 1)
    return result


def _inverse_bilinear(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(u, v) with points = p + u b + v c + u v d, for corners (4, n, 2) at 00, 10, 01, 11.

    Eliminating u leaves A v^2 + B v + C = 0, whose slope at the wanted root is the Jacobian; its
    sign, that of the cell, picks the root.
    """
    p, b, c = corners[0], corners[1] - corners[0], corners[2] - corners[0]
    d, q = corners[3] - corners[1] - c, points - p
    quadratic, linear, constant = -_cross(c, d), _cross(q, d) - _cross(c, b), _cross(q, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sign(_cross(b, c)) * np.sqrt(linear**2 - 4 * quadratic * constant)
        same = linear * root > 0
        v = np.where(same, -2 * constant / (linear + root), (root - linear) / (2 * quadratic))
        along = b + v[:, None] * d
        u = ((q - v[:, None] * c) * along).sum(axis=-1) / (along**2).sum(axis=-1)
    return np.stack((u, v), axis=-1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def interpolate(values: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Values (l, r, ...) of the nodes, bilinear at uv (points, 2): (points, ...); NaN stays NaN."""
    values = np.asarray(values)
    i, j = np.clip(np.nan_to_num(uv).astype(int), 0, np.subtract(values.shape[:2], 2)).T
    shape = (-1,) + (1,) * (values.ndim - 2)
    s, t = (uv[:, 0] - i).reshape(shape), (uv[:, 1] - j).reshape(shape)
    left = (1 - t) * values[i, j] + t * values[i, j + 1]
    return (1 - s) * left + s * ((1 - t) * values[i + 1, j] + t * values[i + 1, j + 1])


def centreline(mesh: np.ndarray) -> np.ndarray:
    """The middle line (..., l, 2) of a mesh (..., l, r, 2); of two middle lines, their mean."""
    r = mesh.shape[-2]
    return (mesh[..., (r - 1) // 2, :] + mesh[..., r // 2, :]) / 2


def outline(mesh: np.ndarray) -> shapely.Polygon:
    """The myocardium in one frame (l, r, 2) as a polygon [m]."""
    edge = (mesh[:, 0], mesh[-1, 1:], mesh[-2::-1, -1], mesh[0, -2:0:-1])
    polygon = shapely.Polygon(np.concatenate(edge))
    shapely.prepare(polygon)
    return polygon


def mask(mesh: np.ndarray, z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The myocardium of one frame (l, r, 2) as a boolean image (z, x); z, x [m]."""
    return shapely.contains_xy(outline(mesh), *np.meshgrid(x, z))


def cavity(mesh: np.ndarray, z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What the endocardium of one frame (l, r, 2) encloses, as a boolean image (z, x); z, x [m]."""
    return shapely.contains_xy(shapely.Polygon(mesh[:, 0]), *np.meshgrid(x, z))


def folds(mesh: np.ndarray) -> np.ndarray:
    """Triangles (two a cell) of a mesh (time, l, r, 2) turned over since the first frame: (time,).

    Their Jacobian from the first frame is negative (or zero); section IV-D.1.
    """
    area = triangle_areas(mesh)
    return (area * np.sign(area[:1]) <= 0).sum(axis=(1, 2, 3))

"""Films side by side in a static page: one block of HTML that plays, steps, and shows the mesh.

Every film becomes one sprite, a WebP image that holds all its frames; mesh and colours are drawn
over it by the script in player.js. Nothing is fetched: the block works offline and from a file.
"""

import itertools
import math
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from IPython.display import HTML
from PIL import Image

from tas_lib.errors import InputError
from tas_lib.figures import BRIGHTEN
from tas_lib.inline import as_json, webp
from tas_lib.movie import COLOURS, wall
from tas_lib.recording import DIMS, validate

# Viridis without its darkest part, which would drown in a B-mode image; one digit of base 32 each.
DIGITS = "0123456789abcdefghijklmnopqrstuv"
VIRIDIS = mpl.colormaps["viridis"](np.linspace(0.15, 1, len(DIGITS)))[:, :3]
MAP_OPACITY = 0.6
QUALITY = {"L": 65, "RGBA": 60}  # of WebP; at 65, films keep 97 % of their speckle's contrast

STYLE = """
.film-player { color: inherit; max-width: 100%; }
.film-player .film-title { font-weight: 600; text-align: center; }
.film-player canvas { width: 100%; height: auto; background: #000; border-radius: 4px; }
.film-player .film-grid { display: grid; gap: .6em; justify-content: center; margin-bottom: .6em; }
.film-player .film-row { display: flex; flex-wrap: wrap; align-items: center; gap: .4em 1em;
  margin: .3em 0; font-variant-numeric: tabular-nums; }
.film-player .film-track { position: relative; flex: 1 1 12em; padding-bottom: 1.8em; }
.film-player [type=range] { display: block; width: 100%; margin: 0; }
.film-player :is(button, select) { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 4px; padding: .1em .6em; line-height: 1.5;
  cursor: pointer; }
.film-player option { color: CanvasText; background: Canvas; }
.film-player [data-play] { min-width: 5em; align-self: flex-start; }
.film-player .film-track button { position: absolute; bottom: 0; transform: translateX(-50%);
  border: 0; padding: .1em .5em; font-size: .85em; text-decoration: underline; }
.film-player label span { white-space: nowrap; }
.film-player i { display: inline-block; width: 1.2em; height: .25em; margin: 0 .2em 0 .5em;
  vertical-align: middle; }
.film-player [data-scale] i { width: 8em; height: .8em; margin: 0 .4em; }
"""

_count = itertools.count()


def film_player(
    films: dict[str, xr.Dataset],
    *,
    quantity: str | Iterable[str] | None = None,
    alt: str,
    height: int = 260,
    show_mesh: bool = False,
) -> HTML:
    """Show recordings of the same times side by side; they play in step, never by themselves.

    films: title -> recording; where it has a mesh or `tracks`, a checkbox draws it; `ed_frame` and
        `es_frame` of the first film are marked on the slider.
    quantity: variables in [0, 1] that the reader may lay over the films: at the mesh's points
        (time, longitudinal, radial), as "correlation", or as a map (time, z, x), as "coherence".
        Some of the films may lack it.
    alt: what the films show, for those who can't see them.
    height: of a film [px]; its width follows from the sector, to which it is cropped.
    show_mesh: whether the mesh is drawn from the start.

    Raises InputError if the films' times differ, a recording is faulty or no film has the quantity.
    """
    quantities = [quantity] if isinstance(quantity, str) else list(quantity or [])
    films = {title: validate(ds, title) for title, ds in films.items()}
    _check(films, quantities)
    first = next(iter(films.values()))
    times = np.rint(1e3 * first["time"].values).astype(int).tolist()
    columns = math.ceil(math.sqrt(len(times)))
    shown = [_film(ds, quantities, height, columns) for ds in films.values()]
    meshes = [mesh for _, _, mesh in shown]
    different = [m for i, m in enumerate(meshes) if m and m not in meshes[:i]]
    stated = {mark: first.attrs.get(f"{mark.lower()}_frame") for mark in ("ED", "ES")}
    marks = {mark: int(frame) for mark, frame in stated.items() if frame is not None}
    data = {
        "times": times,
        "period": times[-1] + times[-1] / (len(times) - 1),
        "marks": marks,
        "columns": columns,
        "rows": math.ceil(len(times) / columns),
        "palette": [mpl.colors.to_hex(colour) for colour in VIRIDIS],
        "meshes": different,
        "films": [
            {**film, "mesh": different.index(mesh) if mesh else None} for film, _, mesh in shown
        ],
    }
    text = as_json(data)
    script = files("tas_lib").joinpath("player.js").read_text("utf-8")
    name = f"films-{sha256(text.encode()).hexdigest()[:8]}-{next(_count)}"
    widths = [width for _, width, _ in shown]
    return HTML(
        f'<div class="film-player" id="{name}" role="group" aria-label="{escape(alt)}">'
        f"<style>{STYLE}</style>"
        f"{_canvases(films, widths, height, alt)}"
        f"{_controls(films, quantities, marks, len(times), bool(different), show_mesh)}"
        f'<script type="application/json">{text}</script>'
        f'<script>(() => {{\n{script}\nfilmPlayer(document.getElementById("{name}"));\n}})();'
        "</script></div>"
    )


def sprite(images: list[Image.Image], size: tuple[int, int], columns: int) -> str:
    """The images, each scaled to size (width, height), row by row in one WebP data address."""
    width, height = size
    shape = columns * width, math.ceil(len(images) / columns) * height
    sheet = Image.new(images[0].mode, shape)
    for i, image in enumerate(images):
        place = i % columns * width, i // columns * height
        sheet.paste(image.resize(size, Image.Resampling.LANCZOS), place)
    return webp(sheet, quality=QUALITY[sheet.mode], alpha_quality=60, method=6)


def _check(films: dict[str, xr.Dataset], quantities: list[str]) -> None:
    if not films:
        raise InputError("film player", "films", "are none", "give at least one recording")
    (title, first), *others = films.items()
    for other, ds in others:
        if ds.sizes["time"] != first.sizes["time"]:
            problem = f"has {ds.sizes['time']} frames, {title!r} has {first.sizes['time']}"
            raise InputError(other, "time", problem, "choose the same frames of each")
        apart = float(np.abs(ds["time"].values - first["time"].values).max())
        if apart > 0.5 * float(np.diff(first["time"]).min()):
            problem = f"frames are up to {1e3 * apart:.0f} ms from those of {title!r}"
            raise InputError(other, "time", problem, "resample the films to the same times")
    for name in quantities:
        having = [ds for ds in films.values() if name in ds]
        if not having:
            remedy = f"compute it, or choose from {sorted(map(str, first.data_vars))}"
            raise InputError("film player", name, "is in none of the films", remedy)
        for ds in having:
            if ds[name].dims not in (DIMS["correlation"], DIMS["coherence"]):
                problem = f"has dimensions {ds[name].dims}"
                raise InputError("film player", name, problem, "choose a map or values of points")
            if ds[name].dims == DIMS["correlation"] and wall(ds) is None:
                remedy = f"add the one on which {name} was measured"
                raise InputError("film player", "mesh", "is missing", remedy)


def _film(
    ds: xr.Dataset, quantities: list[str], height: int, columns: int
) -> tuple[dict[str, Any], int, dict[str, Any] | None]:
    """What the script needs of one film; its width [px]; its mesh in tenths of a pixel or None."""
    z, x = ds["z"].values, ds["x"].values
    sector = ds["sector"].values if "sector" in ds else np.ones((z.size, x.size), bool)
    rows, cols = (np.flatnonzero(sector.any(axis)) for axis in (1, 0))
    crop = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    pitch = np.array([x[1] - x[0], z[1] - z[0]])
    extent = pitch * (cols[-1] + 1 - cols[0], rows[-1] + 1 - rows[0])
    width = round(height * extent[0] / extent[1])

    shown = np.clip(BRIGHTEN * ds["bmode"].values, 0, 1)
    grey = [Image.fromarray(_bytes(frame)) for frame in shown[:, *crop]]
    picture = sprite(grey, (width, height), columns)
    film: dict[str, Any] = {"sprite": picture, "maps": {}, "points": {}}
    for name in (name for name in quantities if name in ds):
        if ds[name].dims == DIMS["coherence"]:
            maps = [_coloured(values) for values in ds[name].values[:, *crop]]
            film["maps"][name] = sprite(maps, (width // 2, height // 2), columns)
        else:
            film["points"][name] = "".join(DIGITS[k] for k in _levels(ds[name].values).flat)
    walls = wall(ds)
    if walls is None:
        return film, width, None
    corner = np.array([x[cols[0]], z[rows[0]]]) - pitch / 2
    tenths = np.rint(10 * (walls.values - corner) / extent * (width, height)).astype(int)
    across = tenths.shape[2]
    mesh = {
        "shape": tenths.shape[1:3],
        "walls": list(zip((0, (across - 1) / 2, across - 1), COLOURS.values(), strict=True)),
        "points": tenths.reshape(len(tenths), -1).tolist(),
    }
    return film, width, mesh


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(255 * values).astype(np.uint8)


def _levels(values: np.ndarray) -> np.ndarray:
    """Which of the colours stands for each value; what lies outside [0, 1] gets the end's."""
    return np.rint((len(VIRIDIS) - 1) * values.clip(0, 1)).astype(int)


def _coloured(values: np.ndarray) -> Image.Image:
    """A map in [0, 1] (row, column) in colours that vanish towards 0, so that the film is seen."""
    opacity = MAP_OPACITY * np.clip(values / 0.1, 0, 1)
    colours = np.concatenate([VIRIDIS[_levels(values)], opacity[..., None]], -1)
    return Image.fromarray(_bytes(colours))


def _canvases(films: Iterable[str], widths: list[int], height: int, alt: str) -> str:
    canvases = "".join(
        f'<div><div class="film-title">{escape(title)}</div>'
        f'<canvas role="img" aria-label="{escape(f"{title}: {alt}")}"'
        f' width="{width}" height="{height}"></canvas></div>'
        for title, width in zip(films, widths, strict=True)
    )
    share = "50% - .3em" if len(widths) > 1 else "100%"  # two to a row, on phones too
    tracks = f"repeat(auto-fit, min({share}, {max(widths)}px))"
    return f'<div class="film-grid" style="grid-template-columns: {tracks}">{canvases}</div>'


def _controls(
    films: dict[str, xr.Dataset],
    quantities: list[str],
    marks: dict[str, int],
    n_frames: int,
    has_mesh: bool,
    show_mesh: bool,
) -> str:
    jumps = "".join(
        f'<button type="button" data-frame="{frame}" aria-label="go to {mark}"'
        f' style="left:calc(8px + {frame / (n_frames - 1):.4f} * (100% - 16px))">{mark}</button>'
        for mark, frame in marks.items()
    )
    html = (
        '<div class="film-row"><button type="button" data-play>Play</button>'
        '<div class="film-track">'
        f'<input type="range" min="0" max="{n_frames - 1}" value="0" aria-label="frame">{jumps}'
        '</div></div><div class="film-row"><span data-status></span>'
    )
    if has_mesh:
        swatches = "".join(
            f'<span><i style="background:{colour}"></i>{wall}</span> '
            for wall, colour in COLOURS.items()
        )
        checked = " checked" * show_mesh
        html += f'<label><input type="checkbox"{checked}> mesh {swatches}</label>'
    if quantities:
        options = '<option value="">none</option>'
        for name in quantities:
            without = ", ".join(title for title, ds in films.items() if name not in ds)
            label = f"{name} (not in {without})" if without else name
            options += f'<option value="{escape(name)}">{escape(label)}</option>'
        bar = ",".join(mpl.colors.to_hex(colour) for colour in VIRIDIS)
        html += (
            f"<label>colours <select>{options}</select></label>"
            '<span data-scale hidden role="img" aria-label="colour scale from 0 to 1">'
            f'0<i style="background:linear-gradient(90deg,{bar})"></i>1</span>'
        )
    return html + "</div>"

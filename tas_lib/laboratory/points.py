"""From curve to simulation: choose a point of the wall, and see its speckle in several films."""

from __future__ import annotations

from html import escape

import numpy as np
import xarray as xr
from IPython.display import HTML

from tas_lib.figures import middle
from tas_lib.laboratory.block import block, canvas, film_controls, script
from tas_lib.laboratory.cut import around, cut
from tas_lib.mesh import centreline
from tas_lib.recording import validate
from tas_lib.speckle import Window, best_shift, mean_absolute_error

SCRIPT = script("parts", "charts", "points")
MARGIN = 9e-3  # of the pictures around the centreline [m]


def points(films: dict[str, xr.Dataset], window: Window = Window()) -> HTML:
    """The centreline's points in films of one mesh and the same frames, each with `correlation`.

    films: title -> recording, the real clip first; `es_frame` of it is the reference. The page
    shows a point's window in every film at end-systole, in the frame chosen, and there the window
    that correlates best; its correlations over time, and their mean absolute error against the
    first film's.
    """
    films = {title: validate(ds, title) for title, ds in films.items()}
    first = next(iter(films.values()))
    es, line = int(first.attrs["es_frame"]), centreline(first.mesh.values)
    frames = range(first.sizes["time"])
    parts = [cut(ds, around(line, MARGIN), frames) for ds in films.values()]
    curves = [middle(ds.correlation) for ds in films.values()]
    errors = [
        middle(mean_absolute_error(ds.correlation, first.correlation, es)) for ds in films.values()
    ]
    lines = [middle(ds.mesh).expand_dims("radial", 2) for ds in films.values()]
    matches = [
        best_shift(ds[["bmode"]].assign(mesh=mesh), window)
        for ds, mesh in zip(films.values(), lines, strict=True)
    ]
    data = {
        "defaults": {"point": line.shape[1] // 4 + 1, "frame": 0, "film": "0"},
        "times": np.rint(1e3 * first.time.values).astype(int).tolist(),
        "es": es,
        "columns": parts[0].columns,
        "size": parts[0].size,
        "window": 2 * window.pixels(parts[0].pixel)[0] + 1,
        "points": parts[0].to_tenths(line),
        "films": [
            {
                "title": title,
                "image": part.image,
                "curves": curve.transpose(..., "time").values.round(3).tolist(),
                "errors": error.values.round(3).tolist(),
                "matches": match.tolist(),
            }
            for title, part, curve, error, match in zip(
                films, parts, curves, errors, matches, strict=True
            )
        ],
    }
    html = _html(list(films), parts[0].size, len(frames), line.shape[1], 1e3 * window.size)
    return block("points of the wall", html, data, SCRIPT, "points")


def _html(titles: list[str], size: tuple[int, int], frames: int, count: int, window: float) -> str:
    options = "".join(
        f'<option value="{i}">{escape(title)}</option>' for i, title in enumerate(titles)
    )
    choice = f"<label>film <select data-film>{options}</select></label>"
    picture = canvas("picture", "Hover, tap, or use the arrow keys", "film", size, 'tabindex="0"')
    chart = canvas("curve", "Correlation with end-systole", "curves of the point", (360, 230))
    heads = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(
            f'<td><canvas data-patch="{row}" width="96" height="96" role="img"'
            f' aria-label="{escape(title)}, {name}"></canvas></td>'
            for title in titles
        )
        + "</tr>"
        for row, name in enumerate(("end-systole", "this frame", "best match"))
    )
    rows += "".join(
        f'<tr><th scope="row">{name}</th>' + f"<td data-{key}></td>" * len(titles) + "</tr>"
        for key, name in (("now", "correlation"), ("error", "mean error"))
    )
    return (
        f"{film_controls(frames, choice)}"
        f"<label>point, from the left base over the apex to the right base "
        f'<span aria-hidden="true"></span>'
        f'<input type="range" data-point min="1" max="{count}"></label>'
        f'<p class="lab-status" data-status></p>'
        f'<div class="lab-views">{picture}{chart}</div>'
        f'<table class="lab-table"><thead><tr><th scope="col">{window:.1f} mm window</th>'
        f"{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )

"""The report of `tas strain`: a page that needs nothing else, tables, the numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from tas_lib import observers, recording
from tas_lib.anatomy import VIEWS
from tas_lib.book import themed
from tas_lib.bullseye import bullseye
from tas_lib.measurement import QUANTITIES, Measurement, number, spread
from tas_lib.movie import write_movie
from tas_lib.player import film_player
from tas_lib.recording import write_text
from tas_lib.regional import SEGMENTS

WARNING = "For research only: this is not a medical device. Do not diagnose or treat by it."
FORMAT = "tas-strain-1"
TITLES = dict(zip(QUANTITIES, ("End-systolic", "Peak systolic", "Peak", "Index"), strict=True))
PERCENT = (*QUANTITIES, "strain")  # how the names of such columns begin
UNITS = {
    "end_systolic, peak_systolic, peak": "% of the length at end-diastole, shortening negative",
    "post_systolic_index": "% of the peak that is reached after end-systole",
    "_sd, _low, _high": "% as the quantity: SD over other drawings, ends of the 95 % interval",
    "measured": "mean correlation of the speckle near the start frame with it, -1 to 1",
    "expected": "the same as the tracker expects it, where walls are given at end-systole",
    "lost": "share of the segment's points, 0 to 1",
    "time_s": "s since the beat's first frame",
    "start_frame, ed_frame, es_frame": "frames of the beat, from 0",
}


def table(views: Sequence[Measurement]) -> pd.DataFrame:
    """All that is reported [%], a row by view and segment; GLS of all views in a row of its own.

    Of each of `QUANTITIES` its value, SD and interval (_sd, _low, _high); then the quality.
    """
    samples, rows = [view.samples for view in views], []
    for view, of in zip(views, samples, strict=True):
        for name, *numbers in zip(view.curves, of[0, 0], *spread(of), strict=True):
            quality = dict(view.quality.loc[name]) if name in view.quality.index else {}
            rows.append({"view": view.view, "segment": name} | _columns(*numbers) | quality)
    if len(views) > 1:
        drawings = min(of.shape[1] for of in samples)
        mean = np.mean([of[:, :drawings, 0] for of in samples], axis=0)
        rows.append({"view": "all", "segment": "GLS"} | _columns(mean[0, 0], *spread(mean)))
    return pd.DataFrame(rows)


def _columns(value: np.ndarray, sd: np.ndarray, half: np.ndarray) -> dict[str, float]:
    ends = {"": value, "_sd": sd, "_low": value - half, "_high": value + half}
    return {name + end: of[k] for k, name in enumerate(QUANTITIES) for end, of in ends.items()}


def curves(views: Sequence[Measurement]) -> pd.DataFrame:
    """Strain [%] of all views over time [s], a row by view, segment and frame."""
    tables = [view.curves.reset_index().assign(view=view.view) for view in views]
    long = [t.melt(["view", "time_s"], var_name="segment", value_name="strain") for t in tables]
    return pd.concat(long, ignore_index=True)


def write(folder: Path, views: Sequence[Measurement], made: dict[str, Any]) -> list[Path]:
    """Write the report's files into a folder; each is whole or absent, the page comes last.

    What only a report that lies there has goes away. made: what made it, by name. Raises
    InputError.
    """
    before = _stems_in(folder)
    results, films = table(views), dict(zip(stems(views), views, strict=True))
    texts = {
        "segments.csv": _csv(results),
        "curves.csv": _csv(curves(views)),
        "report.json": json.dumps(_numbers(views, results, made), indent=1, allow_nan=False),
        "index.html": page(views, results, made),
    }
    for name in ("index.html", "report.json"):  # no old page beside new films
        (folder / name).unlink(missing_ok=True)
    for name, view in films.items():
        recording.save(view.film, folder / f"{name}.nc")
        write_movie(folder / f"{name}.mp4", view.film, draw_mesh=True)
    for name, text in texts.items():
        write_text(folder / name, text)
    for name in before - films.keys():
        for suffix in ("nc", "mp4"):
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    return [folder / name for name in (*(f"{n}.{s}" for n in films for s in ("nc", "mp4")), *texts)]


def _csv(results: pd.DataFrame) -> str:
    """A table whose columns of percents say so."""
    percent = {name: f"{name}_percent" for name in results if name.startswith(PERCENT)}
    return results.rename(columns=percent).to_csv(index=False, float_format="%.4f")


def stems(views: Sequence[Measurement]) -> list[str]:
    """Of each view's files."""
    return [_stem(v.view, k) for k, v in enumerate(views, start=1)]


def _stem(view: str | None, k: int) -> str:
    return view if view in VIEWS else f"view{k}"


def _stems_in(folder: Path) -> set[str]:
    """Those of the report that lies in a folder, if there is one."""
    try:
        views = json.loads((folder / "report.json").read_text("utf-8"))["views"]
        return {_stem(view["view"], k) for k, view in enumerate(views, start=1)}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _numbers(
    views: Sequence[Measurement], results: pd.DataFrame, made: dict[str, Any]
) -> dict[str, Any]:
    plain = results.astype(object).where(results.notna(), None)
    return {
        "format": FORMAT,
        "warning": WARNING,
        "units": UNITS,
        "made": made,
        "segments": plain.to_dict("records"),
        "views": [
            {
                "view": view.view,
                "clip": view.film.attrs.get("source"),
                "walls": view.walls,
                "start_frame": int(view.film.attrs["start_frame"]),
                "ed_frame": int(view.film.attrs["ed_frame"]),
                "es_frame": int(view.film.attrs["es_frame"]),
                "cycle": view.film.attrs.get("cycle"),
                "runs": int(np.prod(view.runs.shape[:2])),
                "end_systolic_GLS_by_tracker": by_tracker(view),
                "notes": view.notes,
                "curves": view.curves.reset_index().round(4).to_dict("list"),
            }
            for view in views
        ],
    }


def by_tracker(view: Measurement) -> dict[str, float]:
    """End-systolic GLS [%] from the walls as given."""
    return dict(zip(view.trackers, map(float, view.samples[:, 0, 0, 0]), strict=True))


def summary(views: Sequence[Measurement]) -> list[str]:
    """Global strain of each view, and of all, in a line each; then what is to be kept in mind."""
    results = table(views)
    lines = []
    for row in results[results.segment == "GLS"].to_dict("records"):
        line = f"{row['view']}: end-systolic GLS {number(row['end_systolic'])} %"
        if np.isfinite(row["end_systolic_sd"]):
            ends = (number(row[f"end_systolic_{end}"]) for end in ("low", "high"))
            line += f", SD {number(row['end_systolic_sd'])}, 95 % interval {' to '.join(ends)}"
        lines.append(line)
    return lines + [f"{view.view}: {note}" for view in views for note in view.notes]


def page(views: Sequence[Measurement], results: pd.DataFrame, made: dict[str, Any]) -> str:
    """The report as one page of HTML that fetches nothing."""
    source = files("tas_lib").joinpath("report.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    gls = results[results.segment == "GLS"].set_index("view").to_dict("index")
    notes: dict[str, list[str]] = {}
    for view in views:
        for note in view.notes:
            notes.setdefault(note, []).append(view.view)
    return environment.from_string(source).render(
        views=views,
        films=[_film(view) for view in views],
        curves=[_curves(view).data for view in views],
        bullseye=_bullseye(results).data if set(results.segment) & set(SEGMENTS) else None,
        gls=dict(sorted(gls.items(), key=lambda item: item[0] != "all")),
        notes=notes,
        rows={view.view: results[results.view == view.view].to_dict("records") for view in views},
        titles=TITLES,
        by_tracker=by_tracker,
        made=made,
        warning=WARNING,
        near=round(1e3 * observers.NEAR),
        lost=observers.LOST,
    )


def _film(view: Measurement) -> str:
    title = view.film.attrs.get("source", "clip")
    shown = [name for name in ("visibility",) if name in view.film]
    alt = f"{view.view}, with the wall that was followed"
    return film_player({title: view.film}, quantity=shown, alt=alt, height=420, show_mesh=True).data


def _bullseye(results: pd.DataFrame) -> HTML:
    known = results[results.segment.isin(SEGMENTS)].set_index("segment")
    strain, doubtful = known.end_systolic, set(known.index[known.doubtful.astype(bool)])
    listed = ", ".join(f"{name} {number(value, 0)}" for name, value in strain.items())
    alt = f"Bull's-eye of end-systolic strain in percent: {listed}; all other segments are blank."

    def draw() -> Figure:
        figure = plt.figure(figsize=(4.6, 4.0))
        axes: Any = figure.add_subplot(projection="polar")  # for matplotlib's stubs: Axes
        bullseye(axes, strain, doubtful)
        return figure

    return themed(draw, alt)


def _curves(view: Measurement) -> HTML:
    shown, film = view.curves, view.film
    ed, es = (1e3 * float(film.time[int(film.attrs[f"{name}_frame"])]) for name in ("ed", "es"))
    time, es = 1e3 * shown.index.to_numpy() - ed, es - ed
    sd = spread(view.runs[..., 0])[0]
    alt = (
        f"Strain curves of {view.view} over time: global, least "
        f"{number(shown.GLS.min())} %, and of six segments; end-systole at {es:.0f} ms."
    )

    def draw() -> Figure:
        figure, ax = plt.subplots(figsize=(4.4, 4.2))
        ink = mpl.rcParams["text.color"]
        ax.fill_between(time, shown.GLS - sd, shown.GLS + sd, color=ink, alpha=0.15, lw=0)
        for name, doubtful in view.quality.doubtful.items():
            style, label = (":", f"{name}?") if doubtful else ("-", name)
            ax.plot(time, shown[name], style, lw=1.5, label=label)
        ax.plot(time, shown.GLS, color=ink, lw=2.8, label="global (band: \N{PLUS-MINUS SIGN} SD)")
        ax.axhline(0, color=ink, lw=0.6)
        ax.axvline(es, color=ink, lw=0.8, ls="--")
        ax.annotate("ES", (es, 1), (3, -3), ("data", "axes fraction"), "offset points", va="top")
        ax.set(xlabel="time after end-diastole (ms)", ylabel="longitudinal strain, mid-wall (%)")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
        return figure

    return themed(draw, alt)

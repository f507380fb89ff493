"""What is in a data set: its sequences in numbers, and pictures of some."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tas_lib import recording
from tas_lib.collection import manifest_of
from tas_lib.errors import InputError
from tas_lib.figures import show_frame
from tas_lib.journal import gather
from tas_lib.mesh import cavity, mask
from tas_lib.strain import longitudinal_strain

MAKE = "make a data set: `tas dataset`"
AFTER = 0.1  # from end-systole, when correlation is told [s]
COUNTED = "view", "pathology"
MEASURED = {  # column -> what it is, with its unit
    "frames": "frames",
    "frame_rate": "frame rate (Hz)",
    "heart_rate": "heart rate (1/min)",
    "gls": "peak GLS (%)",
    "least_segment": "end-systolic strain, most shortened segment (%)",
    "most_segment": "end-systolic strain, least shortened segment (%)",
    "correlation": f"speckle correlation {1e3 * AFTER:.0f} ms from ES",
    "contrast": "contrast of wall and blood (grey levels of 255)",
    "kilobytes": "kilobytes a frame",
}


def describe(
    folder: str | Path, workers: int | None = None, *, progress: bool = True
) -> pd.DataFrame:
    """A row for each sequence of a data set: file, patient, COUNTED and MEASURED.

    Strain is that of the middle of the wall (`strain`); correlation and contrast are means over the
    whole wall. Raises InputError.
    """
    folder = Path(folder)
    entries = manifest_of(folder, MAKE)["recordings"]
    files, make = [entry["file"] for entry in entries], partial(_rows, folder=folder)
    rows = gather(make, files, str, "describe", "film", workers=workers, progress=progress)
    if not rows:
        raise InputError(folder, "recordings", "there are none", MAKE)
    return pd.DataFrame(rows)


def _rows(file: str, folder: Path) -> list[dict[str, Any]]:
    ds = recording.open(folder / file)
    mesh, es, time = ds.mesh.values, int(ds.attrs["es_frame"]), ds.time.values
    ed = int(ds.attrs.get("ed_frame", 0))
    gls, segments = (100 * strain for strain in longitudinal_strain(mesh, ed))
    whole = recording.whole_beat(ds)
    recording.need(ds, ["correlation"], MAKE, folder / file)
    sides = time[es] + np.array([-AFTER, AFTER])
    near = [np.abs(time - t).argmin() for t in sides if 0 <= t <= time[-1]]
    wall, blood = [], []
    for t in (ed, es):
        frame, where = ds.bmode.values[t], (mesh[t], ds.z.values, ds.x.values)
        wall.append(frame[mask(*where)].mean())
        blood.append(frame[cavity(*where)].mean())
    return [
        {
            "file": file,
            **{name: ds.attrs.get(name, "not stated") for name in ("patient", *COUNTED)},
            "frames": len(time),
            "frame_rate": (len(time) - 1) / time[-1],
            "heart_rate": 60 / time[-1] if whole else np.nan,
            "gls": gls.min(),
            "least_segment": segments[es].min(),
            "most_segment": segments[es].max(),
            "correlation": float(ds.correlation.values[near].mean()) if near else np.nan,
            "contrast": 255 * (np.mean(wall) - np.mean(blood)),
            "kilobytes": (folder / file).stat().st_size / 1e3 / len(time),
        }
    ]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, SD, least and most of what is MEASURED, as far as known: a row a quantity."""
    few = table[list(MEASURED)].rename(columns=MEASURED).dropna(axis="columns", how="all")
    return few.agg(["mean", "std", "min", "max"]).T.rename(columns={"std": "SD"})


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Sequences by pathology and view, and patients."""
    counted = pd.crosstab(table.pathology, table.view, margins=True, margins_name="all")
    patients = table.groupby("pathology").patient.nunique()
    counted["patients"] = (
        patients.reindex(counted.index).fillna(table.patient.nunique()).astype(int)
    )
    return counted


def draw(table: pd.DataFrame) -> Figure:
    """Histograms of what is measured, by view."""
    shown = [name for name in MEASURED if table[name].notna().any()]
    figure = Figure((9, 7), layout="constrained")
    axes = figure.subplots(3, 3)
    for ax, name in zip(axes.flat, shown, strict=False):
        edges = np.histogram_bin_edges(table[name].dropna(), 20)
        for view, some in table.groupby("view"):
            ax.hist(some[name], edges, alpha=0.6, label=view)
        ax.set_xlabel(MEASURED[name], fontsize=8)
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    axes.flat[0].legend(fontsize=7)
    figure.supylabel("sequences", fontsize=9)
    return figure


def pictures(folder: str | Path, table: pd.DataFrame, count: int = 6) -> Figure:
    """End-systolic frames of `count` sequences with their meshes, evenly through the table."""
    chosen = table.iloc[np.unique(np.linspace(0, len(table) - 1, count).astype(int))]
    figure = Figure((1.7 * len(chosen), 2.2), layout="constrained")
    axes = figure.subplots(1, len(chosen), squeeze=False)
    for ax, row in zip(axes[0], chosen.itertuples(), strict=True):
        ds = recording.open(Path(folder) / row.file)
        show_frame(ax, ds, int(ds.attrs["es_frame"]), mesh=True)
        ax.set_title(f"{row.patient}\n{row.view}", fontsize=7)
    return figure

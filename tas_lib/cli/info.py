"""`tas info`: what a clip holds."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tas_lib.cli.frame import Clip, Rate, Spacing, app, path_of

if TYPE_CHECKING:
    import xarray as xr


@app.command()
def info(
    clip: Clip = "default",
    spacing_mm: Spacing = None,
    frame_rate: Rate = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Show what a clip holds, and whether it can be simulated.

    \b
    Examples:
      tas info patient.dcm
      tas info loop.mp4 --spacing-mm 0.31
    """
    from tas_lib import readers

    path = path_of(clip)
    recording = readers.read(path, spacing_mm=spacing_mm, frame_rate=frame_rate)
    facts = describe(recording, path)
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        values = value if isinstance(value, list) else [value]
        text = ", ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values)
        typer.echo(f"{name.replace('_', ' '):<26}{text if value is not None else 'not stated'}")


def describe(recording: "xr.Dataset", path: Path) -> dict[str, Any]:
    """What `tas info` shows of a recording read from `path`; measured values end in their unit.

    Grey percentiles are taken inside the sector, on the scale 0 (black) to 1.
    """
    import numpy as np

    from tas_lib.templates import shipped_contours

    attrs, drawn = recording.attrs, shipped_contours(recording)
    levels = recording.bmode.values
    if "sector" in recording:
        levels = levels[:, recording.sector.values]
    pixel = [float(1e3 * np.diff(recording[axis]).mean()) for axis in "zx"]
    half_angle = attrs.get("sector_half_angle")
    depths = [1e3 * attrs[f"sector_r_{end}"] for end in ("min", "max") if half_angle is not None]
    if "mesh" in recording:
        walls = f"in the file, mesh of {recording.mesh.shape[1]} x {recording.mesh.shape[2]}"
    elif drawn:
        walls = f"shipped with this program, frames {drawn.ed_frame} to {drawn.last_frame}"
    else:
        walls = "none: draw the walls (--contour FILE) before simulating"
    return {
        "file": str(path),
        "file_MB": path.stat().st_size / 1e6,
        "view": attrs.get("view") or (drawn.view if drawn else None),
        "rows_columns": [recording.sizes["z"], recording.sizes["x"]],
        "frames": recording.sizes["time"],
        "duplicates_dropped": attrs.get("duplicates_dropped"),
        "duration_s": float(recording.time[-1]),
        "frame_rate_Hz": float(attrs.get("frame_rate") or 1 / np.diff(recording.time).mean()),
        "pixel_height_width_mm": pixel,
        "sector_angle_degrees": None if half_angle is None else float(np.degrees(2 * half_angle)),
        "sector_depth_mm": depths or None,
        "grey_percentiles_5_50_95": [float(q) for q in np.percentile(levels, [5, 50, 95])],
        "walls": walls,
        "licence": attrs.get("licence"),
    }

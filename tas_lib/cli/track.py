"""`tas track`: follow the wall of a clip, and measure its strain."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from tas_lib.cli.frame import Clip, Quiet, Rate, Spacing, app, make_folder, number, path_of, results

if TYPE_CHECKING:
    import pandas as pd


@app.command()
def track(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results; made if new.")],
    clip: Clip = "default",
    contour: Annotated[
        Path | None,
        typer.Option(
            "--contour",
            "--init",
            metavar="FILE",
            help="Walls drawn on the clip in one frame or more, or three clicks. Needed unless the "
            "clip is the default one, or comes with masks or a mesh.",
        ),
    ] = None,
    tracker: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="speckle (block matching), tasnet, cotracker, myotracker or echotracker, whose "
            "weights ship, or a file of weights that `tas train` wrote.",
        ),
    ] = "speckle",
    tolerance: Annotated[
        float | None,
        number(
            "Of TAS-Net and CoTracker: leave a window once an iteration has moved no point by as "
            "many pixels of 0.75 mm; all iterations otherwise.",
            min=0.0,
        ),
    ] = None,
    spacing_mm: Spacing = None,
    frame_rate: Rate = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing results.")] = False,
    quiet: Quiet = False,
) -> None:
    """Follow the heart's wall through a clip.

    From its walls at end-systole, or where they were drawn. Writes a recording (.nc: frames,
    `tracks` in metres, `visibility`), strain over time (.csv and .png: global and of six segments
    of the wall's middle) and a movie with the tracked wall (.mp4). For research alone: this is no
    medical device.

    \b
    Examples (the first on the clip that is installed):
      tas track --out results
      tas track loop.dcm --contour walls.json --tracker runs/tasnet/best.safetensors --out results
    """
    from tas_lib import readers, recording, starts
    from tas_lib.movie import write_movie
    from tas_lib.strain import strain_curves
    from tas_lib.trackers import registry
    from tas_lib.trackers.tracker import track as follow

    start, path, title = perf_counter(), path_of(clip), registry.title_of(tracker)
    targets = results(out, path, title, ("nc", "csv", "png", "mp4"), force)
    chosen = registry.get(tracker, tolerance)
    drawn = starts.load(contour) if contour else None
    whole = readers.read(path, spacing_mm=spacing_mm, frame_rate=frame_rate)
    beat, mesh, first, _ = starts.start(whole, drawn, chosen.start, path)
    make_folder(out)
    found = follow(beat, mesh, chosen, first, progress=not quiet)
    tracked = beat.merge(found, combine_attrs="override")
    recording.save(tracked.assign_attrs(tracker=tracker, start_frame=first), targets[0])
    curves = strain_curves(tracked)
    with recording.replacing(targets[1]) as temporary:
        curves.to_csv(temporary, float_format="%.4f")
    _draw(targets[2], curves, title)
    write_movie(targets[3], tracked, draw_mesh=True)
    if not quiet:
        typer.echo(
            f"{title}: {beat.sizes['time']} frames in {perf_counter() - start:.0f} s; "
            f"peak global longitudinal strain {curves['GLS'].min():.1f} %"
        )
        for target in targets:
            typer.echo(f"wrote {target}")


def _draw(path: Path, curves: "pd.DataFrame", tracker: str) -> None:
    from matplotlib.figure import Figure

    from tas_lib.recording import replacing

    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    for name, curve in curves.items():
        style = {"color": "black", "lw": 2.5} if name == "GLS" else {"lw": 1.2}
        ax.plot(1e3 * curves.index, curve, label=name, **style)
    ax.axhline(0, color="gray", lw=0.8)
    ax.set(xlabel="time (ms)", ylabel="longitudinal strain, mid-wall (%)", title=tracker)
    ax.legend(frameon=False, fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)

"""`tas bench`: how accurate and how fast this machine is."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from tas_lib.cli.frame import app

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Device = Annotated[Literal["cpu", "cuda"], typer.Option(help="Where it is timed.")]
app.add_typer(group, name="bench", help="Measure accuracy and speed on this machine.")


@group.command()
def simulator(
    scatterers: Annotated[
        int, typer.Option(min=1000, metavar="N", help="In each of the timed frames.")
    ] = 200_000,
    frames: Annotated[int, typer.Option(min=1, metavar="N", help="Timed in one go.")] = 200,
    checked: Annotated[
        int, typer.Option(min=100, metavar="N", help="Scatterers in the comparison of images.")
    ] = 10_000,
    device: Device = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Time the fast simulator, and compare it with the exact model and with PyMUST.

    The default focused sequence of 128 lines. Errors are relative L2 differences of I/Q data from
    the exact model; PyMUST's time is scaled up from a few shots of few scatterers. Takes a minute
    or two.
    """
    from tas_lib.bench import bench_simulator
    from tas_lib.parallel import check_device

    check_device(device)
    result = bench_simulator(scatterers, frames, checked, device, progress=not quiet)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        text = f"{value:.4g}" if isinstance(value, float) else value
        typer.echo(f"{name.replace('_', ' '):<30}{'not installed' if value is None else text}")


@group.command()
def trackers(
    frames: Annotated[
        list[int] | None, typer.Option(min=8, metavar="N", help="Film lengths: 24 and 64.")
    ] = None,
    device: Device = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Time all trackers, small and as published: 256 x 256 pixels, 180 points, random weights.

    Beside each the least time that its operations take at the rate of this machine's matrix
    products.
    """
    from tas_lib.bench_trackers import bench_trackers
    from tas_lib.parallel import check_device

    check_device(device)
    shown = (lambda text: None) if quiet else (lambda text: typer.echo(text, err=True))
    result = bench_trackers(tuple(frames or (24, 64)), device, shown)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
        return
    typer.echo(f"matrix products: {result['matrix_gflops']:.0f} GFLOP/s")
    typer.echo(f"{'':<26}{'frames':>8}{'ms/frame':>10}{'least':>8}{'MB':>7}")
    for row in result["trackers"]:
        typer.echo(
            f"{row['tracker']:<16}{row['preset']:<10}{row['frames']:>8}{row['ms_per_frame']:>10.1f}"
            f"{row['floor_ms_per_frame']:>8.1f}{row['peak_mb']:>7.0f}"
        )


@group.command()
def dataset(
    templates: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of recordings, as `tas cohort templates` makes."),
    ],
    n: Annotated[
        list[int] | None,
        typer.Option(
            "--n", min=1, metavar="N", help="Videos of a run; may come repeatedly. 10, 30."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Time the simulation of data sets, and what it takes of disk and memory.

    Every strategy, all cores. The last column is the time for as many frames as the paper's data
    set has.
    """
    from tas_lib.bench_dataset import bench_dataset

    shown = (lambda text: None) if quiet else (lambda text: typer.echo(text, err=True))
    result = bench_dataset(templates, tuple(n or (10, 30)), shown)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
        return
    names = "videos", "frames", "seconds", "kb_per_frame", "peak_mb", "paper_minutes"
    typer.echo(f"{'':<10}" + "".join(f"{name.replace('_', ' '):>15}" for name in names))
    for row in result["rows"]:
        typer.echo(f"{row['strategy']:<10}" + "".join(f"{row[name]:>15,.0f}" for name in names))

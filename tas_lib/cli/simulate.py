"""`tas simulate`: a real clip becomes a simulated one whose motion is known."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tas_lib.cli.frame import Clip, Quiet, Rate, Spacing, app, make_folder, number, path_of, results
from tas_lib.errors import InputError, check_choice

if TYPE_CHECKING:
    import xarray as xr

    from tas_lib.scene import Scene


STRATEGIES = "s1", "s2", "s3", "s2-inverted"


@app.command()
def simulate(
    context: typer.Context,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="|".join(STRATEGIES),
            help="How the speckle loses its memory. s1: a fixed share of it stays on the wall; "
            "s2: as much as the clip's own speckle keeps; s3: s2, corrected by its own result; "
            "s2-inverted: ours, s2 through the inverted curve of correlation against coherence.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results; made if new.")],
    clip: Clip = "default",
    contour: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Walls drawn on the clip. Needed unless the clip is the default one, or comes "
            "with masks or a mesh; the book's data page describes the format.",
        ),
    ] = None,
    spacing_mm: Spacing = None,
    frame_rate: Rate = None,
    longitudinal: Annotated[
        int, typer.Option(min=6, metavar="N", help="Points along the wall, where it is drawn.")
    ] = 36,
    radial: Annotated[
        int, typer.Option(min=2, metavar="N", help="Points across the wall, where it is drawn.")
    ] = 5,
    p: Annotated[
        float, number("s1: coherence inside the wall; the paper gives none.", min=0, max=1)
    ] = 0.5,
    alpha: Annotated[float, number("s3: strength of a correction.", min=0)] = 2.0,
    corrections: Annotated[
        int, typer.Option(min=1, metavar="N", help="s3: how many; the paper has one.")
    ] = 1,
    gamma: Annotated[float, number("Exponent of Eq. (1), backscatter from grey.", min=0.1)] = 2.0,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Another seed, another speckle.")
    ] = 0,
    movie: Annotated[
        Literal["mp4", "gif"],
        typer.Option(metavar="mp4|gif", help="Kind of movie: clip and simulation abreast."),
    ] = "mp4",
    quiet: Quiet = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing results.")] = False,
) -> None:
    """Simulate a clip, with a motion that is known.

    Anatomy and grey levels stay the same. Writes a recording (.nc: frames, true mesh in metres,
    speckle correlation, coherence), a movie and a picture of end-systole (.png), and prints how
    far the speckle's correlation is from the clip's. The first run for a sector takes a minute
    or two more.

    \b
    Examples:
      tas simulate --strategy s3 --out results
      tas simulate loop.mp4 --spacing-mm 0.31 --contour walls.json --strategy s1 --out results
    """
    check_choice("simulate", "--strategy", strategy, STRATEGIES)
    for option, of in {"p": "s1", "alpha": "s3", "corrections": "s3"}.items():
        source = context.get_parameter_source(option)
        if source and source.name == "COMMANDLINE" and strategy != of:
            raise InputError("simulate", f"--{option}", f"is of strategy {of}", "leave it out")
    path = path_of(clip)
    targets = results(out, path, f"{strategy}-seed{seed}", ("nc", movie, "png"), force)
    start = perf_counter()

    from tas_lib.templates import load_template

    template = load_template(
        path,
        contour,
        spacing_mm=spacing_mm,
        frame_rate=frame_rate,
        n_longitudinal=longitudinal,
        n_radial=radial,
    )
    make_folder(out)

    from tas_lib import recording
    from tas_lib.movie import write_movie
    from tas_lib.scene import Choices, Scene
    from tas_lib.speckle import correlation, mean_absolute_error

    scene = Scene(template, seed, Choices(gamma=gamma), progress=not quiet)
    curves = correlation(template)
    film = _film(strategy, scene, curves, p=p, alpha=alpha, corrections=corrections)
    if "correlation" not in film:
        film["correlation"] = correlation(film)

    error = mean_absolute_error(film.correlation, curves, scene.es)
    mean, spread = float(error.mean()), float(error.std())
    film.attrs |= {"correlation_mae": mean, "correlation_mae_sd": spread}

    recording.save(film, targets[0])
    write_movie(targets[1], [template, film], draw_mesh=True)
    _draw_es(targets[2], template, film)
    if not quiet:
        typer.echo(
            f"{film.attrs['strategy']}, seed {seed}: {template.sizes['time']} frames in "
            f"{perf_counter() - start:.0f} s\n"
            f"speckle correlation, MAE against the clip: {mean:.3f} (SD {spread:.3f} over the "
            f"{error.size} mesh points)"
        )
        for target in targets:
            typer.echo(f"wrote {target}")


def _film(
    strategy: str,
    scene: "Scene",
    curves: "xr.DataArray",
    *,
    p: float,
    alpha: float,
    corrections: int,
) -> "xr.Dataset":
    from tas_lib import strategies

    return {
        "s1": lambda: strategies.s1(scene, p),
        "s2": lambda: strategies.s2(scene, curves),
        "s3": lambda: strategies.s3(scene, curves, alpha=alpha, corrections=corrections)[-1],
        "s2-inverted": lambda: strategies.s2_inverted(scene, curves)[0],
    }[strategy]()


def _draw_es(path: Path, template: "xr.Dataset", film: "xr.Dataset") -> None:
    """Picture of the end-systolic frame, real and simulated."""
    from matplotlib.figure import Figure

    from tas_lib.figures import show_frame
    from tas_lib.recording import replacing

    figure = Figure(figsize=(12, 4.8), layout="constrained")
    titles = (
        f"{template.attrs.get('source', 'clip')}, end-systole",
        f"simulated by {film.attrs['strategy']}, seed {film.attrs['seed']}",
    )
    for axes, title, ds in zip(figure.subplots(1, 2), titles, (template, film), strict=True):
        show_frame(axes, ds, template.attrs["es_frame"])
        axes.set_title(title)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)

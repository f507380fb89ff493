"""`tas strain`: from clips to strain with its uncertainty, as a page, tables and a film."""

import shlex
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from tas_lib.cli.frame import Quiet, Rate, Seed, app, make_folder, path_of, titled
from tas_lib.errors import InputError


@app.command()
def strain(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the report; made if new.")],
    clips: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CLIP]...",
            help="One clip a view: DICOM, video (MP4, AVI, GIF), .cfg of CAMUS or TED, or a "
            "recording (.nc). Without any: the real clip that is installed with this program.",
        ),
    ] = None,
    walls: Annotated[
        list[Path] | None,
        typer.Option(
            "--contour",
            "--init",
            metavar="FILE",
            help="Drawn walls, or three clicks, of a clip; once a clip, in any order. `tas "
            "contour` makes such files. Clips with masks or a mesh need none.",
        ),
    ] = None,
    corrected: Annotated[
        list[Path] | None,
        typer.Option(
            "--corrections",
            metavar="FILE",
            help="Where points of the wall really are in some frames; once a clip.",
        ),
    ] = None,
    trackers: Annotated[
        list[str] | None,
        typer.Option(
            "--tracker",
            metavar="[TITLE=]NAME|FILE",
            help="As in `tas track`; tasnet, if none is given. Several: the first is reported, all "
            "count in the uncertainty.",
        ),
    ] = None,
    drawings: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Other drawings from which tracking is repeated."),
    ] = 20,
    seed: Seed = 0,
    spacing_mm: Annotated[
        list[float] | None,
        typer.Option(
            min=1e-3,
            metavar="NUMBER",
            help="Size of a pixel of the videos in millimetres; of several videos once each.",
        ),
    ] = None,
    frame_rate: Rate = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a report.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure strain and say how sure it is.

    Writes a report: a page (index.html) with global and regional strain, curves, bull's-eye, film,
    quality and uncertainty; the same as tables (segments.csv, curves.csv) and JSON; of each view
    the film (.mp4) and the recording with its tracks (.nc). For research alone: this is no medical
    device.

    \b
    Examples (the first on the clip that is installed):
      tas strain --out report
      tas contour loop.mp4 --spacing-mm 0.31 --out editor.html
      tas strain loop.mp4 --spacing-mm 0.31 --init clicks.json --out report
      tas strain a4c.dcm a2c.dcm a3c.dcm --init 4.json --init 2.json --init 3.json --out report
    """
    if (out / "index.html").exists() and not force:
        remedy = "choose another folder, or replace it with --force"
        raise InputError(out, "index.html", "exists already", remedy)
    paths = [path_of(clip) for clip in clips or ["default"]]
    trackers = trackers or ["tasnet"]
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("strain", "clips", "hold one of them twice", "give a clip a view")
    if any(path.resolve().parent == out.resolve() for path in paths):
        problem = "holds a clip that is to be measured, and a report replaces files"
        raise InputError(out, "--out", problem, "choose another folder")

    from tas_lib import corrections, readers, report, starts
    from tas_lib.clicks import Clicks
    from tas_lib.drawings import by_clip
    from tas_lib.measurement import measure, thickness_note
    from tas_lib.trackers import registry

    named, _ = titled(trackers, None)
    chosen = {title: registry.get(name) for title, name in named.items()}
    first = next(iter(chosen.values()))
    films = [
        readers.read(path, spacing_mm=scale, frame_rate=frame_rate)
        for path, scale in zip(paths, _scales(paths, spacing_mm or []), strict=True)
    ]
    drawn = by_clip([starts.load(path) for path in walls or []], films)
    points = by_clip([corrections.load(path) for path in corrected or []], films)
    begun = [
        starts.start(film, drawing, first.start, path)
        for film, drawing, path in zip(films, drawn, paths, strict=True)
    ]
    _check_views(paths, [start.beat.attrs.get("view") for start in begun])
    make_folder(out)
    options: Any = {"drawings": drawings, "progress": not quiet}
    views = [
        measure(start, chosen, seed=(seed, k), corrected=some, **options)
        for k, (start, some) in enumerate(zip(begun, points, strict=True))
    ]
    for k, drawing in enumerate(drawn):
        if isinstance(drawing, Clicks):
            views[k] = views[k].noting(thickness_note(films[k], drawing, first, points[k]))
    given: dict[str, Any] = {"--init": walls, "--corrections": corrected, "--tracker": trackers}
    given |= {"--spacing-mm": spacing_mm, "--frame-rate": frame_rate and [frame_rate]}
    given |= {"--drawings": [drawings], "--seed": [seed], "--out": ["DIR"]}
    words = [(option, str(value)) for option, values in given.items() for value in values or ()]
    words = [("tas", "strain", *(clips or ())), *words]
    command = shlex.join(_without_folders(word) for word in chain.from_iterable(words))
    weights = [path for name in named.values() if (path := registry.weights_of(name))]
    files = [*paths, *(walls or []), *(corrected or []), *weights]
    written = report.write(out, views, _made(command, files))
    if not quiet:
        for line in (*report.summary(views), report.WARNING):
            typer.echo(line)
        for path in written:
            typer.echo(f"wrote {path}")


def _check_views(paths: list[Path], views: list[str | None]) -> None:
    """Raise an InputError unless several clips show different views."""
    for k, view in enumerate(views):
        if len(views) > 1 and (view is None or view in views[:k]):
            problem = f"is {'not stated' if view is None else f'{view} as that of another clip'}"
            raise InputError(paths[k], "view", problem, "give one clip a view, each stating it")


def _scales(paths: list[Path], given: list[float]) -> list[float | None]:
    """Of each clip the --spacing-mm that is meant for it: videos have none of their own."""
    from tas_lib.readers.video import SUFFIXES

    asking = [path for path in paths if path.suffix.lower() in SUFFIXES] or paths
    if len(given) not in (0, 1, len(asking)):
        problem = f"is given {len(given)} times for {len(asking)} videos"
        raise InputError("strain", "--spacing-mm", problem, "give it once, or once a video")
    each = iter(given * (len(asking) // max(len(given), 1)))
    return [next(each, None) if path in asking else None for path in paths]


def _without_folders(word: str) -> str:
    """A word of a command; folders' names may tell who is filmed, and where."""
    return "=".join(Path(part).name for part in word.split("="))


def _made(command: str, files: list[Path]) -> dict[str, Any]:
    """What made the report, without folders."""
    from tas_lib.collection import digest
    from tas_lib.provenance import facts

    return {"command": command, **facts(), "sha256": [(path.name, digest(path)) for path in files]}

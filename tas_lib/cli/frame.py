"""The `tas` command's frame: its options of many commands, and bad input in one line.

What takes long to import is imported inside the commands, so that help comes at once.
"""

import math
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tas_lib import __version__
from tas_lib.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class _Commands(typer.core.TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run the command; show bad input as one line instead of a traceback."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"tas: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(cls=_Commands, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tas {__version__}")
        raise typer.Exit()


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


def number(text: str, **limits: Any) -> Any:
    return typer.Option(help=text, metavar="NUMBER", callback=_finite, **limits)


Clip = Annotated[
    str,
    typer.Argument(
        metavar="CLIP",
        help="A DICOM ultrasound clip, a video (MP4, AVI, GIF), the .cfg file of a view in CAMUS "
        "or TED, or a recording (.nc) written by this program. Without it, or with the word "
        "'default': the real clip that is installed with this program.",
    ),
]
Spacing = Annotated[
    float | None,
    number("Size of a pixel in millimetres. Videos need it, DICOM files state it.", min=1e-3),
]
Rate = Annotated[
    float | None,
    number(
        "Frames per second, in place of what a video states, or where a .cfg has none.", min=0.1
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress, print nothing.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Another seed, other random numbers.")]
Makers = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Films at a time, if not as many as cores."),
]
LEFT_OUT = 3  # exit status where some could not be made, and the rest was
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="tcp://HOST:PORT", help="A Dask cluster's, in place of this machine."),
]
Trackers = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        metavar="[TITLE=]NAME|FILE",
        help="As in `tas track`, with a title for its rows if wanted, and @es or @first behind it "
        "where the mesh is to be given in that frame; may come repeatedly.",
    ),
]
Runs = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="All networks below a folder of `tas train` or `tas refine`, titled by theirs.",
    ),
]
Numbers = Annotated[
    Path, typer.Option(metavar="FILE", help="The numbers, as JSON; a file there is replaced.")
]


@app.callback()
def tas(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Turn a real echocardiogram into simulated ones whose motion is known.

    \b
    Look at a clip, then simulate it (both work as they stand, on a clip that is installed):
      tas info
      tas simulate --strategy s3 --out results
    """


def path_of(clip: str) -> Path:
    """The file meant by a CLIP argument."""
    if clip != "default":
        if not Path(clip).exists():  # said before anything is imported
            raise InputError(clip, "file", "does not exist", "give the path of one clip")
        return Path(clip)
    from tas_lib.readers import default_clip

    return default_clip()


def stem_of(clip: Path) -> str:
    """What files made of a clip are called by."""
    stem = clip.name if clip.suffix[1:].isdigit() else clip.stem  # DICOM's names may be UIDs
    if clip.suffix.lower() == ".cfg":  # CAMUS has an Info_4CH.cfg in every patient's folder
        return f"{clip.resolve().parent.name}-{stem}"
    return stem


def results(out: Path, clip: Path, name: str, suffixes: tuple[str, ...], force: bool) -> list[Path]:
    """Paths OUT/CLIP-name.suffix. Raises InputError where one exists, unless `force`."""
    paths = [out / f"{stem_of(clip)}-{name}.{suffix}" for suffix in suffixes]
    for path in paths:
        if path.exists() and not force:
            remedy = "choose another folder or name, or replace it with --force"
            raise InputError(path, "file", "exists already", remedy)
    return paths


def titled(trackers: list[str] | None, runs: Path | None) -> tuple[dict[str, str | Path], str]:
    """Trackers by their titles, all there, and the words that named them. Raises InputError."""
    from tas_lib.comparison import networks
    from tas_lib.trackers import registry

    found: dict[str, str | Path] = {} if runs is None else {**networks(runs)}
    for word in trackers or ():
        title, told, name = word.partition("=")
        if not told or Path(word).is_file():  # whose path holds the sign
            title, name = registry.title_of(word), word
        if title in found:
            remedy = "give each a title of its own, TITLE=FILE"
            raise InputError("trackers", "--tracker", f"{title} comes twice", remedy)
        found[title] = name
    if not found:
        raise InputError("trackers", "--tracker", "is missing", "name one, or give --runs")
    for tracker in found.values():
        registry.get(tracker)  # what is not there is said before anything else
    words = [f"--tracker {shlex.quote(word)}" for word in trackers or ()]
    return found, " ".join(words + ["--runs DIR"] * (runs is not None))


def archived(
    table: "pd.DataFrame",
    cohort: str | Path,
    trackers: dict[str, str | Path],
    files: dict[str, str | None],
    command: str,
) -> str:
    """JSON of what trackers did on a cohort, and of what made it.

    files: `hashes_of` the trackers before they began. Raises InputError where they have changed.
    """
    from tas_lib import archive
    from tas_lib.comparison import made_by
    from tas_lib.provenance import facts
    from tas_lib.trackers import registry, weights

    if hashes_of(trackers) != files:
        remedy = "wait until their training has ended, and run this again"
        raise InputError("trackers", "weights", "changed while they were judged", remedy)
    learnt = {
        title: weights.training(file)
        for title, name in trackers.items()
        if (file := registry.weights_of(name))
    }
    made = {"command": command, **made_by(cohort), **facts()}
    return archive.text(table, **made, weights_sha256=files, networks=learnt)


def hashes_of(trackers: dict[str, str | Path]) -> dict[str, str | None]:
    """SHA-256 of the trackers' weights, None of those that have none, by their titles."""
    from tas_lib.collection import digest
    from tas_lib.trackers import registry

    files = {title: registry.weights_of(name) for title, name in trackers.items()}
    return {title: digest(file) if file else None for title, file in files.items()}


def make_folder(out: Path) -> None:
    """Make the folder of the results if it is new. Raises InputError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made a folder ({error.strerror})"
        raise InputError(out, "--out", problem, "name another one") from error


@contextmanager
def folder_of_results(out: Path) -> Iterator[None]:
    """The same, and the folder goes again where an InputError inside leaves it empty."""
    make_folder(out)
    try:
        yield
    except InputError:
        with suppress(OSError):
            out.rmdir()
        raise

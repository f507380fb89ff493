"""`tas dataset`: simulated sequences of templates, and what a folder of them holds."""

import json
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from tas_lib.cli.frame import LEFT_OUT, Makers, Quiet, Scheduler, Seed, app
from tas_lib.errors import InputError

group = typer.Typer(rich_markup_mode=None)
app.add_typer(group, name="dataset", invoke_without_command=True)


@group.callback()
def dataset(
    context: typer.Context,
    templates: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of recordings (.nc) with meshes, as `tas cohort templates` makes them.",
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="s1|s2|s3|burman|labels",
            help="How the speckle fades; or nothing is simulated: labels of speckle tracking.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the sequences; made if new. What is in it already is kept.",
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="Only the first N templates.")
    ] = None,
    seed: Seed = 0,
    workers: Makers = None,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> None:
    """Simulate a sequence of every template in a folder.

    Each has the template's anatomy and frame times, the motion of its mesh, and the correlation of
    its speckle. Virtual patients are taken as real ones would be: masks give their meshes. A run
    that was stopped goes on where it was.

    \b
    Example:
      tas cohort templates --n 20 --profile paper --out templates
      tas dataset --templates templates --strategy s1 --out d0
    """
    if context.invoked_subcommand:
        return
    for name, value in {"--templates": templates, "--strategy": strategy, "--out": out}.items():
        if value is None:
            raise InputError("dataset", name, "is missing", "see `tas dataset --help`")
    assert templates is not None and strategy is not None and out is not None
    start = perf_counter()

    from tas_lib.dataset import make_dataset, templates_in

    sources = templates_in(templates)[:n]
    manifest = make_dataset(
        sources, out, strategy, seed, workers=workers, scheduler=scheduler, progress=not quiet
    )
    if not quiet:
        frames = sum(entry["frames"] for entry in manifest["recordings"])
        typer.echo(
            f"{strategy}, seed {seed}: {len(manifest['recordings'])} sequences, {frames} frames; "
            f"{perf_counter() - start:.0f} s"
        )
    for file, problem in manifest["failed"].items():
        typer.echo(f"left out {file}: {problem}", err=True)
    if manifest["failed"]:
        raise typer.Exit(LEFT_OUT)


@group.command()
def describe(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of sequences.")],
    workers: Makers = None,
    quiet: Quiet = False,
) -> None:
    """Write a data set's card: DIR/card.md, card.json (a row a sequence) and two pictures.

    Counts, and distributions of motion, frame and heart rate, speckle correlation, contrast, size.
    """
    from tas_lib.collection import manifest_of
    from tas_lib.datacard import MAKE, counts, draw, pictures, summary
    from tas_lib.datacard import describe as measured
    from tas_lib.learning import named
    from tas_lib.provenance import facts
    from tas_lib.recording import replacing, write_text

    data = named(folder)
    table = measured(folder, workers, progress=not quiet)
    manifest = manifest_of(folder, MAKE)
    known: dict[str, Any] = {key: manifest[key] for key in ("strategy", "seed") if key in manifest}
    made = {"command": "tas dataset describe DIR", **known, **facts()}
    made |= {key: data[key] for key in ("made_with", "sha256")}
    made["rows"] = json.loads(table.to_json(orient="records", double_precision=15))
    write_text(folder / "card.json", json.dumps(made, indent=1))
    known |= manifest["made_with"][-1]
    figures = {"numbers": draw(table), "pictures": pictures(folder, table)}
    for name, figure in figures.items():
        with replacing(folder / f"card-{name}.png") as path:
            figure.savefig(path, dpi=120)
    parts = [
        f"# {folder.resolve().name}",
        f"{len(table)} sequences, {table.frames.sum()} frames. By pathology and view:",
        f"```\n{counts(table)}\n```",
        f"```\n{summary(table).round(2)}\n```",
        "\n".join(f"- {key}: {value}" for key, value in known.items()),
        "![numbers](card-numbers.png)\n![some sequences](card-pictures.png)",
    ]
    write_text(folder / "card.md", "\n\n".join(parts) + "\n")
    if not quiet:
        typer.echo("\n\n".join(parts[1:-1]).replace("```", ""))
        typer.echo(f"wrote {folder / 'card.md'}")

"""`tas data`: clips that others published, on request."""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Quiet, app


@app.command()
def data(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which; without it, all are listed.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it goes, if not to the user's cache.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fetch a clip that others published. No other command downloads.

    The clip's licence and source are shown, its content is checked.

    \b
    Examples:
      tas data
      tas data echotracker-sample --out clips
      tas info clips/echotracker-sample.mp4 --spacing-mm 0.2
    """
    from tas_lib import public_data

    for known in public_data.CLIPS if name is None else [name]:
        clip = public_data.clip(known)
        path = None if name is None else public_data.fetch(known, out, progress=not quiet)
        if quiet:
            continue
        facts = {"is": clip.about, "licence": clip.licence, "source": clip.source, "file": path}
        typer.echo(known)
        for title, fact in facts.items():
            if fact is not None:
                typer.echo(f"  {title:<8} {fact}")

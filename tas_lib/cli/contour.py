"""`tas contour`: a page to draw on a clip."""

from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import Clip, Quiet, Rate, Spacing, app, path_of
from tas_lib.errors import InputError


@app.command()
def contour(
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The page.")],
    clip: Clip = "default",
    spacing_mm: Spacing = None,
    frame_rate: Rate = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the page.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write a page on which the wall is marked, for `tas strain`.

    Three points or both walls on a clip; on a recording that `tas strain` wrote, corrections of
    what it followed. Open the page in a browser; it saves a JSON file, and sends nothing anywhere.
    It holds the pictures: whoever gets it can see them.

    \b
    Examples:
      tas contour loop.mp4 --spacing-mm 0.31 --out editor.html
      tas contour report/A4C.nc --out editor.html
    """
    if out.exists() and not force:
        raise InputError(out, "file", "exists already", "choose another name, or use --force")

    from tas_lib import readers
    from tas_lib.editor import editor
    from tas_lib.recording import write_text

    path = path_of(clip)
    recording = readers.read(path, spacing_mm=spacing_mm, frame_rate=frame_rate)
    text = editor(recording, path)
    write_text(out, text)
    if not quiet:
        typer.echo(f"wrote {out}: open it in a browser")

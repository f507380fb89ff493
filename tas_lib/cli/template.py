"""`tas template`: clips with their walls become recordings, of which data sets are made."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tas_lib.cli.frame import LEFT_OUT, Quiet, Rate, Spacing, app, make_folder, stem_of
from tas_lib.errors import InputError


@app.command()
def template(
    clips: Annotated[
        list[Path],
        typer.Argument(
            metavar="CLIP...",
            help="Clips as in `tas simulate`; or folders, of which every .cfg below is taken "
            "(CAMUS, TED).",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the recordings.")],
    contour: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Walls that were drawn on the one clip that is given."),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who is filmed, where the clips do not say it."),
    ] = None,
    spacing_mm: Spacing = None,
    frame_rate: Rate = None,
    quiet: Quiet = False,
) -> None:
    """Write a recording (.nc) of every clip with its walls.

    For `tas dataset` and `tas refine`. What is there already of these clips is kept. A clip of
    which none can be made is left out and named at the end; the exit status is 3 then.

    \b
    Examples:
      tas template database_nifti --out templates
      tas template CLIP.dcm --contour WALLS.json --patient me --out templates
    """
    from tqdm import tqdm

    found = [
        path
        for clip in clips
        for path in (sorted(clip.rglob("*.cfg")) if clip.is_dir() else [clip])
    ]
    if not found:
        raise InputError(clips[0], "CLIP", "holds no .cfg", "name clips, or a folder of CAMUS")
    if contour and len(found) > 1:
        raise InputError(contour, "--contour", "is of one clip", "give clips one at a time")
    targets: dict[Path, Path] = {}
    for path in found:
        other = targets.setdefault(out / f"{stem_of(path)}.nc", path)
        if other != path:
            remedy = "write them to different folders"
            raise InputError(path, "file", f"is named as {other}", remedy)
    make_folder(out)
    made, failed = 0, {}
    for target, path in tqdm(targets.items(), "template", unit="clip", disable=quiet):
        try:
            made += _make(path, target, contour, patient, spacing_mm, frame_rate)
        except InputError as error:
            failed[path] = error
    if not quiet:
        kept = len(targets) - made - len(failed)
        typer.echo(f"wrote {made} recordings to {out}; {kept} were there")
    for reason in failed.values():
        typer.echo(f"left out: {reason}", err=True)
    if failed:
        raise typer.Exit(LEFT_OUT)


def _make(
    path: Path,
    target: Path,
    contour: Path | None,
    patient: str | None,
    spacing_mm: float | None,
    frame_rate: float | None,
) -> bool:
    """Write the template of a clip, unless it is there -> whether it was written."""
    from tas_lib import recording
    from tas_lib.collection import digest
    from tas_lib.templates import load_template

    of = {"clip": digest(path), "contour": contour and digest(contour), "patient": patient}
    made_of = json.dumps(of | {"spacing_mm": spacing_mm, "frame_rate": frame_rate})
    if target.exists():
        if recording.open(target).attrs.get("made_of") == made_of:
            return False
        problem = f"is not the clip that {target} was made of, or has other options"
        raise InputError(path, "file", problem, "name another folder, or remove that file")
    ds = load_template(path, contour, spacing_mm=spacing_mm, frame_rate=frame_rate)
    if "patient" not in ds.attrs:
        if patient is None:
            raise InputError(path, "patient", "is not stated", "state it: --patient NAME")
        ds = ds.assign_attrs(patient=patient)
    recording.save(ds.assign_attrs(made_of=made_of), target)
    return True

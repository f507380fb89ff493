"""What a build of the book took and found: `python build_record.py EXECUTED OUT PAGE...`.

For the page on profiles, which tells readers what to expect; `make record` calls it.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd

from tas_lib import archive

PROVENANCE = re.compile(r'<p class="provenance">(.*)</p>')  # `tas_lib.book.provenance`
FIGURES = {  # page and name of a glued number -> what it is
    ("00_simulator", "error_far"): "fast simulator's error beyond 20 mm, %",
    ("00_speed", "speed"): "frames a second, of as many scatterers as the profile has",
    ("02_correlation_mae", "mae_S1"): "correlation MAE of S1 at its best",
    ("02_correlation_mae", "mae_S2"): "of S2",
    ("02_correlation_mae", "mae_S3"): "of S3",
    ("02_correlation_mae", "floor"): "of S3 against another seed",
}


def glued(notebook: dict) -> Iterator[tuple[str, str]]:
    """Names and values of what a notebook stored for the prose."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            about = output.get("metadata", {}).get("scrapbook")
            if about:
                yield about["name"], output["data"][about["mime_prefix"] + "text/plain"]


def facts(notebook: dict) -> dict[str, str]:
    """What a notebook says of its making: commit, device, threads, date and versions."""
    html = "".join(notebook["cells"][-1]["outputs"][0]["data"]["text/html"])
    pairs = PROVENANCE.search(html)[1].split(" · ")
    return dict(pair.split(" ", 1) for pair in pairs)


def record(folder: Path, pages: Iterable[str]) -> str:
    """JSON of the executed notebooks of a book's pages, in a folder with the profile's name."""
    rows, figures, made = [], {}, []
    paths = [folder / f"{page}.ipynb" for page in sorted(pages)]
    if absent := [path.stem for path in paths if not path.exists()]:
        raise SystemExit(f"{folder} lacks {', '.join(absent)}; run make book first")
    for path in paths:
        notebook = json.loads(path.read_text())
        ran = notebook["metadata"]["papermill"]
        made.append(facts(notebook))
        rows.append(
            {"page": path.stem, "seconds": ran["duration"], "threads": made[-1]["threads"]}
            | {key: datetime.fromisoformat(ran[f"{key}_time"]) for key in ("start", "end")}
        )
        for name, value in glued(notebook):
            if (path.stem, name) in FIGURES:
                figures[FIGURES[path.stem, name]] = float(value)
    if absent := set(FIGURES.values()) - figures.keys():
        raise SystemExit(f"{folder} lacks {', '.join(sorted(absent))}; run make book first")
    if len(commits := {about["commit"] for about in made}) > 1:
        named = ", ".join(sorted(commits))
        raise SystemExit(f"{folder} is of several commits ({named}); make clean, then make book")
    rows = pd.DataFrame(rows)
    minutes = (rows.end.max() - rows.start.min()).total_seconds() / 60
    about = {"command": f"make book PROFILE={folder.name}", "minutes": minutes, "figures": figures}
    versions = {key: value for key, value in made[-1].items() if key not in ("notebook", "threads")}
    return archive.text(rows.drop(columns=["start", "end"]), **about, **versions)


if __name__ == "__main__":
    executed, out, *names = sys.argv[1:]
    Path(out).write_text(record(Path(executed), names))

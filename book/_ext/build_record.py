"""What a build of the book took and found: `python build_record.py EXECUTED OUT`.

For the page on profiles, which tells readers what to expect; `make record` calls it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tas_lib import archive
from tas_lib.provenance import facts

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


def record(folder: Path) -> str:
    """JSON of all executed notebooks in a folder, which bears the profile's name."""
    rows, figures, profile = [], {}, folder.name
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text())
        rows.append({"page": path.stem, "seconds": notebook["metadata"]["papermill"]["duration"]})
        for name, value in glued(notebook):
            if (path.stem, name) in FIGURES:
                figures[FIGURES[path.stem, name]] = float(value)
    absent = set(FIGURES.values()) - figures.keys()
    if absent:
        raise SystemExit(f"{folder} lacks {', '.join(sorted(absent))}; run make book first")
    command = f"make book PROFILE={profile}"
    return archive.text(pd.DataFrame(rows), command=command, figures=figures, **facts())


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(record(Path(sys.argv[1])))

"""The live notebooks run, and soon show a picture."""

from pathlib import Path
from time import perf_counter

import jupytext
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks" / "live"
PATIENCE = 60  # for the picture [s]: twice what a laptop is allowed


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda p: p.stem)
def test_live_notebook_shows_a_picture(path):
    notebook = jupytext.read(path)
    start = perf_counter()
    client = NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
    )
    client.execute()
    assert perf_counter() - start < PATIENCE
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    views = [
        o["data"] for o in shown if "application/vnd.jupyter.widget-view+json" in o.get("data", {})
    ]
    assert views
    states = client.widget_state.values()
    pictures = [o for s in states for o in s.get("outputs", []) if "image/png" in o.get("data", {})]
    assert pictures

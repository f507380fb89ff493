"""The live notebooks run, and their first picture soon comes."""

import runpy
from pathlib import Path
from time import perf_counter

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks" / "live"
PATIENCE = 60  # for the picture [s]: twice what a laptop is allowed
NOTEBOOKS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.weekly] * (path.stem != "speckle"))
    for path in sorted(FOLDER.glob("*.py"))
]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_live_notebook_shows_a_picture(path, monkeypatch):
    """Where `interact` would show sliders, the experiment runs once, as they first stand."""
    shown = []

    def interact(experiment, **controls):
        experiment(**{name: control.value for name, control in controls.items()})

    monkeypatch.setattr(ipywidgets, "interact", interact)
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf().axes))
    start = perf_counter()
    runpy.run_path(str(path))
    plt.close("all")
    assert perf_counter() - start < PATIENCE
    (axes,) = shown
    assert all(ax.has_data() for ax in axes)
    if path.stem == "speckle":  # under steady motion correlation falls steadily
        assert (np.diff(axes[2].lines[0].get_ydata()) < 0).all()

"""Notebooks meet the book: numbers for the prose, figures for both themes, provenance.

Nothing here depends on the book's tools, so a notebook also runs alone in Jupyter.
"""

import base64
import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.core.formatters import format_display_data
from IPython.display import HTML, display
from matplotlib.figure import Figure

GLUE_PREFIX = "application/papermill.record/"  # where the book's {glue} role looks

_COMMON = {
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "legend.frameon": False,
    "svg.hashsalt": "tas_lib",  # same drawing, same bytes
}


def _theme(ink: str, grid: str, cycle: list[str]) -> dict:
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    return {
        **_COMMON,
        **dict.fromkeys(inked, ink),
        "axes.titlecolor": ink,
        "grid.color": grid,
        "axes.prop_cycle": plt.cycler(color=cycle),
    }


# Okabe and Ito's colours, which colour-blind readers tell apart; the dark set is lightened.
THEMES = {
    "light": _theme(
        "#1f2328", "#d0d7de", ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9"]
    ),
    "dark": _theme(
        "#e6edf3", "#3d444d", ["#56b4e9", "#ff9d5c", "#2fd6a3", "#f0a6cf", "#f0e442", "#8fb3ff"]
    ),
}


def glue(name: str, value: object) -> None:
    """Store ``value`` in the notebook under ``name`` for the page's ``{glue:text}``, unseen.

    Scalars of NumPy, PyTorch and xarray become Python numbers, which format codes need.
    """
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    data, _ = format_display_data(value)
    display(
        {GLUE_PREFIX + mime: content for mime, content in data.items()},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": GLUE_PREFIX}},
    )


def themed(draw: Callable[[], Figure], alt: str, *, kind: str = "svg", dpi: int = 110) -> HTML:
    """Draw a figure twice, for light and for dark pages; the page's theme shows one of them.

    draw: makes and returns a new figure; it leaves text and axes to the style in force.
    alt: what the figure shows, for those who can't see it.
    kind: "svg" for lines and text; "webp" for B-mode images, which it keeps some ten times
        smaller than SVG or PNG do; dpi counts for images only.
    """
    images = []
    for theme, style in THEMES.items():
        with plt.rc_context(style):
            figure, buffer = draw(), BytesIO()
            options = {"pil_kwargs": {"quality": 90}} if kind == "webp" else {}
            if kind == "svg":
                options["metadata"] = {"Date": None}
            figure.savefig(
                buffer, format=kind, dpi=dpi, transparent=True, bbox_inches="tight", **options
            )
            plt.close(figure)
        mime = "image/svg+xml" if kind == "svg" else f"image/{kind}"
        data = base64.b64encode(buffer.getvalue()).decode()
        images.append(
            f'<img class="only-{theme}" alt="{escape(alt)}" src="data:{mime};base64,{data}">'
        )
    return HTML(f'<div class="themed">{"".join(images)}</div>')


def commit() -> str:
    """The commit of the code that runs, marked "-dirty" if edited; "no git" outside a checkout."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(git, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "no git"


def provenance(profile: str, seed: int | list[int], notebook: str) -> HTML:
    """One line for the end of a notebook: what made its results, read while it runs."""
    import torch  # here only: the rest of this module serves without it

    packages = ("tas-lib", "numpy", "scipy", "torch", "finufft", "pymust")
    device = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU {platform.machine()}"
    )
    facts = {
        "notebook": notebook,
        "commit": commit(),
        "profile": profile,
        "seed": ", ".join(map(str, seed)) if isinstance(seed, list) else seed,
        "device": device,
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()} cores",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "Python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
    text = " · ".join(f"{escape(k)} {escape(str(v))}" for k, v in facts.items() if v is not None)
    return HTML(f'<p class="provenance">{text}</p>')

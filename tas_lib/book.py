"""Notebooks meet the book: numbers for the prose, figures for both themes, provenance.

Nothing here depends on the book's tools, so a notebook also runs alone in Jupyter.
"""

import re
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from IPython.core.formatters import format_display_data
from IPython.display import HTML, display
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from tas_lib.inline import address

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
            options: Any = {"pil_kwargs": {"quality": 90}} if kind == "webp" else {}
            if kind == "svg":
                options["metadata"] = {"Date": None}
            figure.savefig(
                buffer, format=kind, dpi=dpi, transparent=True, bbox_inches="tight", **options
            )
            plt.close(figure)
        mime = "image/svg+xml" if kind == "svg" else f"image/{kind}"
        data = address(buffer.getvalue(), mime)
        images.append(f'<img class="only-{theme}" alt="{escape(alt)}" src="{data}">')
    # The second class is the theme's: what is wider than the page scrolls, by the keyboard as well.
    return HTML(f'<div class="themed pst-scrollable-table-container">{"".join(images)}</div>')


def table(
    rows: dict | pd.DataFrame, formats: str | dict | None = None, **options: object
) -> Styler:
    """A table of the page, as a frame or {row: {column: value}}; formats and options as
    `Styler.format`'s. No line breaks within names of cohorts and networks, and "T vs R".
    """
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows).T.infer_objects()
    styled = frame.style.format(formats, **{"na_rep": "", **options})
    for axis in (0, 1):
        styled = styled.format_index(_unbroken, axis=axis)
    return styled.set_table_attributes('class="dataframe"')


def _unbroken(label: object) -> str:
    text = re.sub(r"\b(HUNT|TAS)-", "\\1\N{NON-BREAKING HYPHEN}", str(label))
    return text.replace(" vs ", "\xa0vs\xa0")


def told(number: tuple[float, float, float], digits: int = 2) -> str:
    """A number and its interval in words; alone where there is none, or where it is exact.

    A narrow cell breaks the line before the interval alone.
    """
    exact = len({*number}) == 1
    value, low, high = (f"{part:z.{digits}f}" for part in number)
    return value if exact or "nan" in (low, high) else f"{value} ({low}\xa0to\xa0{high})"


def tested(found: pd.DataFrame) -> Styler:
    """`significance.comparisons` as a table."""
    names = {"t": "p, t", "signs": "p, signs", "holm": "p, signs, Holm"}
    return table(
        found.assign(difference=found.difference.map(told)).rename(columns=names),
        dict.fromkeys(names.values(), lambda p: "<0.0001" if p < 1e-4 else f"{p:.2g}"),
    )


def command(words: str) -> str:
    """A command line as HTML, whose lines break between words alone."""
    spans = " ".join(f"<span>{escape(word)}</span>" for word in words.split())
    return f'<code class="command">{spans}</code>'


def archived(runs: dict[str, dict]) -> HTML:
    """The archived runs on a page, folded: a line for each by the name of its file."""
    known = "cohort", "seed", "commit", "device", "date"
    lines = []
    for name, run in sorted(runs.items()):
        facts = " · ".join(f"{key} {run[key]}" for key in known if key in run)
        lines.append(f"<code>{escape(name)}.json</code>: {made_by(run)} · {escape(facts)}")
    title = f"<summary>Archived runs on this page: {len(lines)}</summary>"
    return HTML(f'<details class="provenance">{title}<p>{"<br>".join(lines)}</p></details>')


def made_by(run: dict) -> str:
    """The commands of an archived run as HTML: of its recordings, if they are a cohort, and its."""
    return "; ".join(command(run[key]) for key in ("recordings_by", "command") if key in run)


def trainings(made: dict, called: Callable[[str], str]) -> dict[str, dict[str, str]]:
    """How the networks of an archived run were trained: rows of a table, seeds together.

    called: titles of networks, without their seeds -> names for readers.
    """
    networks = pd.DataFrame(made["networks"]).T
    title = networks.index.str.replace(r"/seed\d+$", "", regex=True)
    return {
        called(name): {
            "seeds": f"{len(some)}",
            "sequences": f"{some.sequences.iloc[0]} by {some.strategy.iloc[0].upper()}",
            "validation MTE (mm)": f"{some.validation_mte_mm.mean():.2f}",
            "minutes to these weights": f"{some.minutes.mean():.0f}",
            "commit, device, date": ", ".join(
                value for column in ("commit", "device", "date") for value in some[column].unique()
            ),
            "command": command(re.sub(r"--seed \d+", "--seed N", some.command.iloc[0])),
        }
        for name, some in networks.groupby(title, sort=False)
    }


def provenance(profile: str, seed: int | list[int], notebook: str) -> HTML:
    """One line for the end of a notebook: what made its results, read while it runs."""
    from tas_lib.provenance import facts  # imports PyTorch; the rest of this module does not

    seeds = ", ".join(map(str, seed)) if isinstance(seed, list) else seed
    made = {"notebook": notebook, "profile": profile, "seed": seeds} | facts()
    text = " · ".join(f"{escape(k)} {escape(str(v))}" for k, v in made.items() if v is not None)
    return HTML(f'<p class="provenance">{text}</p>')

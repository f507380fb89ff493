"""A block of HTML for a page: what its script needs to know, the script, and how it looks.

Nothing is fetched: a block works offline and from a file.
"""

from __future__ import annotations

import itertools
from html import escape
from importlib.resources import files

from IPython.display import HTML

from tas_lib.book import THEMES
from tas_lib.inline import as_json

STYLE = """
.laboratory { color: inherit; max-width: 100%; }
.laboratory figure { margin: 0; min-width: 0; scroll-margin-top: 4em; }
.laboratory figcaption { font-size: .9em; margin-bottom: .2em; text-align: left; }
.laboratory canvas { width: 100%; height: auto; display: block; }
.laboratory canvas[tabindex] { cursor: crosshair; border-radius: 4px; }
.laboratory [data-picture] { background: #000; touch-action: manipulation; }
.laboratory [data-total] { font-weight: 600; }
.laboratory .lab-views { display: grid; gap: .8em;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); }
.laboratory .lab-row { display: flex; flex-wrap: wrap; gap: .4em; align-items: center;
  margin: .6em 0; }
.laboratory .lab-row [type=range] { flex: 1 1 8em; }
.laboratory [data-play] { min-width: 5em; }
.laboratory .lab-status { font-variant-numeric: tabular-nums; min-height: 3em; margin: .2em 0;
  font-size: .9em; }
.laboratory .lab-note { font-size: .85em; }
.laboratory .lab-controls { display: grid; gap: .2em 1.2em; margin: .8em 0;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.laboratory fieldset { border: 0; padding: 0; margin: 0; min-width: 0; }
.laboratory legend { font-weight: 600; font-size: 1em; float: none; margin: 0; }
.laboratory label { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 .6em;
  font-size: .9em; margin: .2em 0; font-variant-numeric: tabular-nums; }
.laboratory label span { white-space: nowrap; }
.laboratory label :is([type=range], select) { width: 100%; margin: 0; }
.laboratory :is(button, select) { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 4px; padding: .1em .6em; cursor: pointer; }
.laboratory button:disabled { opacity: .5; cursor: default; }
.laboratory option { color: CanvasText; background: Canvas; }
.laboratory :is(button, input, select, canvas, summary):focus-visible {
  outline: 3px solid var(--c1); outline-offset: 2px; }
.laboratory [aria-pressed=true] { background: var(--ink); color: var(--ground); }
.laboratory summary { cursor: pointer; }
.laboratory figcaption i { display: inline-block; width: 5em; height: .7em; margin: 0 .3em; }
.laboratory td canvas { width: 96px; max-width: 14vw; margin: 0 auto; image-rendering: pixelated; }
.laboratory .lab-table :is(td, th) { text-align: center; padding: .2em min(.4em, .6vw); }
"""

_count = itertools.count()


def script(*names: str) -> str:
    """Scripts of this folder, one after the other, without their lines of comment."""
    folder = files(__package__)
    texts = [folder.joinpath(f"{name}.js").read_text("utf-8") for name in names]
    lines = "\n".join(texts).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("//"))


def block(label: str, html: str, data: dict, code: str, entry: str) -> HTML:
    """The block: `html`, and `code` whose function `entry` is called with its element.

    label: what it is, for those who can't see it; data: JSON that the function finds in it.
    """
    name = f"laboratory-{next(_count)}"
    text = as_json(data)
    return HTML(
        f'<div class="laboratory" id="{name}" role="group" aria-label="{escape(label)}">'
        f"<style>.laboratory {{ {_colours('light')} }}\n"
        f'html[data-theme="dark"] .laboratory {{ {_colours("dark")} }}\n{STYLE}</style>'
        f'{html}<script type="application/json">{text}</script>'
        f'<script>(() => {{\n{code}\n{entry}(document.getElementById("{name}"));\n}})();</script>'
        "</div>"
    )


def canvas(name: str, caption: str, alt: str, size: tuple[int, int], extra: str = "") -> str:
    """A picture that the script draws; size (width, height) [px]."""
    width, height = size
    return (
        f"<figure><figcaption>{caption}</figcaption><canvas data-{name} {extra}"
        f' width="{width}" height="{height}" role="img" aria-label="{escape(alt)}"></canvas>'
        "</figure>"
    )


def film_controls(frames: int, more: str = "") -> str:
    """A row of buttons and a slider for a film."""
    return (
        '<div class="lab-row"><button type="button" data-back aria-label="step back">‹</button>'
        '<button type="button" data-play>Play</button>'
        '<button type="button" data-next aria-label="step forward">›</button>'
        f'<input type="range" data-frame min="0" max="{frames - 1}" value="0" aria-label="frame">'
        f"{more}</div>"
    )


def _colours(theme: str) -> str:
    """The theme's colours as variables of CSS."""
    style = THEMES[theme]
    cycle = [entry["color"] for entry in style["axes.prop_cycle"]]
    names = {"ink": style["text.color"], "grid": style["grid.color"]}
    names["ground"] = {"light": "#fff", "dark": "#121212"}[theme]
    names |= {f"c{i}": colour for i, colour in enumerate(cycle)}
    return "".join(f"--{name}:{colour};" for name, colour in names.items())

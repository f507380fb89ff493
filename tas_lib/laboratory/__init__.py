"""The speckle laboratory: a small simulator in plain JavaScript, in a block of HTML for a page.

The scripts beside this file draw scatterers, move them, and image them by the formulas of
`tas_lib.simulator`; the facts about probe and lens come from there. Nothing is fetched.

| script | what |
| --- | --- |
| beam.js | point-spread function in the plane: beams and pulses |
| slice.js | point-spread function across it |
| image.js | scatterers to I/Q |
| tissue.js | scatterers, their motion, noise |
| speckle.js | pictures, correlation, block matching, statistics |
| theory.js | correlation expected after a motion |
| film.js | one film, and what is measured on it |
| charts.js, page.js | what the reader sees and moves |
"""

from __future__ import annotations

import itertools
import json
from html import escape
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from IPython.display import HTML

from tas_lib.artefacts import Scanner
from tas_lib.book import THEMES
from tas_lib.player import VIRIDIS
from tas_lib.simulator import Acquisition

SCRIPTS = "beam", "slice", "image", "tissue", "speckle", "theory", "film", "charts", "page"
FRAMES = 16
DEFAULT = Acquisition()
DENSITY = 2.5  # scatterers per square wavelength, through the whole tissue
PICTURE = 20e-3, 148e-3, 0.44  # nearest and farthest range [m], sine of the half angle

STYLE = """
.laboratory { color: inherit; max-width: 100%; }
.laboratory figure { margin: 0; min-width: 0; }
.laboratory figcaption { font-size: .9em; margin-bottom: .2em; text-align: left; }
.laboratory canvas { width: 100%; height: auto; display: block; }
.laboratory canvas[tabindex] { cursor: crosshair; border-radius: 4px; }
.laboratory [data-bmode] { background: #000; }
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
.laboratory label { display: block; font-size: .9em; margin: .2em 0;
  font-variant-numeric: tabular-nums; }
.laboratory output { float: right; }
.laboratory label :is([type=range], select) { display: block; width: 100%; margin: 0; }
.laboratory :is(button, select) { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 4px; padding: .1em .6em; cursor: pointer; }
.laboratory option { color: CanvasText; background: Canvas; }
.laboratory :is(button, input, select, canvas, summary):focus-visible {
  outline: 3px solid var(--c1); outline-offset: 2px; }
.laboratory [aria-pressed=true] { background: var(--ink); color: var(--ground); }
.laboratory summary { cursor: pointer; }
.laboratory figcaption i { display: inline-block; width: 5em; height: .7em; margin: 0 .3em; }
"""

_count = itertools.count()


class Preset(NamedTuple):
    """A step of the story: what differs from `defaults`, and what to ask of the reader."""

    title: str
    settings: dict[str, float | str]
    question: str
    answer: str


def script() -> str:
    """All scripts, one after the other."""
    folder = files(__package__)
    return "\n".join(folder.joinpath(f"{name}.js").read_text("utf-8") for name in SCRIPTS)


def facts(acq: Acquisition = DEFAULT, seed: int = 0) -> dict:
    """What the scripts must know of an acquisition, in SI units, without the film's clip."""
    probe = acq.probe
    r_min, r_max, s_max = PICTURE
    return {
        "c": acq.c,
        "pitch": probe.pitch,
        "width": probe.width,
        "height": probe.height,
        "elevationFocus": probe.elevation_focus,
        "wavelength": acq.wavelength,
        "rMin": r_min,
        "rMax": r_max,
        "sMax": s_max,
        "smoothing": Scanner.smoothing,
        "seed": seed,
    }


def settings(acq: Acquisition = DEFAULT) -> dict[str, float]:
    """What sliders change of an acquisition with focused lines, in SI units."""
    probe = acq.probe
    return {
        "frequency": probe.centre_frequency,
        "bandwidth": probe.bandwidth,
        "aperture": probe.aperture,
        "focus": acq.transmit.distance,
    }


def defaults(acq: Acquisition = DEFAULT) -> dict[str, float | str]:
    """Where all controls stand at first, in the units of the page: as the first preset wants."""
    motion = dict.fromkeys(("lateral", "axial", "elevation", "strain", "rotation"), 0)
    at = settings(acq)
    return motion | {
        "strain": -20,
        "strategy": "S1",
        "coherence": 1,
        "alpha": 2,
        "density": DENSITY,
        "snr": 40,
        "frequency": round(at["frequency"] / 1e6, 6),
        "bandwidth": round(100 * at["bandwidth"], 6),
        "aperture": round(1e3 * at["aperture"], 6),
        "focus": round(1e3 * at["focus"], 6),
        "range": 50,
        "window": 7.7,
        "search": 2,
        "question": 0,
        "frame": 0,
        "x": 0,
        "z": 84,
    }


def clip_curve(curve: np.ndarray) -> list[float]:
    """A correlation curve (frame,) that begins at 1, resampled to the film's frames."""
    at = np.linspace(0, len(curve) - 1, FRAMES)
    return np.round(np.interp(at, np.arange(len(curve)), curve), 4).tolist()


def laboratory(
    clip: np.ndarray, presets: list[Preset], acq: Acquisition = DEFAULT, seed: int = 0
) -> HTML:
    """The laboratory as one block.

    clip: correlation with the first frame (frame,) of the real clip, which S2 and S3 are to follow.
    """
    data = facts(acq, seed) | {
        "defaults": defaults(acq),
        "clip": clip_curve(clip),
        "palette": [_hex(colour) for colour in VIRIDIS],
    }
    name = f"laboratory-{next(_count)}"
    data = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return HTML(
        f'<div class="laboratory" id="{name}" role="group" aria-label="speckle laboratory">'
        f"<style>.laboratory {{ {_colours('light')} }}\n"
        f'html[data-theme="dark"] .laboratory {{ {_colours("dark")} }}\n{STYLE}</style>'
        f"{_story(presets)}{_views()}"
        f'<script type="application/json">{data}</script>'
        f"<script>(() => {{\n{script()}\n"
        f'laboratory(document.getElementById("{name}"));\n}})();</script></div>'
    )


def _hex(colour: np.ndarray) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


def _story(presets: list[Preset]) -> str:
    buttons = "".join(
        f'<button type="button" data-preset="{escape(json.dumps(p.settings))}">'
        f"{escape(p.title)}</button>"
        for p in presets
    )
    questions = "".join(
        f"<div data-question>{escape(p.question)}"
        f"<details><summary>Answer</summary>{escape(p.answer)}</details></div>"
        for p in presets
    )
    return f'<div class="lab-row" role="group" aria-label="story">{buttons}</div>{questions}'


def _canvas(name: str, caption: str, alt: str, size: tuple[int, int], extra: str = "") -> str:
    width, height = size
    return (
        f"<figure><figcaption>{caption}</figcaption><canvas data-{name} {extra}"
        f' width="{width}" height="{height}" role="img" aria-label="{alt}"></canvas></figure>'
    )


def _views() -> str:
    scale = ",".join(_hex(colour) for colour in VIRIDIS)
    bar = f'<span>0<i style="background:linear-gradient(90deg,{scale})"></i>1</span>'
    numbers = "the line above has the numbers"
    square, wide, focus = (320, 320), (360, 230), 'tabindex="0"'
    bmode = _canvas(
        "bmode", "B-mode, 128 × 128 mm: ○ true, + matched", "B-mode picture", square, focus
    )
    curve = _canvas("curve", "Correlation with frame 0", f"Correlation curves; {numbers}", wide)
    others = (
        _canvas("map", f"Best correlation {bar}", f"Map of correlation; {numbers}", square, focus)
        + "<div>"
        + _canvas("displacement", "Displacement of the point", f"Displacement; {numbers}", wide)
        + _canvas("histogram", "Envelope", f"Histogram of the envelope; {numbers}", wide)
        + "</div>"
    )
    return (
        '<div class="lab-row"><button type="button" data-back aria-label="step back">‹</button>'
        '<button type="button" data-play>Play</button>'
        '<button type="button" data-next aria-label="step forward">›</button>'
        f'<input type="range" data-frame min="0" max="{FRAMES - 1}" value="0" aria-label="frame">'
        '<button type="button" data-reset>Reset</button></div>'
        f'<p class="lab-status" data-status></p><div class="lab-views">{bmode}<div>{curve}'
        '<p class="lab-note">Click a picture, or use the arrow keys on it, to choose the point. '
        "<span data-note></span></p></div></div>"
        f'<div class="lab-controls" data-controls></div><div class="lab-views">{others}</div>'
    )


def _colours(theme: str) -> str:
    """The theme's colours as variables of CSS."""
    style = THEMES[theme]
    cycle = [entry["color"] for entry in style["axes.prop_cycle"]]
    names = {"ink": style["text.color"], "grid": style["grid.color"]}
    names["ground"] = {"light": "#fff", "dark": "#121212"}[theme]
    names |= {f"c{i}": colour for i, colour in enumerate(cycle)}
    return "".join(f"--{name}:{colour};" for name, colour in names.items())

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
| parts.js, charts.js, page.js | what the reader sees and moves |
"""

from __future__ import annotations

import json
from html import escape
from typing import NamedTuple

import numpy as np
from IPython.display import HTML
from matplotlib.colors import to_hex

from tas_lib.artefacts import Scanner
from tas_lib.laboratory.block import block, canvas, film_controls, script
from tas_lib.player import VIRIDIS
from tas_lib.simulator import Acquisition
from tas_lib.simulator.acquisition import Focused

SCRIPT = script(
    *("parts", "beam", "slice", "image", "tissue", "speckle", "theory", "film", "charts", "page")
)
FRAMES = 16
DEFAULT = Acquisition()
DENSITY = 8  # scatterers per square millimetre, through the whole tissue
NEAREST = 0.8  # share p of S1 with which the film comes nearest to the default template's clip
PICTURE = 20e-3, 148e-3, 0.44  # nearest and farthest range [m], sine of the half angle


class Preset(NamedTuple):
    """A step of the story: what differs from `defaults`, and what to ask of the reader."""

    title: str
    settings: dict[str, float | str]
    question: str
    answer: str


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
        "rMin": r_min,
        "rMax": r_max,
        "sMax": s_max,
        "smoothing": Scanner.smoothing,
        "seed": seed,
    }


def settings(acq: Acquisition = DEFAULT) -> dict[str, float]:
    """What sliders change of an acquisition with focused lines, in SI units."""
    probe = acq.probe
    assert isinstance(acq.transmit, Focused)
    return {
        "frequency": probe.centre_frequency,
        "bandwidth": probe.bandwidth,
        "aperture": probe.aperture,
        "focus": acq.transmit.distance,
    }


def defaults(acq: Acquisition = DEFAULT) -> dict[str, float | str]:
    """Where all controls stand at first, in the units of the page: as the first preset wants."""
    motion: dict[str, float | str] = dict.fromkeys(
        ("lateral", "axial", "elevation", "strain", "rotation"), 0
    )
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
        "x": 4,
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
        "palette": [to_hex(colour) for colour in VIRIDIS],
    }
    html = _story(presets) + _views()
    return block("speckle laboratory", html, data, SCRIPT, "laboratory")


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


def _views() -> str:
    scale = ",".join(to_hex(colour) for colour in VIRIDIS)
    bar = f'<span>0<i style="background:linear-gradient(90deg,{scale})"></i>1</span>'
    numbers = "the line above has the numbers"
    square, wide, focus = (320, 320), (360, 230), 'tabindex="0"'
    picture = canvas(
        "picture", "B-mode, 128 × 128 mm: ○ true, + matched", "B-mode picture", square, focus
    )
    curve = canvas("curve", "Correlation with frame 0", f"Correlation curves; {numbers}", wide)
    others = (
        canvas("map", f"Best correlation {bar}", f"Map of correlation; {numbers}", square, focus)
        + "<div>"
        + canvas("displacement", "Displacement of the point", f"Displacement; {numbers}", wide)
        + canvas("histogram", "Envelope", f"Histogram of the envelope; {numbers}", wide)
        + "</div>"
    )
    reset = '<button type="button" data-reset>Reset</button>'
    return (
        f'{film_controls(FRAMES, reset)}<p class="lab-status" data-status></p>'
        f'<div class="lab-views">{picture}<div>{curve}'
        '<p class="lab-note">Click a picture, or use the arrow keys on it, to choose the point. '
        "<span data-note></span></p></div></div>"
        f'<div class="lab-controls" data-controls></div><div class="lab-views">{others}</div>'
    )

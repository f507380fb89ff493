"""Be the tracker: a point is shown, the reader says where it went, and trackers say it after."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
import xarray as xr
from IPython.display import HTML

from tas_lib.errors import InputError
from tas_lib.laboratory.block import block, canvas, film_controls, script
from tas_lib.laboratory.cut import cut
from tas_lib.recording import validate

SCRIPT = script("parts", "charts", "game")
ROUNDS = 10
FRAMES = 16  # shown of a film, from end-systole to the end of its beat
ASKED = 5, 10, 15  # of those, where the reader says where the point is
REACH = 28e-3  # of the picture around the point, to each side [m]


class Round(NamedTuple):
    """One point of one film."""

    film: xr.Dataset
    frames: np.ndarray  # (FRAMES,) from end-systole on
    truth: np.ndarray  # (FRAMES, [x, z]) [m]
    found: dict[str, np.ndarray]  # the same by each tracker

    def errors(self) -> dict[str, float]:
        """Mean distance [m] from the truth where the reader is asked, of all and of "staying"."""
        paths = self.found | {"staying": np.broadcast_to(self.truth[0], self.truth.shape)}
        return {
            name: float(np.linalg.norm(path - self.truth, axis=-1)[list(ASKED)].mean())
            for name, path in paths.items()
        }


def draw_rounds(
    films: Sequence[xr.Dataset], tracks: Sequence[dict[str, np.ndarray]], seed: int = 0
) -> list[Round]:
    """Points drawn at random, of the films in turn.

    films: recordings with `es_frame` and their true `mesh`; tracks: of each film, name of a tracker
    -> where it found the mesh (time, longitudinal, radial, [x, z]) [m]. Raises InputError: a film
    that ends too soon after end-systole.
    """
    rng, rounds = np.random.default_rng(seed), []
    for k in range(ROUNDS):
        film, found = validate(films[k % len(films)]), tracks[k % len(films)]
        es, last = int(film.attrs["es_frame"]), film.sizes["time"] - 1
        if last - es < FRAMES - 1:
            problem = f"has {last - es} frames after end-systole"
            raise InputError(
                film.attrs.get("source"), "time", problem, f"give {FRAMES - 1} or more"
            )
        frames = np.linspace(es, last, FRAMES).round().astype(int)
        node = rng.integers(film.sizes["longitudinal"]), rng.integers(film.sizes["radial"])
        paths = {name: path[(frames, *node)] for name, path in found.items()}
        rounds.append(Round(film, frames, film.mesh.values[(frames, *node)], paths))
    return rounds


def game(rounds: Sequence[Round]) -> HTML:
    """The rounds as a game: a block for a page."""
    played = [_round(one) for one in rounds]
    names = list(rounds[0].found)
    data = {"asked": ASKED, "names": names, "rounds": played}
    return block("be the tracker", _html(names, played[0]["size"]), data, SCRIPT, "game")


def _round(one: Round) -> dict:
    """What the script needs of a round: places in tenths of a pixel, times after end-systole."""
    box = one.truth[0][:, None] + np.array([-REACH, REACH])
    part = cut(one.film, box, one.frames.tolist())
    time = one.film.time.values[one.frames]
    return {
        "image": part.image,
        "columns": part.columns,
        "size": part.size,
        "pixel": 1e3 * part.pixel,
        "times": np.rint(1e3 * (time - time[0])).astype(int).tolist(),
        "truth": part.to_tenths(one.truth),
        "found": [part.to_tenths(path) for path in one.found.values()],
    }


def _html(names: list[str], size: tuple[int, int]) -> str:
    picture = canvas("picture", "<span data-legend></span>", "film", size, 'tabindex="0"')
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td></td><td></td><td></td></tr>'
        for name in ("you", *names, "staying")
    )
    return (
        f'<div class="lab-views">{picture}<div><p class="lab-status" data-status role="status"></p>'
        '<p data-total role="status" hidden></p>'
        f"{film_controls(FRAMES)}"
        '<div class="lab-row"><button type="button" data-place>Place here</button>'
        '<button type="button" data-forward disabled>Next round</button>'
        '<button type="button" data-reset>Start again</button></div>'
        '<table class="lab-table"><thead><tr>'
        '<th scope="col">mean error, mm</th>'
        '<th scope="col">this round</th><th scope="col">so far</th>'
        '<th scope="col">you were nearer</th></tr></thead>'
        f"<tbody data-score>{rows}</tbody></table>"
        '<p class="lab-note">Click or tap where the point is, or move the cross with the arrow '
        "keys (with Shift: far), as often as you like; then press Place here or Enter, or click "
        "twice.</p></div></div>"
    )

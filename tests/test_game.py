"""The game asks about true places, and its scores are distances in millimetres."""

import json
import re

import numpy as np
import pytest

from tas_lib.errors import InputError
from tas_lib.laboratory import game


@pytest.fixture(scope="module")
def film(moving_clip):
    """40 frames that move 0.25 mm each along x; end-systole is frame 20."""
    return moving_clip(np.outer(np.arange(40), [0.25e-3, 0]))


@pytest.fixture(scope="module")
def rounds(film):
    late = film.mesh.values + [0, 2e-3]
    return game.draw_rounds([film, film], [{"low": late}, {"low": late}], seed=3)


def test_rounds_follow_one_point_from_end_systole_on(film, rounds):
    assert len(rounds) == game.ROUNDS
    assert len({tuple(one.truth[0]) for one in rounds}) > game.ROUNDS / 2
    for one in rounds:
        assert (one.frames[0], one.frames[-1]) == (20, 39)
        assert np.diff(one.truth[:, 0]) == pytest.approx(0.25e-3 * np.diff(one.frames))


def test_errors_are_distances_where_the_reader_is_asked(rounds):
    asked = rounds[0].frames[list(game.ASKED)] - 20
    for one in rounds:
        assert one.errors() == pytest.approx({"low": 2e-3, "staying": 0.25e-3 * asked.mean()})


def test_the_same_seed_gives_the_same_rounds(film, rounds):
    again = game.draw_rounds([film, film], [{"low": film.mesh.values}] * 2, seed=3)
    assert all((a.truth == b.truth).all() for a, b in zip(again, rounds, strict=True))


def test_the_block_holds_places_in_tenths_of_a_pixel(rounds):
    html = game.game(rounds).data
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])
    for told, one in zip(data["rounds"], rounds, strict=True):
        truth, found = np.array(told["truth"]), np.array(told["found"])
        assert np.ptp(truth[:, 0]) * told["pixel"] / 10 == pytest.approx(
            1e3 * np.ptp(one.truth[:, 0]), abs=0.1
        )
        assert (found - truth)[..., 1] * told["pixel"] / 10 == pytest.approx(2, abs=0.1)
        assert (truth[0] >= 0).all() and (truth[0] <= 10 * np.array(told["size"])).all()
    assert "://" not in html and html.count('scope="row"') == 3


def test_a_film_that_ends_at_end_systole_is_refused(film):
    short = film.isel(time=slice(0, 30))
    with pytest.raises(InputError, match="has 9 frames after end-systole; give 15 or more"):
        game.draw_rounds([short], [{}])

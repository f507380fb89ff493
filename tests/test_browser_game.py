"""The game in Chromium: answers by mouse, keyboard and touch, scored in their place, and kept."""

import json
import re

import numpy as np
import pytest
from browser_fixtures import look

from tas_lib.laboratory.game import ASKED, ROUNDS, draw_rounds, game


@pytest.fixture(scope="module")
def match(moving_clip):
    """Rounds of one width and two heights."""
    film = moving_clip(np.outer(np.arange(40), [0.25e-3, 0]))
    late = film.mesh.values + [0, 2e-3]
    rounds = draw_rounds([film], [{"low": late}])
    return game([rounds[0], rounds[0]._replace(film=film.isel(z=slice(80))), *rounds[2:]])


SIDES = "width", "height"


def facts(page):
    return json.loads(page.text_content("script[type='application/json']"))


def place(page, tenths, size):
    """Clicks a place of the picture, in tenths of its pixels, and says that it is there."""
    box = page.locator("[data-picture]").bounding_box()
    x, y = (box[side] * at / 10 / n for side, at, n in zip(SIDES, tenths, size, strict=True))
    page.locator("[data-picture]").click(position={"x": x, "y": y})
    page.click("[data-place]")


def test_clicks_on_the_truth_have_no_error(show, match):
    page = show(match, reduced_motion="reduce")
    for number, played in enumerate(facts(page)["rounds"], 1):
        page.click("[data-picture]")  # to where the reader is asked
        for frame in ASKED:
            place(page, played["truth"][frame], played["size"])
        assert float(score(page)[0][1]) <= 0.1  # a click has whole pixels
        if number < ROUNDS:
            page.click("text=Next round")
    told = page.inner_text("[data-total]")
    assert re.match(
        rf"All {ROUNDS} rounds are played. Mean errors: you 0.[01] mm, low 2.0 mm", told
    )


def test_a_game_is_kept_and_goes_on_with_what_is_left(show, match):
    page = show(match, f"tracker&round={ROUNDS}", reduced_motion="reduce")
    page.click("[data-picture]")
    for _ in ASKED:
        page.click("[data-place]")
    before = score(page)
    page.reload()
    assert score(page) == before and before[0][2]
    page.click("text=Next round")
    assert f"round 1 of {ROUNDS}" in page.inner_text("[data-status]")


@pytest.mark.parametrize(
    "kept", ["no JSON {", '{"game": "another", "answers": [[[1, 1]]]}', "null"]
)
def test_a_game_begins_anew_where_another_one_is_kept(show, match, kept):
    page = show(match, reduced_motion="reduce")
    page.evaluate("kept => sessionStorage.setItem('tracker', kept)", kept)
    page.reload()
    page.click("[data-picture]")
    for _ in ASKED:
        page.click("[data-place]")
    assert not page.locator("[data-forward]").is_disabled() and float(score(page)[0][1]) > 0


def test_a_game_goes_on_where_the_browser_keeps_nothing(show, match):
    page = show(match, reduced_motion="reduce")
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    page.click("[data-picture]")
    for _ in ASKED:
        page.click("[data-place]")
    page.click("text=Next round")
    assert f"round 2 of {ROUNDS}" in page.inner_text("[data-status]")


def test_nothing_is_placed_before_its_frame_was_seen(show, match):
    page = show(match, reduced_motion="reduce")
    page.focus("[data-picture]")
    page.keyboard.press("ArrowRight")  # goes to where the reader is asked, and no further
    question = page.inner_text("[data-status]")
    assert f"(1 of {len(ASKED)})" in question
    page.click("text=Start again")
    page.dblclick("[data-picture]")
    assert page.inner_text("[data-status]") == question
    page.dblclick("[data-picture]")
    assert f"(2 of {len(ASKED)})" in page.inner_text("[data-status]")


def test_an_answer_can_be_corrected_and_given_after_stepping_back(show, match):
    page = show(match, reduced_motion="reduce")
    played = facts(page)["rounds"][0]
    page.click("[data-picture]")
    for frame in ASKED:
        page.click("[data-picture]", position={"x": 5, "y": 5})  # not there
        page.click("[data-back]")
        place(page, played["truth"][frame], played["size"])
    assert float(score(page)[0][1]) <= 0.1  # a click has whole pixels


def test_a_phone_shows_picture_question_and_buttons_together(show, match):
    page = show(match, viewport={"width": 420, "height": 800}, reduced_motion="reduce")
    page.click("[data-picture]")
    for _ in ASKED:
        page.click("[data-place]")
    page.click("text=Next round")
    for name in "picture", "status", "play", "place", "forward":
        box = page.locator(f"[data-{name}]").bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800


def score(page):
    return [row.split("\t") for row in page.inner_text("[data-score]").splitlines() if row.strip()]


def test_a_game_is_played_by_keyboard_alone(show, match):
    page = show(match, reduced_motion="reduce")
    for number in range(1, ROUNDS + 1):
        assert f"round {number} of {ROUNDS}" in page.inner_text("[data-status]")
        page.focus("[data-picture]")
        for _ in range(1 + len(ASKED)):  # first to where the reader is asked
            page.keyboard.press("Enter")
        if number < ROUNDS:
            page.keyboard.press("Enter")  # on "Next round"
    you, low, staying = score(page)
    assert you[2] == staying[2] and low[2] == "2.0"
    assert low[3] == f"0 of {ROUNDS}"
    assert "rounds are played" in page.inner_text("[data-total]")


def test_a_game_is_played_by_mouse_and_linked_to(show, match):
    page = show(match, "tracker&round=4")
    assert f"round 4 of {ROUNDS}" in page.inner_text("[data-status]")
    picture = page.locator("[data-picture]")
    start = look(page, "picture")
    page.click("[data-play]")
    for frame in ASKED:
        page.wait_for_function(f"document.querySelector('[data-frame]').value == {frame}")
        picture.dblclick()
    you, low, staying = score(page)
    assert float(you[1]) > 0 and low[1] == "2.0"
    assert look(page, "picture") != start
    page.click("text=Next round")
    assert page.evaluate("location.hash") == "#tracker&round=5"

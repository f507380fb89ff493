"""The laboratory and the wall's points in Chromium: by mouse, by keyboard, by address, at speed."""

import re
from pathlib import Path

import numpy as np
import pytest
from browser_fixtures import look

from tas_lib.laboratory import FRAMES, Preset, laboratory
from tas_lib.laboratory.points import points

PRESETS = [
    Preset("Strain", {}, "Why?", "Because."),
    Preset("Drift", {"strain": 0, "lateral": 0.4}, "Where to?", "To the right."),
]
STYLE = Path(__file__).resolve().parents[1] / "book" / "_static" / "companion.css"
LEAST = 4  # redraws a second, of a machine half as fast as usual that does something else, too


def slider(page, label):
    return page.get_by_role("slider", name=label)


def ready(page):
    page.wait_for_selector(".laboratory[data-ready=yes]", timeout=120_000)
    return page


@pytest.fixture(scope="module")
def bench():
    return laboratory(np.linspace(1, 0.5, 9), PRESETS)


def test_sliders_change_picture_curve_and_address(show, bench):
    page = ready(show(bench, "lab&frame=5"))
    before = [look(page, name) for name in ("picture", "curve", "map", "displacement", "histogram")]
    told = page.inner_text("[data-status]")
    slider(page, "rotation").fill("1.2")
    page.wait_for_function("location.hash == '#lab&rotation=1.2&frame=5'")
    ready(page)
    after = [look(page, name) for name in ("picture", "curve", "map", "displacement", "histogram")]
    assert all(a != b for a, b in zip(after, before, strict=True))
    assert page.inner_text("[data-status]") != told


def test_an_address_gives_its_state_back(show, bench):
    link = "lab&strategy=S2&axial=0.4&window=99&question=1&frame=7&x=12.04&nonsense=3&snr=loud"
    page = show(bench, link)
    assert slider(page, "window").input_value() == "16"  # the most
    assert slider(page, "axial").input_value() == "0.4"
    assert slider(page, "signal").input_value() == "40"
    assert page.input_value("select") == "S2"
    assert page.is_visible("text=Where to?") and not page.is_visible("text=Why?")
    assert page.input_value("[data-frame]") == "7"
    page.wait_for_function("location.hash.includes('x=12&')")


def test_every_slider_has_a_name_and_a_value(show, bench, wall):
    for block, count in (bench, 17), (wall, 2):
        sliders = show(block).get_by_role("slider").all()
        told = [re.match(r'- slider "(.+?)"', one.aria_snapshot()) for one in sliders]
        names = {match[1] for match in told if match}
        assert len(names) == len(sliders) == count
        assert not any(re.search(r"\d (mm|%|dB)|of \d", name) for name in names)


def test_addresses_know_no_words_of_the_language_itself(show, bench, wall):
    assert show(bench, "lab&strategy=toString").input_value("select") == "S1"
    assert show(wall, "points&film=constructor").input_value("select") == "0"


def test_a_question_is_in_the_address_and_the_history(show, bench):
    page = ready(show(bench))
    page.click("text=Drift")
    assert page.evaluate("location.hash") == "#lab&lateral=0.4&strain=0&question=1"
    page.click("summary >> visible=true")
    slider(page, "axial").fill("0.2")  # while the film plays
    slider(page, "axial").dispatch_event("change")
    assert "axial=0.2" in page.evaluate("location.hash")
    page.go_back()
    page.wait_for_function("location.hash == '#lab'")
    assert page.is_visible("text=Why?") and slider(page, "axial").input_value() == "0"
    page.click("text=Drift")
    assert page.locator("details[open]").count() == 0
    slider(page, "axial").fill("0.2")
    page.click("[data-reset]")
    assert page.is_visible("text=Where to?") and slider(page, "lateral").input_value() == "0.4"
    assert slider(page, "axial").input_value() == "0"


def test_a_point_beside_the_sector_comes_inside(show, bench):
    page = ready(show(bench, "lab&x=-60&z=30"))
    assert "correlation here" in page.inner_text("[data-status]")
    page.wait_for_function("!location.hash.includes('z=30')")


def test_a_point_that_drifts_out_is_said_to(show, bench):
    page = ready(show(bench, "lab&x=50&z=130&lateral=1&strain=0&frame=15"))
    assert "has left the picture" in page.inner_text("[data-status]")


def test_other_anchors_are_left_alone(show, bench):
    page = ready(show(bench, "elsewhere"))
    assert page.evaluate("location.hash") == "#elsewhere"


def test_the_point_follows_clicks_and_keys(show, bench):
    page = ready(show(bench))
    picture = page.locator("[data-picture]")
    box = picture.bounding_box()
    picture.click(position={"x": 0.6 * box["width"], "y": 0.6 * box["height"]})
    page.wait_for_function("location.hash.includes('x=')")
    x = float(re.search(r"x=([\d.]+)", page.url)[1])
    assert x == pytest.approx(12.8, abs=0.3)  # of 128 mm
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"location.hash.includes('x={x + 2:.1f}')")


def test_a_story_plays_unless_motion_is_unwelcome(show, bench):
    page = show(bench)
    page.click("text=Drift")
    assert page.inner_text("[data-play]") == "Pause"
    assert page.get_attribute("text=Drift", "aria-pressed") == "true"
    page.wait_for_function("document.querySelector('[data-frame]').value > 2", timeout=60_000)
    calm = show(bench, reduced_motion="reduce")
    calm.click("text=Drift")
    assert calm.inner_text("[data-play]") == "Play"


def test_charts_follow_the_theme(show, bench):
    page = ready(show(bench))
    light = look(page, "curve")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(
        "light => document.querySelector('[data-curve]').toDataURL() != light", arg=light
    )


@pytest.mark.weekly
@pytest.mark.slow
def test_redraws_are_fast(show, bench, record_property):
    """Every move of a slider makes a new frame from all scatterers."""
    page = ready(show(bench))
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def state():
        metrics = session.send("Performance.getMetrics")["metrics"]
        own = {metric["name"]: metric["value"] for metric in metrics}["TaskDuration"]
        return np.array([int(page.get_attribute(".laboratory", "data-redraws")), own])

    before = state()
    page.evaluate(
        """async () => {
          const labels = [...document.querySelectorAll("label")];
          const input = labels.find((l) => l.textContent.includes("axial")).querySelector("input");
          for (let i = 0; i < 60; i++) {
            input.value = (i % 21) / 20;
            input.dispatchEvent(new Event("input"));
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    redraws, seconds = state() - before
    record_property("redraws_per_second", float(redraws / seconds))
    print(f"{redraws / seconds:.0f} redraws a second of the page's own time")
    assert redraws / seconds > LEAST


@pytest.fixture(scope="module")
def wall(moving_clip):
    shifts = 1e-3 * np.array([[0, 0], [0.5, 1], [1, 2], [0.5, 1], [0, 0.5]])
    films = {name: moving_clip(shifts, seed) for seed, name in enumerate(("real", "S1"))}
    falling = {name: ds.correlation * (1 - 0.05 * ds.longitudinal) for name, ds in films.items()}
    return points({name: ds.assign(correlation=falling[name]) for name, ds in films.items()})


def test_points_are_chosen_by_mouse_keys_and_address(show, wall):
    page = show(wall, "points&point=4&frame=1")
    assert "point 4 of 9" in page.inner_text("[data-status]")
    before = [look(page, name) for name in ("picture", 'patch="1"', "curve")]
    page.focus("[data-picture]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") == "#points&point=5&frame=1"
    after = [look(page, name) for name in ("picture", 'patch="1"', "curve")]
    assert all(a != b for a, b in zip(after, before, strict=True))
    box = page.locator("[data-picture]").bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    assert "point 5 of 9" not in page.inner_text("[data-status]")
    page.keyboard.press("ArrowRight")  # while the mouse rests on another point
    assert "point 6 of 9" in page.inner_text("[data-status]")
    page.mouse.move(0, 0)
    assert "point 6 of 9" in page.inner_text("[data-status]")
    page.click("[data-play]")
    page.locator("[data-point]").fill("7")  # while the film plays
    assert "point=7" in page.evaluate("location.hash")
    page.locator("input[data-frame]").fill("2")
    assert "end-systole" in page.inner_text("[data-status]")


def test_negative_correlations_are_drawn(show, moving_clip):
    ds = moving_clip(np.zeros((5, 2)))
    curves = [
        look(show(points({"real": ds.assign(correlation=ds.correlation - low)})), "curve")
        for low in (1.2, 1.4)
    ]
    assert curves[0] != curves[1]


def test_the_best_match_is_shown_beside_the_place(show, moving_clip):
    """A film that moves 1 mm while its mesh stays: the match is the window of end-systole."""
    ds = moving_clip(1e-3 * np.array([[0, 0], [0, 0], [0, 0], [1, 0], [1, 0]]))
    still = ds.assign(mesh=ds.mesh.isel(time=0).expand_dims(time=ds.time))
    page = show(points({"real": still}), "points&frame=3")
    page.wait_for_timeout(200)
    before, now, match = (
        page.locator(f"[data-patch='{row}']").evaluate(
            "c => [...c.getContext('2d').getImageData(0, 0, 96, 96).data]"
        )
        for row in range(3)
    )
    assert np.corrcoef(before, match)[0, 1] > 0.95 > np.corrcoef(before, now)[0, 1]


def test_a_phone_shows_all_films(show, moving_clip):
    ds = moving_clip(np.zeros((5, 2)))
    page = show(
        points(dict.fromkeys(("real", "S1", "S2", "S3"), ds)),
        viewport={"width": 420, "height": 800},
    )
    page.evaluate("document.body.className = 'bd-content'")
    page.evaluate("document.querySelector('main').className = 'cell_output'")
    page.add_style_tag(content=STYLE.read_text("utf-8"))
    page.add_style_tag(content="main { width: 372px }")  # as the book leaves
    assert page.locator("table").bounding_box()["width"] <= 372


def test_film_has_as_many_frames_as_its_slider(show, bench):
    assert show(bench).get_attribute("[data-frame]", "max") == str(FRAMES - 1)

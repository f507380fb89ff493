"""The editor shows each frame where it lies in its file, fetches nothing, and saves what loads."""

import base64
import json
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from refusals import refuses
from typer.testing import CliRunner

from tas_lib import cli, clicks, corrections, recording, starts
from tas_lib.drawings import COORDINATES, to_file, to_metres
from tas_lib.editor import HANDLES, editor
from tas_lib.mesh import centreline

LEFT, APEX, RIGHT = [110.0, 250.0], [145.0, 80.0], [180.0, 240.0]
ANGLE = np.linspace(np.pi, 0, 11)
ENDO, EPI = (
    np.column_stack([145 + a * np.cos(ANGLE), 240 - (a + 125) * np.sin(ANGLE)]).round(2).tolist()
    for a in (35, 51)
)


@pytest.fixture(scope="module")
def clip():
    """8 frames of a file of 40; 0.5 mm a pixel; a bright spot at column 170, row 90 in frame 12."""
    z, x = np.arange(10, 280) * 5e-4, np.arange(-140, 141) * 5e-4
    bmode = np.full((8, z.size, x.size), 0.1)
    bmode[2, 90 - 30, 170 - 10] = 1
    place = {"origin_row": 20.0, "origin_column": 150.0, "pixel_mm": 0.5}
    size = {"file_rows": 300, "file_columns": 320, "file_frames": 40}
    ds = recording.new(bmode, np.arange(8) / 30, z, x, source="<beat>.mp4", **place, **size)
    return ds.assign_coords(frame=("time", np.arange(10, 18)))


@pytest.fixture(scope="module")
def tracked(clip, oval):
    mesh = np.stack([oval(24, 0.68, 60e-3 + 1e-3 * k) for k in range(8)])
    beat = clip.assign_attrs(view="A3C", ed_frame=0, es_frame=3, cycle="ED to ED")
    return beat.assign(tracks=(recording.MESH_DIMS, mesh))


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_pixels_are_where_the_file_has_them(clip):
    data = data_of(editor(clip))
    image = Image.open(BytesIO(base64.b64decode(data["images"][2].split(",")[1])))
    row, column = np.unravel_index(np.argmax(np.asarray(image.convert("L"))), image.size[::-1])
    assert np.add(data["corner"], [column, row]) == pytest.approx([170, 90])
    assert data["size"] == [281, 270] and data["pixel_mm"] == pytest.approx([0.5, 0.5])
    assert data["frames"] == list(range(10, 18)) and data["times"][3] == 100
    expected = {"file": "<beat>.mp4", "rows": 300, "columns": 320, "frames": 40}
    assert data["clip"] | expected == data["clip"] and data["tracks"] is None


def test_tracks_can_be_corrected_where_they_are(tracked):
    data = data_of(editor(tracked))
    assert np.shape(data["tracks"]) == (8, HANDLES, 2)
    line = to_file(centreline(tracked.tracks.values), tracked)
    np.testing.assert_allclose(np.array(data["tracks"])[:, [0, -1]], line[:, [0, -1]], atol=0.01)
    middle = (line[:, 11] + line[:, 12]) / 2
    np.testing.assert_allclose(np.array(data["tracks"])[:, HANDLES // 2], middle, atol=0.01)
    assert data["view"] == "A3C"
    assert data["marks"] == {"ed_frame": 10, "es_frame": 13, "last_frame": 17}


def test_the_page_fetches_nothing_and_warns(clip, tracked):
    for page in (editor(clip), editor(tracked)):
        assert page.replace("http://www.w3.org/2000/svg", "").count("://") == 0
        assert not re.search(r"<link|@import|<script[^>]*src|fetch\(|XMLHttp", page)
        assert "not a medical device" in page and "<beat>" not in page
        assert "prefers-color-scheme: dark" in page and 'lang="en"' in page
    assert len(page) < 200_000


def test_every_control_has_a_name(clip):
    page = editor(clip)
    body = page.split("<script")[0]
    for tag in re.findall(r"<(?:input|select)[^>]*>", body):
        name = re.search(r'id="(\w+)"', tag)
        before = body[: body.index(tag)]
        inside = before.rfind("<label") > before.rfind("</label>")
        assert inside or f'for="{name[1]}"' in body, tag


@pytest.mark.parametrize("name", ["file_rows", "origin_column"])
def test_a_recording_without_its_place_in_the_file_is_refused(clip, name):
    bare = clip.copy()
    del bare.attrs[name]
    refuses(lambda: editor(bare, "a.nc"), "a.nc", name, "the clip itself")
    refuses(lambda: editor(clip.drop_vars("frame"), "a.nc"), "a.nc", "frame", "the clip itself")


def test_a_clip_that_is_played_backwards_is_refused(clip):
    backwards = clip.assign_attrs(reversed=1)
    refuses(lambda: editor(backwards, "a.cfg"), "a.cfg", "frames", "masks that come with it")


def test_the_command_writes_one_page(clip, tmp_path):
    path, out = recording.save(clip, tmp_path / "clip.nc"), tmp_path / "editor.html"
    words = ["contour", str(path), "--out", str(out)]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0 and str(out) in result.stdout
    assert data_of(out.read_text())["frames"][0] == 10
    again = CliRunner().invoke(cli.app, words)
    assert again.exit_code == 2 and "exists already" in again.stderr
    assert CliRunner().invoke(cli.app, [*words, "--force", "--quiet"]).output == ""


@pytest.fixture
def saved_by(visit, tmp_path):
    """A function: what a page has saved, and its complaint, after a script ran in it."""

    def go(page, script):
        path = tmp_path / "page.html"
        path.write_text(page)
        tab = visit(path.as_uri())
        tab.evaluate(f"() => {{ {script} }}")
        tab.click("#save")
        return tab.text_content("#json"), tab.text_content("#problem")

    return go


BEAT = "for (const [id, v] of [['ed_frame', 10], ['es_frame', 13], ['last_frame', 17]])"
BEAT += " document.getElementById(id).value = v; document.getElementById('author').value = 'me';"
KEYS = """
const at = (id) => document.getElementById(id);
const press = (key, times, shiftKey = false) => {
  for (let i = 0; i < times; i++)
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey }));
};
"""


def moved(start, to):
    """Key presses that move the focused point."""
    (dx, dy), keys = np.subtract(to, start), []
    for step, names in ((dx, ("ArrowLeft", "ArrowRight")), (dy, ("ArrowUp", "ArrowDown"))):
        name, step = names[int(step > 0)], abs(round(step))
        keys.append(f'press("{name}", {step // 5}, true); press("{name}", {step % 5});')
    return "".join(keys)


def three_points():
    """Key presses that set LEFT, APEX and RIGHT in frame 13, and who and when."""
    script = KEYS + BEAT + "at('frame').value = 3; at('frame').oninput();"
    place = [150, 164.5]  # where a new point is put: the middle of the picture, then the last one
    for point in (LEFT, APEX, RIGHT):
        script += f"at('add').click(); {moved(place, point)}"
        place = point
    return script


def test_what_is_set_by_keys_alone_loads_as_three_clicks(clip, saved_by, tmp_path):
    script = three_points()
    text, problem = saved_by(editor(clip), script)
    assert problem == ""
    (tmp_path / "clicks.json").write_text(text)
    given = starts.load(tmp_path / "clicks.json")
    np.testing.assert_allclose(given.points, [LEFT, APEX, RIGHT], atol=1)
    assert (given.frame, given.last_frame, given.author) == (13, 17, "me")
    assert starts.start(clip, given).frame == 3


def test_the_walls_of_three_points_are_those_of_the_library(clip, saved_by, tmp_path):
    script = three_points() + "at('thickness').value = 9;"
    script += "at('from').click(); document.querySelector('[value=walls]').click();"
    text, problem = saved_by(editor(clip), script)
    assert problem == ""
    (tmp_path / "walls.json").write_text(text)
    (drawn,) = starts.load(tmp_path / "walls.json").contours
    apart = to_metres(drawn.epi, clip) - to_metres(drawn.endo, clip)
    np.testing.assert_allclose(np.linalg.norm(apart, axis=1), 9e-3, atol=2e-5)
    left, apex, right = to_metres(drawn.endo[[0, HANDLES // 2, -1]], clip)
    middle = (left + right) / 2
    expected = middle + clicks.prior(HANDLES) @ np.stack([(right - left) / 2, apex - middle])
    np.testing.assert_allclose(to_metres(drawn.endo, clip), expected, atol=1e-5)


def test_a_moved_point_is_saved_as_a_correction(tracked, saved_by, tmp_path):
    script = KEYS + "at('author').value = 'me'; at('frame').value = 5; at('frame').oninput();"
    script += "document.querySelector('[data-key=middle3]').focus(); press('ArrowRight', 4);"
    text, problem = saved_by(editor(tracked), script)
    assert problem == ""
    (tmp_path / "corrections.json").write_text(text)
    (found,) = corrections.load(tmp_path / "corrections.json").corrections
    column, row = data_of(editor(tracked))["tracks"][5][3]
    assert (found.frame, found.along) == (15, 3 / (HANDLES - 1))
    assert (found.column, found.row) == pytest.approx((column + 4, row), abs=0.02)


def saved(kind, **fields):
    """A file of a kind on the clip, as people may write it, with all that it may say."""
    clip = {"file": "<beat>.mp4", "package": "made up 1.0"}
    beat = {"view": "A2C", "ed_frame": 10, "es_frame": 13, "last_frame": 17}
    about = {"format": f"tas-{kind}-1", "clip": clip, "author": "somebody", "date": "2026-01-01"}
    about["coordinates"] = COORDINATES
    return about | (beat if kind != "corrections" else {}) | fields


ALONG = [{"frame": 11, "along": a, "column": 90.5, "row": 70.25} for a in (0.25, 0.4, 0.42)]


@pytest.mark.parametrize(
    "given",
    [
        saved("clicks", frame=13, points=[LEFT, APEX, RIGHT], notes="hard to see"),
        saved("clicks", frame=12, points=[LEFT, APEX, RIGHT], thickness_mm=9.5),
        saved(
            "contours",
            method="on paper",
            uncertainty_mm=1.5,
            notes="twice",
            contours=[{"frame": 13, "endo": ENDO, "epi": EPI}],
        ),
        saved("corrections", corrections=ALONG),
    ],
    ids=["clicks", "clicks with a thickness", "walls", "corrections"],
)
def test_a_saved_file_that_is_opened_keeps_what_it_said(clip, tracked, visit, tmp_path, given):
    path, page = tmp_path / "a.json", tmp_path / "page.html"
    given["clip"] |= data_of(editor(clip))["clip"]
    path.write_text(json.dumps(given))
    page.write_text(editor(tracked if "corrections" in given else clip))
    tab = visit(page.as_uri())
    tab.set_input_files("#open", path)
    tab.wait_for_function("document.getElementById('author').value === 'somebody'")
    tab.click("#save")
    assert tab.text_content("#problem") == ""
    found = json.loads(tab.text_content("#json"))
    path.write_text(json.dumps(found))
    (corrections if "corrections" in given else starts).load(path)
    if given["format"] == clicks.FORMAT:
        given.setdefault("thickness_mm", clicks.THICKNESS_MM)
    if "corrections" in given:
        for drawn in (given, found):
            drawn["corrections"].sort(key=lambda point: point["along"])
    assert found.pop("date") > given.pop("date")
    assert found == given


@pytest.mark.parametrize(
    ("script", "problem"),
    [("", "Say who drew."), ("document.getElementById('author').value = 'me'", "End-diastole")],
)
def test_what_is_missing_is_said_and_nothing_saved(clip, saved_by, script, problem):
    text, said = saved_by(editor(clip), script)
    assert text == "" and problem in said

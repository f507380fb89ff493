import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tas_lib import drawings, recording
from tas_lib.contours import FORMAT, Contour, Contours, load, save
from tas_lib.drawings import COORDINATES, Clip, cut_to_beat, for_clip, to_file, to_metres
from tas_lib.errors import InputError

CLIP = Clip("beat.dcm", rows=300, columns=320, frames=40, sop_instance_uid="1.2.3")


def arch(width, height, points=15):
    """An open arch around column 150 that stands on row 250: (points, 2) pixels."""
    angle = np.linspace(0, np.pi, points)
    return np.stack((150 - width * np.cos(angle), 250 - height * np.sin(angle)), axis=-1)


def drawn():
    sizes = {5: (50, 150), 15: (38, 130), 30: (50, 150)}
    walls = (Contour(f, arch(w, h), arch(w + 16, h + 16)) for f, (w, h) in sizes.items())
    beat = {"view": "A4C", "ed_frame": 5, "es_frame": 15, "last_frame": 30}
    return Contours(
        CLIP,
        "A. N. Other",
        "2026",
        **beat,
        method="by eye",
        uncertainty_mm=2.0,
        contours=tuple(walls),
    )


def clip(**attrs):
    """A recording of the whole file whose apex lies at row 20, column 150; 0.5 mm a pixel."""
    frames = np.delete(np.arange(40), [7, 15])
    attrs = {"source": "beat.dcm", "sop_instance_uid": "1.2.3", "pixel_mm": 0.5} | attrs
    attrs = {"origin_row": 20.0, "origin_column": 150.0} | attrs
    z, x = np.arange(0, 270) * 5e-4, np.arange(-150, 151) * 5e-4
    bmode = np.zeros((frames.size, z.size, x.size), np.float32)
    return recording.new(bmode, frames / 30, z, x, **attrs).assign_coords(frame=("time", frames))


@pytest.fixture
def written(tmp_path):
    return save(drawn(), tmp_path / "walls.json")


def test_saved_contours_load_unchanged(written):
    loaded, original = load(written), drawn()
    assert (loaded.clip, loaded.es_frame, loaded.source) == (CLIP, 15, str(written))
    for a, b in zip(loaded.contours, original.contours, strict=True):
        assert a.frame == b.frame
        np.testing.assert_array_equal(a.endo, b.endo)
        np.testing.assert_array_equal(a.epi, b.epi)
    assert json.loads(written.read_text())["coordinates"] == COORDINATES


def test_a_failed_save_leaves_the_old_file(written, monkeypatch):
    before = written.read_bytes()
    with pytest.raises(InputError, match="view|frame"):
        save(replace(drawn(), es_frame=4), written)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drawings.Path, "write_text", full)
    with pytest.raises(InputError, match=r"walls\.json: file: .*No space left.*; free some room"):
        save(drawn(), written)
    assert written.read_bytes() == before
    assert [p.name for p in written.parent.iterdir()] == ["walls.json"]


def change(*path):
    """A function that sets the value at a path of keys, or deletes it if the value is DELETE."""
    *keys, last, value = path

    def apply(data):
        for key in keys:
            data = data[key]
        if value is DELETE:
            del data[last]
        else:
            data[last] = value

    return apply


DELETE = object()
ENDO, EPI = arch(50, 150).tolist(), arch(66, 166).tolist()
LOOP = [*ENDO[:5], ENDO[8], ENDO[5], *ENDO[9:]]
HOLE = [*ENDO[:4], [float("nan"), 3.0], *ENDO[5:]]
TWICE = [*ENDO[:4], ENDO[3], *ENDO[4:]]
BULGE = [*ENDO[:7], [150.0, 60.0], *ENDO[8:]]
FAULTS = {
    "no format": (change("format", DELETE), "format: .*None.*; give a file of that format"),
    "other format": (change("format", "walls-2"), "format: .*walls-2.*tas-contours-1"),
    "millimetres": (change("coordinates", "mm"), "coordinates: .*'mm'.*; convert the points"),
    "no clip": (change("clip", DELETE), "clip: is missing"),
    "no rows": (change("clip", "rows", DELETE), r"clip\.rows: is missing; add it"),
    "rows 0": (change("clip", "rows", 0), r"clip\.rows: is not positive; state"),
    "rows as text": (change("clip", "rows", "300"), r"clip\.rows: '300' is not of type int"),
    "rows true": (change("clip", "rows", True), r"clip\.rows: True is not of type int"),
    "no author": (change("author", DELETE), "author: is missing"),
    "misspelt": (change("auhtor", "me"), "auhtor: is not known; check the spelling"),
    "uncertainty NaN": (change("uncertainty_mm", float("nan")), "uncertainty_mm: is nan; state"),
    "no contours": (change("contours", []), "contours: are none; draw the walls in one"),
    "contours no list": (change("contours", 3), "contours: .*no list"),
    "frames swapped": (change("contours", 1, "frame", 31), r"contours\[2\]\.frame: 30 .*; sort"),
    "frame beyond": (change("contours", 2, "frame", 40), r"contours\[2\]\.frame: 40 is not .*40"),
    "es before ed": (change("es_frame", 3), r"ed_frame, es_frame.*\(5, 3, 30\); state rising"),
    "last beyond": (
        change("last_frame", 40),
        r"ed_frame, es_frame, last_frame: are .*40\); .*0 to 39",
    ),
    "no epi": (change("contours", 1, "epi", DELETE), r"contours\[1\]\.epi: is missing"),
    "ragged": (change("contours", 2, "epi", [[1, 2], [3]]), r"contours\[2\]\.epi: is no list"),
    "three numbers": (change("contours", 2, "epi", [[1, 2, 3]] * 9), r"contours\[2\]\.epi: .*list"),
    "text": (change("contours", 2, "epi", "arch"), r"contours\[2\]\.epi: is no list of numbers"),
    "8 points": (
        change("contours", 0, "endo", ENDO[:8]),
        r"contours\[0\]\.endo: has 8 points, .*9; draw",
    ),
    "NaN": (change("contours", 0, "endo", HOLE), r"contours\[0\]\.endo: .*NaN.*; draw"),
    "transposed": (
        change("contours", 0, "epi", [[c + 200, r] for c, r in EPI]),
        r"contours\[0\]\.epi: leaves the frame of 320 columns.*; give points as \[column, row\]",
    ),
    "repeated": (
        change("contours", 0, "endo", TWICE),
        r"contours\[0\]\.endo: repeats a point; leave",
    ),
    "right to left": (
        change("contours", 0, "epi", EPI[::-1]),
        r"contours\[0\]\.epi: .*left.*; reverse",
    ),
    "loop": (change("contours", 0, "endo", LOOP), r"contours\[0\]\.endo: crosses itself.*; draw"),
    "walls cross": (
        change("contours", 0, "endo", BULGE),
        r"contours\[0\]\.endo: crosses .*\.epi; draw",
    ),
    "walls swapped": (
        lambda data: data["contours"][0].update(endo=EPI, epi=ENDO),
        r"contours\[0\]\.endo: does not lie inside contours\[0\]\.epi; exchange",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_file_field_and_remedy(written, fault):
    spoil, message = FAULTS[fault]
    data = json.loads(written.read_text())
    assert data["format"] == FORMAT
    spoil(data)
    written.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"walls\.json: " + message):
        load(written)


@pytest.mark.parametrize(("text", "problem"), [("{", "is not JSON"), ("[1]", "None")])
def test_other_files_are_refused(tmp_path, text, problem):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"other\.json: .*{problem}.*; give a file of "):
        load(path)
    with pytest.raises(InputError, match=r"none\.json: file: cannot be read .*; check the path"):
        load(tmp_path / "none.json")


def test_contours_belong_to_their_clip_only():
    drawing = drawn()
    assert for_clip(drawing, clip()) is drawing
    assert for_clip(drawing, clip(source="/renamed/loop.dcm")) is drawing
    video = replace(drawing, clip=replace(CLIP, sop_instance_uid=""))
    assert for_clip(video, clip(source="/a/folder/beat.dcm")) is video


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (clip(sop_instance_uid="1.2.4"), r"clip\.sop_instance_uid: .*'1\.2\.3' is not '1\.2\.4'"),
        (clip(sop_instance_uid=None, source="b.dcm"), r"clip\.file: .*'beat\.dcm' is not 'b\.dcm'"),
        (clip(origin_row=45.0), r"clip\.rows: .*300"),
        (clip(origin_column=140.0), r"clip\.columns: .*320"),
        (clip().assign_coords(frame=("time", np.arange(38) + 3)), r"clip\.frames: .*40"),
        (clip().isel(time=slice(8, None)), "frames: .*needs 5 to 30"),
        (clip().isel(time=slice(20)), "frames: .*holds 0 to 21"),
    ],
)
def test_another_clip_is_refused(given, field):
    with pytest.raises(InputError, match=rf"contours: .*{field}"):
        for_clip(drawn(), given)
    with pytest.raises(InputError, match="drawn on another clip .*; give the clip"):
        for_clip(drawn(), given)


def test_a_recording_without_its_place_in_the_file_is_refused():
    with pytest.raises(InputError, match="recording: origin_row: .*; use a reader"):
        for_clip(drawn(), clip(origin_row=None))
    with pytest.raises(InputError, match="recording: frame: .*; use a reader"):
        for_clip(drawn(), clip().drop_vars("frame"))
    with pytest.raises(InputError, match="recording: pixel_mm: .* 1 x 1 mm.*; place .* before"):
        for_clip(drawn(), clip().isel(x=slice(None, None, 2), z=slice(None, None, 2)))


def test_pixels_become_metres_from_the_apex():
    points = np.array([[150.0, 20.0], [160.0, 60.0]])
    np.testing.assert_allclose(to_metres(points, clip()), [[0, 0], [5e-3, 20e-3]], atol=1e-12)
    np.testing.assert_allclose(to_file(to_metres(points, clip()), clip()), points)
    tall = clip(pixel_mm=None)
    tall = tall.assign_coords(z=2 * tall.z)
    np.testing.assert_allclose(to_metres(points, tall)[1], [5e-3, 40e-3])


def test_a_beat_may_end_with_systole():
    whole, half = drawn(), replace(drawn(), last_frame=15)
    assert cut_to_beat(whole, clip()).attrs["cycle"] == "ED to ED"
    cut = cut_to_beat(half, clip())  # frames 7 and 15 repeat those before them
    assert (cut.attrs["cycle"], cut.attrs["ed_frame"], cut.attrs["es_frame"]) == ("ED to ES", 0, 8)
    assert list(cut.frame.values[[0, -1]]) == [5, 14] and cut.time[0] == 0


def test_the_default_clip_has_contours():
    drawing = load(Path(drawings.__file__).parent / "data" / "a4c_contours.json")
    assert drawing.clip.file == "color3d_jpeg_baseline.dcm"
    assert drawing.ed_frame in [contour.frame for contour in drawing.contours]


def test_the_example_in_the_book_is_a_contour_file(tmp_path):
    page = Path(__file__).parents[1] / "book" / "data.md"
    example = json.loads(page.read_text().split("```json")[1].split("```")[0])
    walls = {"endo": arch(50, 150).tolist(), "epi": arch(66, 166).tolist()}
    frames = (example[name] for name in ("ed_frame", "es_frame", "last_frame"))
    example["contours"] = [example["contours"][0] | walls | {"frame": f} for f in frames]
    path = tmp_path / "walls.json"
    path.write_text(json.dumps(example))
    assert load(path).es_frame == example["es_frame"]

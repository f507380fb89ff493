"""The player holds every frame, puts the mesh where it is, stays small and fetches nothing."""

import base64
import json
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from tas_lib import recording
from tas_lib.errors import InputError
from tas_lib.figures import BRIGHTEN
from tas_lib.player import VIRIDIS, film_player


class Page(HTMLParser):
    """The elements (tag, attributes) of a block, and the text inside each kind of element."""

    def __init__(self, *blocks):
        super().__init__()
        self.elements, self.texts, self._tag = [], [], ""
        for block in blocks:
            self.feed(block.data)
        self.data = json.loads(self.texts_of("script")[0])

    def handle_starttag(self, tag, attrs):
        self._tag = tag
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append((self._tag, data))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def texts_of(self, tag):
        return [text for name, text in self.texts if name == tag]


def sprite(address):
    header, data = address.split(",")
    assert header == "data:image/webp;base64"
    return Image.open(BytesIO(base64.b64decode(data)))


def cell(image, data, frame, size):
    """Frame `frame` of a sprite whose frames are size (width, height), as an array."""
    width, height = size
    left, top = frame % data["columns"] * width, frame // data["columns"] * height
    return np.asarray(image.crop((left, top, left + width, top + height)), float)


def flat(levels, n_z=40, n_x=60, **attrs):
    """A recording whose frame k is grey level levels[k] throughout; 1 mm pixels."""
    bmode = np.broadcast_to(np.reshape(levels, (-1, 1, 1)), (len(levels), n_z, n_x))
    time, z, x = 0.02 * np.arange(len(levels)), 1e-3 * np.arange(n_z), 1e-3 * np.arange(n_x)
    return recording.new(bmode, time, z, x, **attrs)


def test_each_film_has_its_title_canvas_and_description(clip):
    page = Page(film_player({"Real": clip, "p < 1 & <b>": clip}, alt='the "wall"', height=100))
    canvases = page.all("canvas")
    assert [c["aria-label"] for c in canvases] == ['Real: the "wall"', 'p < 1 & <b>: the "wall"']
    assert all(c["role"] == "img" and c["height"] == "100" for c in canvases)
    assert page.texts_of("div") == ["Real", "p < 1 & <b>"] and not page.all("b")
    assert len(page.data["films"]) == 2


def test_controls_have_names(clip):
    page = Page(film_player({"a": clip}, alt="wall"))
    (slider,) = (i for i in page.all("input") if i["type"] == "range")
    assert (slider["min"], slider["max"], slider["aria-label"]) == ("0", "3", "frame")
    assert page.texts_of("button")[0] == "Play"


def test_players_of_the_same_films_do_not_clash(clip):
    blocks = [film_player({"a": clip}, alt="wall") for _ in range(2)]
    ids = [attrs["id"] for _, attrs in Page(*blocks).elements if "id" in attrs]
    assert len(ids) == len(set(ids)) == 2
    for block, own in zip(blocks, ids, strict=True):
        assert f'getElementById("{own}")' in block.data


def test_sprite_holds_every_frame_in_order():
    levels = np.linspace(0.1, 0.9, 7)
    page = Page(film_player({"a": flat(levels)}, alt="grey", height=32))
    size = int(page.all("canvas")[0]["width"]), 32
    assert size == (48, 32)
    data = page.data
    image = sprite(data["films"][0]["sprite"])
    assert image.size == (size[0] * data["columns"], size[1] * data["rows"])
    means = [cell(image, data, k, size)[4:-4, 4:-4, 0].mean() / 255 for k in range(7)]
    assert means == pytest.approx((BRIGHTEN * levels).clip(0, 1), abs=0.02)


def test_mesh_lies_on_what_it_marks():
    """A bright spot at one node is seen at that node, in a cropped film of oblong pixels."""
    z, x = 0.01 + 1e-3 * np.arange(60), -0.03 + 0.5e-3 * np.arange(120)
    points = np.stack(np.meshgrid([-0.01, 0.002, 0.012], [0.03, 0.045], indexing="ij"), -1)
    mesh = np.stack([points, points + [0.004, 0.006]])
    spots = mesh[:, 1, 1]
    bmode = [np.exp(-((x - a) ** 2 + (z[:, None] - b) ** 2) / 2 / 0.0015**2) for a, b in spots]
    sector = np.zeros((60, 120), bool)
    sector[7:55, 12:110] = True
    ds = recording.new(np.array(bmode), [0, 0.02], z, x, sector=sector)
    ds["mesh"] = (recording.MESH_DIMS, mesh)
    page = Page(film_player({"a": ds}, alt="spot", height=200))
    size = int(page.all("canvas")[0]["width"]), 200
    assert size[0] == round(200 * 98 * 0.5 / 48)
    data = page.data
    image = sprite(data["films"][0]["sprite"])
    for frame in (0, 1):
        grey = cell(image, data, frame, size)[..., 0]
        weight = np.where(grey > 60, grey, 0)
        seen = [
            (weight.sum(a) * (np.arange(n) + 0.5)).sum() / weight.sum() for a, n in enumerate(size)
        ]
        nodes = np.reshape(data["meshes"][0]["points"][frame], (*data["meshes"][0]["shape"], 2))
        assert nodes[1, 1] / 10 == pytest.approx(seen, abs=0.5)


def test_a_mesh_that_films_share_is_kept_once(clip):
    moved = clip.assign(mesh=clip["mesh"] + 0.001)
    bare = clip.drop_vars("mesh")
    page = Page(film_player({"a": clip, "b": clip, "c": moved, "d": bare}, alt="wall"))
    assert [film["mesh"] for film in page.data["films"]] == [0, 0, 1, None]
    assert len(page.data["meshes"]) == 2
    boxes = [i for i in Page(film_player({"d": bare}, alt="wall")).all("input")]
    assert [i["type"] for i in boxes] == ["range"]


def test_the_mesh_may_be_shown_from_the_start(clip):
    for shown in (False, True):
        boxes = Page(film_player({"a": clip}, alt="wall", show_mesh=shown)).all("input")
        assert ["checked" in box for box in boxes if box["type"] == "checkbox"] == [shown]


def test_end_diastole_and_end_systole_are_marked():
    page = Page(film_player({"a": flat([0.5] * 5, ed_frame=0, es_frame=2)}, alt="grey"))
    assert page.data["marks"] == {"ED": 0, "ES": 2}
    assert [b["data-frame"] for b in page.all("button")[1:]] == ["0", "2"]
    assert page.data["times"] == [0, 20, 40, 60, 80] and page.data["period"] == 100
    assert Page(film_player({"a": flat([0.5, 0.5])}, alt="grey")).data["marks"] == {}


def test_values_of_points_become_colours_from_dark_to_bright(clip):
    values = xr.zeros_like(clip["mesh"].isel(axis=0, drop=True))
    values[:] = np.linspace(-0.1, 1, values.shape[1])[:, None]
    films = {"a": clip.assign(correlation=values), "b": clip}
    page = Page(film_player(films, quantity="correlation", alt="wall"))
    digits = page.data["films"][0]["points"]["correlation"]
    levels = np.reshape([int(d, 32) for d in digits], values.shape)
    assert levels / 31 == pytest.approx(values.values.clip(0, 1), abs=0.5 / 31 + 1e-9)
    assert page.data["films"][1]["points"] == {}
    assert page.texts_of("option") == ["none", "correlation (not in b)"]
    brightness = VIRIDIS @ (0.21, 0.72, 0.07)
    assert (np.diff(brightness) > 0).all() and len(page.data["palette"]) == 32


def test_a_map_lies_over_the_film_and_vanishes_where_it_is_zero():
    ds = flat([0.5, 0.5])
    values = np.zeros(ds.bmode.shape, np.float32)
    values[:, :, 30:] = 1
    ds["coherence"] = (ds.bmode.dims, values)
    page = Page(film_player({"a": ds}, quantity=("coherence",), alt="map", height=80))
    image = sprite(page.data["films"][0]["maps"]["coherence"])
    assert image.mode == "RGBA"
    size = int(page.all("canvas")[0]["width"]) // 2, 40
    for frame in (0, 1):
        rgba = cell(image, page.data, frame, size)
        assert rgba[:, :25, 3].max() < 5
        assert 100 < rgba[:, 35:, 3].mean() < 200
        assert rgba[:, 35:, :3].mean((0, 1)) / 255 == pytest.approx(VIRIDIS[-1], abs=0.06)


def test_four_beats_of_a_usual_clip_stay_below_a_megabyte_and_fetch_nothing():
    rng = np.random.default_rng(0)
    z, x = 0.01 + 0.5e-3 * np.arange(364), 0.5e-3 * np.arange(-256, 256)
    sector = abs(np.arctan2(x, z[:, None])) < 0.75
    speckle = rng.rayleigh(0.1, (28, 91, 64)).clip(0, 1)  # of 2 by 4 mm
    frames = np.array([Image.fromarray(f.astype(np.float32)).resize((512, 364)) for f in speckle])
    film = recording.new(frames.clip(0, 1) * sector, np.arange(28) / 30, z, x, sector=sector)
    angle, radius = np.meshgrid(
        np.linspace(-0.5, 0.5, 36), np.linspace(0.06, 0.07, 5), indexing="ij"
    )
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], -1)
    film["mesh"] = (recording.MESH_DIMS, np.broadcast_to(points, (28, *points.shape)))
    block = film_player(dict.fromkeys(("Real", "S1", "S2", "S3"), film), alt="speckle")
    assert len(block.data) < 1_000_000
    assert "://" not in block.data
    assert not any({"src", "href"} & set(attrs) for _, attrs in Page(block).elements)
    assert len(block.data.rsplit("<script>", 1)[1]) < 6000


def test_faults_are_named(clip):
    late = clip.assign_coords(time=1.5 * clip["time"])
    faults = [
        ({"a": clip, "late": clip.isel(time=[0, 1])}, None, "late: time: has 2 frames, 'a' has 4"),
        ({"a": clip, "late": late}, None, "late: time: frames are up to 30 ms from those of 'a'"),
        ({"a": clip}, "coherence", "coherence: is in none of the films"),
        ({"a": clip}, "sector", "sector: is in none"),
        ({"a": clip}, "mesh", "mesh: has dimensions"),
        ({"a": clip.drop_vars("bmode")}, None, "a: bmode: is missing"),
        ({}, None, "films: are none"),
    ]
    bare = clip.drop_vars("mesh").assign(correlation=clip["mesh"].isel(axis=0, drop=True) * 0)
    for films, quantity, message in [*faults, ({"a": bare}, "correlation", "mesh: is missing")]:
        with pytest.raises(InputError, match=message):
            film_player(films, quantity=quantity, alt="wall")


def test_tracks_are_drawn_even_where_they_fold(moving_clip):
    """A tracker may turn cells over; its film must show that."""
    ds = moving_clip(np.zeros((3, 2)))
    folded = ds.mesh.copy(deep=True)
    folded[2, 3, 0] = folded[2, 6, 2]
    tracked = ds.drop_vars("mesh").assign(tracks=folded, visibility=0.5 * ds.correlation)
    block = film_player({"tracked": tracked}, quantity="visibility", alt="a wall")
    (mesh,) = Page(block).data["meshes"]
    nodes = np.reshape(mesh["points"], (3, *mesh["shape"], 2))
    assert (nodes[2, 3, 0] == nodes[2, 6, 2]).all() and (nodes[0, 3, 0] != nodes[0, 6, 2]).any()

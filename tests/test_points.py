"""The page of the wall's points: pictures, points and curves are those of the films."""

import base64
import json
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tas_lib import speckle
from tas_lib.errors import InputError
from tas_lib.figures import BRIGHTEN
from tas_lib.laboratory.cut import around, cut
from tas_lib.laboratory.points import points

SHIFTS = 1e-3 * np.array([[0, 0], [0.5, 1], [1, 2], [0.5, 1]])


def data_of(block):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', block.data)[1])


def picture(address):
    return np.asarray(Image.open(BytesIO(base64.b64decode(address.split(",")[1]))), float)


@pytest.fixture(scope="module")
def films(moving_clip):
    films = {name: moving_clip(SHIFTS, seed) for seed, name in enumerate(("real", "S1 <b>"))}
    return {name: ds.assign(correlation=speckle.correlation(ds)) for name, ds in films.items()}


def test_a_cut_holds_its_part_of_every_frame(moving_clip):
    ds = moving_clip(SHIFTS)
    part = cut(ds, np.array([[-0.01, 0.012], [0.02, 0.04]]), range(4))
    assert part.size == (45, 41) and part.columns == 2
    assert part.corner == pytest.approx([-0.01025, 0.01975])
    sheet = picture(part.image)[..., 0] / 255
    for t in range(4):
        row, column = divmod(t, 2)
        seen = sheet[row * 41 : (row + 1) * 41, column * 45 : (column + 1) * 45]
        inside = ds.sel(x=slice(-0.01, 0.012), z=slice(0.02, 0.04)).bmode.values[t]
        expected = (BRIGHTEN * inside).clip(0, 1)
        assert np.corrcoef(seen.ravel(), expected.ravel())[0, 1] > 0.99
    assert part.to_tenths(np.array([-0.01, 0.02])) == [5, 5]


def test_faulty_cuts_are_refused(moving_clip):
    ds = moving_clip(SHIFTS)
    with pytest.raises(InputError, match="box: lies beside"):
        cut(ds, np.array([[1, 2], [1, 2]]), range(4))
    with pytest.raises(InputError, match="pixels: are 1.000 by 0.500 mm"):
        cut(ds.isel(x=slice(None, None, 2)), around(ds.mesh.values, 0), range(4))


def test_points_and_curves_are_those_of_the_films(films):
    data = data_of(points(films))
    count = films["real"].sizes["longitudinal"]
    assert np.shape(data["points"]) == (4, count, 2)
    assert np.ptp(np.diff(data["points"], axis=0), axis=1).max() <= 1  # the wall moves as a whole
    for film, ds in zip(data["films"], films.values(), strict=True):
        assert film["curves"] == ds.correlation.isel(radial=1).T.values.round(3).tolist()
    assert data["films"][0]["errors"] == [0] * count
    assert max(data["films"][1]["errors"]) < 0.1
    assert data["window"] == 15 and data["es"] == 2


def test_block_names_its_parts_and_fetches_nothing(films):
    html = points(films).data
    assert html.count('scope="col"') == 3 and "S1 &lt;b&gt;" in html
    assert all("aria-label=" in tag for tag in re.findall(r"<canvas[^>]*>", html))
    assert "://" not in html and not re.search(r'\b(src|href)="', html)

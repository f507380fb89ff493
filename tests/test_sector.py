"""The sector is found in a clip, or what is in its place is named."""

import re

import numpy as np
import pytest
from conftest import SECTOR
from refusals import refuses

from tas_lib.readers import sector


def close(found, true):
    edge = true.r_max
    assert abs(found.apex_row - true.apex_row) < 2 and abs(found.apex_column - true.apex_column) < 1
    assert edge * abs(found.half_angle - true.half_angle) < 2
    assert abs(found.r_max - true.r_max) < 2 and abs(found.r_min - true.r_min) < 2


def speckle(shape, true, count=6):
    noise = np.random.default_rng(1).rayleigh(25, (count, *shape))
    return np.where(true.mask(shape), np.clip(noise, 2, 255), 0).astype(np.uint8)


@pytest.mark.parametrize(
    "true",
    [
        SECTOR,
        sector.Sector(10.0, 70.5, 0.6, 0.0, 100.0),
        sector.Sector(-30.0, 85.0, 0.45, 45.0, 140.0),
        sector.Sector(5.0, 80.0, 0.7, 20.0, 100.0, aspect=1.2),
    ],
)
def test_a_known_sector_is_found(true):
    close(sector.find_sector(speckle((120, 160), true), true.aspect), true)


def test_text_and_a_black_edge_do_not_move_the_sector(sector_frames):
    sector_frames[:, 5:15, 5:60] = 200
    sector_frames[:, 30:60, :66] = 0
    close(sector.find_sector(sector_frames), SECTOR)


def test_pixels_that_are_not_square_are_noticed(caplog):
    true = sector.Sector(5.0, 80.0, 0.7, 10.0, 105.0, aspect=1.15)
    sector.find_sector(speckle((120, 160), true))
    noticed = float(re.search(r"seem ([\d.]+) times", caplog.text)[1])
    assert abs(noticed - 1.15) < 0.04
    caplog.clear()
    sector.find_sector(speckle((120, 160), true), 1.15)
    assert not caplog.text


def test_no_sector_is_an_error_with_a_remedy(sector_frames):
    noise = np.random.default_rng(0).integers(0, 255, sector_frames.shape, np.uint8)
    tilted = np.stack([np.roll(row, k // 3, axis=-1) for k, row in enumerate(sector_frames[0])])
    tilted = np.stack([tilted, np.where(tilted, 255 - tilted, 0)])
    for frames in (noise, np.zeros_like(noise), np.repeat(noise[:1], 6, axis=0), tilted):
        refuses(lambda f=frames: sector.find_sector(f, 1, "a.mp4"), "a.mp4", "sector", "crop")

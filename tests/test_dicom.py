"""Scale and times of DICOM clips, the default one among them; what is wrong is named."""

import logging

import numpy as np
import pydicom
import pydicom.examples
import pytest
from conftest import SECTOR
from dicom_files import REGION, write_dicom
from pydicom.pixels import pixel_array
from pydicom.uid import JPEGLSLossless
from refusals import refuses
from test_sector import speckle

from tas_lib import readers, recording
from tas_lib.readers import sector


@pytest.fixture(scope="module")
def default():
    return readers.read(readers.default_clip())


def test_default_clip_times_and_repeats(default):
    assert default.sizes["time"] == 113 and default.duplicates_dropped == 7
    lost = sorted(set(range(120)) - set(default.frame.values))
    assert set(np.diff(lost)) <= {16, 17}  # 28.2 frames a second stored at 30
    np.testing.assert_allclose(default.time, default.frame * 33.333e-3)
    assert (default.bmode.diff("time") != 0).any(("z", "x")).all()


def test_default_clip_scale_and_sector(default):
    assert default.pixel_mm == pytest.approx(0.5105, abs=1e-4)
    np.testing.assert_allclose(np.diff(default.x), 0.5105e-3, rtol=1e-3)
    # Read off the enlarged picture by eye: corners near (79, 300) and (598, 300), bottom row 402.
    assert default.origin_column == pytest.approx(338.7, abs=1)
    assert np.degrees(default.sector_half_angle) == pytest.approx(42.5, abs=1)
    bottom = default.origin_row + default.sector_r_max / 0.5105e-3
    assert bottom == pytest.approx(402, abs=1)
    assert default.licence == "MIT (pydicom-data)" and "PLA" not in str(default.attrs)


def test_default_clip_is_masked_and_placed(default):
    size = [default.attrs[f"file_{name}"] for name in ("frames", "rows", "columns")]
    assert size == [120, 480, 640]  # of the file, though the region is a part of it
    pixel = default.pixel_mm * 1e-3
    rows = np.rint(default.z.values / pixel + default.origin_row).astype(int)
    columns = np.rint(default.x.values / pixel + default.origin_column).astype(int)
    frame = pixel_array(readers.default_clip(), index=20) @ [0.299, 0.587, 0.114]
    expected = np.where(default.sector, frame[np.ix_(rows, columns)], 0)
    shown = default.bmode.isel(time=list(default.frame.values).index(20))
    assert abs(255 * shown - expected).max() <= 0.51
    assert (frame > 60).sum() > (255 * shown > 60).sum() + 1000  # text, icons and bars are gone
    assert not default.bmode.where(~default.sector, 0).any()
    green_dot = (default.x - (380 - default.origin_column) * pixel) ** 2
    green_dot = green_dot + (default.z - (40 - default.origin_row) * pixel) ** 2
    assert not default.sector.where(green_dot < (5 * pixel) ** 2, False).any()


def test_what_is_stored_dark_for_light_is_turned_round(sector_frames, tmp_path):
    usual = readers.read(write_dicom(tmp_path / "a.dcm", sector_frames))
    turned = {"PhotometricInterpretation": "MONOCHROME1"}
    other = readers.read(write_dicom(tmp_path / "b.dcm", 255 - sector_frames, **turned))
    np.testing.assert_array_equal(other.bmode, usual.bmode)


@pytest.mark.parametrize("bits", [8, 16])
def test_numbers_of_colours_become_these_colours(bits, sector_frames, tmp_path):
    """In a table that turns dark into light, as a scanner may write it."""
    usual = readers.read(write_dicom(tmp_path / "a.dcm", sector_frames))
    levels = np.arange(255, -1, -1)
    table = levels.astype(np.uint8) if bits == 8 else (257 * levels).astype(np.uint16)
    changes = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        changes |= {f"{name}Descriptor": [256, 0, bits], f"{name}Data": table.tobytes()}
    other = readers.read(write_dicom(tmp_path / "b.dcm", 255 - sector_frames, **changes))
    np.testing.assert_array_equal(other.bmode, usual.bmode)


@pytest.mark.parametrize("blue", [0.9, 0.8, 0.65])
def test_a_tinted_picture_keeps_its_brightest_speckle(blue, sector_frames, tmp_path):
    tint = np.array([1, (1 + blue) / 2, blue])
    rgb = np.rint(2 * sector_frames[..., None] * tint).astype(np.uint8)
    ds = readers.read(write_dicom(tmp_path / "a.dcm", rgb))
    grey = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))
    assert 255 * ds.bmode.max() == pytest.approx(grey.max(), abs=1)
    assert (rgb.max() - rgb[..., 2].max() > sector.COLOURED) == (blue < 0.9)


def test_the_largest_of_several_pictures_is_read(sector_frames, tmp_path, caplog):
    """Beside a small one, a larger spectrum, and a second plane as large, which is told."""
    usual = readers.read(write_dicom(tmp_path / "a.dcm", sector_frames))
    assert "pictures" not in caplog.text
    both = np.concatenate([sector_frames, sector_frames[:, ::-1]], axis=2)
    small = REGION | {"RegionLocationMaxX1": 60, "RegionLocationMaxY1": 40, "PhysicalDeltaX": 9.0}
    spectrum = REGION | {"RegionLocationMaxX1": 319, "RegionDataType": 3}
    second = REGION | {"RegionLocationMinX0": 162, "RegionLocationMaxX1": 317}
    path = write_dicom(tmp_path / "b.dcm", both, small, spectrum, REGION, second)
    ds = readers.read(path)
    np.testing.assert_array_equal(ds.bmode, usual.bmode)
    assert ds.pixel_mm == usual.pixel_mm
    assert "b.dcm: has 3 pictures" in caplog.text and "columns 2 to 157" in caplog.text


def test_a_narrow_sector_may_stand_in_a_wide_region(tmp_path):
    narrow = speckle((200, 320), sector.Sector(5.0, 160.0, np.radians(22), 10.0, 190.0))
    region = REGION | {"RegionLocationMaxX1": 318, "RegionLocationMaxY1": 198}
    ds = readers.read(write_dicom(tmp_path / "a.dcm", narrow, region))
    assert ds.sector_half_angle == pytest.approx(np.radians(22), abs=0.02)
    assert ds.pixel_mm == pytest.approx(0.5)


def test_a_shrunk_file_has_its_spacing_corrected(default, caplog):
    with caplog.at_level(logging.WARNING):
        small = readers.read(pydicom.examples.get_path("ybr_color"))
    assert small.pixel_mm == pytest.approx(2 * 0.510497, abs=1e-4)
    assert "2 times" in caplog.text and "0.5105 to 1.0210 mm" in caplog.text
    for name in ("sector_half_angle", "sector_r_max"):
        assert small.attrs[name] == pytest.approx(default.attrs[name], rel=0.01)


def test_a_plain_dicom(sector_frames, tmp_path):
    sector_frames[3] = sector_frames[2]
    sector_frames[3, 110:115, 5:20] = 99  # a clock that ticks outside the sector
    ds = readers.read(write_dicom(tmp_path / "a.dcm", sector_frames))
    assert ds.frame.values.tolist() == [0, 1, 2, 4, 5]
    np.testing.assert_allclose(ds.time, [0, 0.02, 0.04, 0.08, 0.10])
    assert ds.pixel_mm == pytest.approx(0.5) and ds.frame_rate == pytest.approx(50)
    assert ds.sector_r_max == pytest.approx(SECTOR.r_max * 0.5e-3, abs=1e-3)
    assert ds.origin_column == pytest.approx(SECTOR.apex_column, abs=1)
    assert ds.origin_row == pytest.approx(SECTOR.apex_row, abs=2)
    assert "Doe" not in str(ds.attrs) and ds.manufacturer == "Maker" and ds.licence == "not stated"
    recording.save(ds, tmp_path / "a.nc")
    assert readers.read(tmp_path / "a.nc").attrs == ds.attrs


def test_frame_times_come_from_what_the_file_states(sector_frames, tmp_path):
    def times(**changes):
        path = write_dicom(tmp_path / "a.dcm", sector_frames, **changes)
        return readers.read(path).time.values

    steps = ["0", "20", "30", "20", "20", "20"]
    vector = {"FrameTimeVector": steps, "FrameTime": None}
    np.testing.assert_allclose(times(**vector), [0, 0.02, 0.05, 0.07, 0.09, 0.11])
    np.testing.assert_allclose(times(FrameTime=None, CineRate="40"), np.arange(6) / 40)
    rate = {"FrameTime": None, "RecommendedDisplayFrameRate": "25"}
    np.testing.assert_allclose(times(**rate), np.arange(6) / 25)
    for field, changes in (
        ("FrameTime", {"FrameTime": None}),
        ("FrameTime", {"FrameTime": "0"}),
        ("FrameTimeVector", vector | {"FrameTimeVector": steps[:4]}),
        ("FrameTimeVector", vector | {"FrameTimeVector": ["0", "20", "0", "20", "20", "20"]}),
        ("CineRate", {"FrameTime": None, "CineRate": "-1"}),
    ):
        refuses(lambda c=changes: times(**c), "a.dcm", field, "export")


def test_colour_is_masked_or_refused(sector_frames, tmp_path):
    rgb = np.repeat(sector_frames[..., None], 3, axis=-1)
    rgb[:, 60:64, 80:84] = 255, 160, 0
    ds = readers.read(write_dicom(tmp_path / "a.dcm", rgb))
    spot = ds.bmode.sel(
        x=slice(*(1e-3 * 0.5 * (np.array([79.9, 83.1]) - ds.origin_column))),
        z=slice(*(1e-3 * 0.5 * (np.array([59.9, 63.1]) - ds.origin_row))),
    )
    assert spot.sizes["x"] == spot.sizes["z"] == 4 and not spot.any()
    rgb[:, 30:90, 60:100, 2] = 0
    rgb[:, 30:90, 60:100, :2] |= 128
    path = write_dicom(tmp_path / "a.dcm", rgb)
    refuses(lambda: readers.read(path), "a.dcm", "colour", "Doppler")


def without(*names):
    return {name: value for name, value in REGION.items() if name not in names}


@pytest.mark.parametrize(
    ("field", "word", "region", "changes"),
    [
        ("SequenceOfUltrasoundRegions", "spacing", REGION, {"SequenceOfUltrasoundRegions": None}),
        ("SequenceOfUltrasoundRegions", "2-D", REGION | {"RegionSpatialFormat": 3}, {}),
        ("SequenceOfUltrasoundRegions", "tissue", REGION | {"RegionDataType": 2}, {}),
        ("SequenceOfUltrasoundRegions", "160 x 120", REGION | {"RegionLocationMaxX1": 900}, {}),
        ("SequenceOfUltrasoundRegions", "turned", REGION | {"RegionLocationMinX0": 158}, {}),
        ("PhysicalUnits", "cm", REGION | {"PhysicalUnitsXDirection": 4}, {}),
        ("PhysicalDeltaX", "positive", REGION | {"PhysicalDeltaX": 0.0}, {}),
        ("PhysicalDeltaY", "positive", REGION | {"PhysicalDeltaY": -0.05}, {}),
        ("PhysicalDeltaY", "missing", without("PhysicalDeltaY"), {}),
        ("SequenceOfUltrasoundRegions", "2-D", REGION | {"RegionLocationMaxX1": None}, {}),
        ("PixelData", "missing", REGION, {"PixelData": None}),
        ("PixelData", "decoded", REGION, {"NumberOfFrames": 9}),
        ("NumberOfFrames", "still", REGION, {"NumberOfFrames": 1}),
    ],
)
def test_a_dicom_that_lacks_something(field, word, region, changes, sector_frames, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", sector_frames, region, **changes)
    refuses(lambda: readers.read(path), "a.dcm", field, word)


def test_a_count_of_frames_that_is_no_number(sector_frames, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", sector_frames)
    stated, garbage = (b"\x28\x00\x08\x00IS\x02\x00" + text for text in (b"6 ", b"x "))
    assert path.read_bytes().count(stated) == 1
    path.write_bytes(path.read_bytes().replace(stated, garbage))
    refuses(lambda: readers.read(path), "a.dcm", "NumberOfFrames", "positive number")


def test_a_region_that_no_scale_explains(sector_frames, tmp_path):
    """The region is a little too large: halving it would cut the sector."""
    path = write_dicom(tmp_path / "a.dcm", sector_frames, REGION | {"RegionLocationMaxX1": 170})
    refuses(lambda: readers.read(path), "a.dcm", "SequenceOfUltrasoundRegions|sector")


def test_a_region_much_larger_than_the_sector(sector_frames, tmp_path):
    """As in a file that was shrunk, and its frames filled up again."""
    large = np.pad(sector_frames, ((0, 0), (0, 120), (120, 120)))
    region = REGION | {"RegionLocationMaxX1": 399, "RegionLocationMaxY1": 239}
    path = write_dicom(tmp_path / "a.dcm", large, region)
    refuses(lambda: readers.read(path), "a.dcm", "SequenceOfUltrasoundRegions", "as wide")


def test_identical_frames_are_no_clip(sector_frames, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", sector_frames[[0] * 6])
    refuses(lambda: readers.read(path), "a.dcm", "sector", "nothing moves")


def test_an_unsupported_transfer_syntax_is_named(tmp_path):
    ds = pydicom.dcmread(pydicom.examples.get_path("ybr_color"))
    ds.file_meta.TransferSyntaxUID = JPEGLSLossless
    ds.save_as(tmp_path / "a.dcm")
    words = "JPEG-LS Lossless", "pylibjpeg"
    refuses(lambda: readers.read(tmp_path / "a.dcm"), "a.dcm", "TransferSyntaxUID", *words)


@pytest.mark.parametrize("length", [0.001, 0.01, 0.5, 0.95])
def test_a_cut_dicom(length, tmp_path):
    content = pydicom.examples.get_path("ybr_color").read_bytes()
    path = tmp_path / "a.dcm"
    path.write_bytes(content[: int(length * len(content))])
    refuses(lambda: readers.read(path), "a.dcm", "PixelData|file", "again")


def test_a_cut_uncompressed_dicom(sector_frames, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", sector_frames)
    path.write_bytes(path.read_bytes()[:-20_000])
    refuses(lambda: readers.read(path), "a.dcm", "PixelData|file", "again")


def test_not_a_dicom(tmp_path):
    (tmp_path / "a.dcm").write_bytes(bytes(1000))
    refuses(lambda: readers.read(tmp_path / "a.dcm"), "a.dcm", "file", "not a DICOM")
    refuses(lambda: readers.read(tmp_path / "b.dcm"), "b.dcm", "file", "does not exist")

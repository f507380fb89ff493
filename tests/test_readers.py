"""Readers find the sector, the scale and the times of clips, or say what is wrong."""

import errno
import logging
import re

import numpy as np
import pydicom
import pydicom.examples
import pytest
from conftest import SECTOR
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, UltrasoundMultiFrameImageStorage
from refusals import refuses

from tas_lib import movie, readers, recording
from tas_lib.readers import dicom, sector, video

REGION = {
    "RegionSpatialFormat": 1,
    "RegionDataType": 1,
    "RegionLocationMinX0": 2,
    "RegionLocationMinY0": 1,
    "RegionLocationMaxX1": 157,
    "RegionLocationMaxY1": 118,
    "PhysicalUnitsXDirection": 3,
    "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": 0.05,
    "PhysicalDeltaY": 0.05,
}


def write_dicom(path, frames, region=REGION, **changes):
    """Write an uncompressed ultrasound cine; changes replace elements, None deletes them."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UltrasoundMultiFrameImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3"
    ds.PatientName, ds.Manufacturer, ds.FrameTime = "Doe^Jane", "Maker", "20"
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape[:3]
    ds.SamplesPerPixel = 1 if frames.ndim == 3 else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if frames.ndim == 3 else "RGB"
    if frames.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = frames.tobytes()
    item = Dataset()
    for name, value in region.items():
        setattr(item, name, value)
    ds.SequenceOfUltrasoundRegions = Sequence([item])
    for name, value in changes.items():
        delattr(ds, name) if value is None else setattr(ds, name, value)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_video(path, frames, rate=25):
    """Write grey frames (time, row, column) uint8 as a movie."""
    axes = (np.arange(n) for n in frames.shape[1:])
    return movie.write_movie(
        path, recording.new(frames / 255, np.arange(len(frames)) / rate, *axes)
    )


@pytest.fixture(scope="module")
def default():
    return readers.read(readers.default_clip())


# The sector


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


# The real clips


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


def test_a_shrunk_file_has_its_spacing_corrected(default, caplog):
    with caplog.at_level(logging.WARNING):
        small = readers.read(pydicom.examples.get_path("ybr_color"))
    assert small.pixel_mm == pytest.approx(2 * 0.510497, abs=1e-4)
    assert "2 times" in caplog.text and "0.5105 to 1.0210 mm" in caplog.text
    for name in ("sector_half_angle", "sector_r_max"):
        assert small.attrs[name] == pytest.approx(default.attrs[name], rel=0.01)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(dicom, "get_testdata_file", lambda name, download: None)
    refuses(readers.default_clip, "color3d_jpeg_baseline.dcm", "default clip", "pip install")


# Made-up DICOM files


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


def test_a_region_much_wider_than_the_sector(sector_frames, tmp_path):
    wide = np.pad(sector_frames, ((0, 0), (0, 0), (120, 120)))
    region = REGION | {"RegionLocationMaxX1": 399}
    path = write_dicom(tmp_path / "a.dcm", wide, region)
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
    refuses(lambda: dicom.read(tmp_path / "b.dcm"), "b.dcm", "file", "does not exist")


# Videos


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_keeps_grey_levels_and_times(sector_frames, tmp_path, suffix):
    path = write_video(tmp_path / f"a{suffix}", sector_frames)
    ds = readers.read(path, spacing_mm=0.5)
    np.testing.assert_allclose(ds.time, np.arange(6) / 25, atol=1e-3)
    assert ds.sector_r_max == pytest.approx(SECTOR.r_max * 0.5e-3, abs=1e-3)
    rows = np.rint(ds.z.values / 0.5e-3 + ds.origin_row).astype(int)
    columns = np.rint(ds.x.values / 0.5e-3 + ds.origin_column).astype(int)
    truth = sector_frames[:, rows[:, None], columns]
    inside = SECTOR.mask((120, 160))[rows[:, None], columns] & ds.sector.values
    assert np.corrcoef(truth[:, inside].ravel(), ds.bmode.values[:, inside].ravel())[0, 1] > 0.95
    faster = readers.read(path, spacing_mm=0.5, frame_rate=50)
    np.testing.assert_allclose(faster.time, np.arange(6) / 50)


def test_a_video_may_have_oblong_pixels(tmp_path):
    true = sector.Sector(5.0, 80.0, 0.7, 10.0, 105.0, aspect=1.2)
    path = write_video(tmp_path / "a.mp4", speckle((120, 160), true))
    ds = readers.read(path, spacing_mm=(0.5, 0.6))
    assert ds.sector_half_angle == pytest.approx(0.7, abs=0.02)
    np.testing.assert_allclose([np.diff(ds.z).mean(), np.diff(ds.x).mean()], [0.5e-3, 0.6e-3])
    assert "pixel_mm" not in ds.attrs


def test_a_video_needs_a_spacing_and_a_sound_file(sector_frames, tmp_path):
    path = write_video(tmp_path / "a.mp4", sector_frames)
    refuses(lambda: readers.read(path), "a.mp4", "spacing_mm", "never guessed", "--spacing-mm")
    for bad in (0, -1, np.nan):
        refuses(lambda b=bad: readers.read(path, spacing_mm=b), "a.mp4", "spacing_mm", "positive")
    bad_rate = {"spacing_mm": 1, "frame_rate": -1}
    refuses(lambda: readers.read(path, **bad_rate), "a.mp4", "frame_rate", "--frame-rate")
    one = tmp_path / "one.mp4"
    movie._write_mp4(one, [Image.fromarray(sector_frames[0])], 25)
    refuses(lambda: readers.read(one, spacing_mm=1), "one.mp4", "frames", "two or more")
    path.write_bytes(path.read_bytes()[:300])
    refuses(lambda: readers.read(path, spacing_mm=1), "a.mp4", "file", "decoded")
    refuses(lambda: video.read(tmp_path / "b.mp4", spacing_mm=1), "b.mp4", "file", "not exist")


# Which reader


def test_read_refuses_what_is_no_clip(tmp_path, monkeypatch):
    refuses(lambda: readers.read(tmp_path / "none.dcm"), "none.dcm", "file", "does not exist")
    refuses(lambda: readers.read(tmp_path), tmp_path.name, "file", "is a folder")
    for name in ("a.dcm", "a.mp4", "a.nc"):
        (tmp_path / name).touch()

        def locked(*args, **kwargs):
            raise PermissionError(errno.EACCES, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(type(tmp_path), "open", locked)
            refuses(lambda n=name: readers.read(tmp_path / n), name, "file", "Permission denied")
    (tmp_path / "a.txt").write_text("hello")
    refuses(lambda: readers.read(tmp_path / "a.txt"), "a.txt", "file", "unknown kind", ".mp4")


def test_a_spacing_or_rate_that_contradicts_the_file_is_an_error(tmp_path, sector_frames):
    path = write_dicom(tmp_path / "without_suffix", sector_frames)
    readers.read(path, spacing_mm=0.5, frame_rate=50)
    refuses(lambda: readers.read(path, spacing_mm=0.6), "suffix", "spacing_mm", "contradicts")
    refuses(lambda: readers.read(path, frame_rate=25), "suffix", "frame_rate", "contradicts")

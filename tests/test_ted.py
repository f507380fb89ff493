"""TED is read as its release lays it out, and its patients are told from those of CAMUS."""

import logging
import re

import numpy as np
import pytest
from camus_files import MM, scene, write_cfg, write_image
from refusals import refuses

from tas_lib import readers
from tas_lib.readers import ted


def write_ted(folder, grey, labels, *, number=3, **lines):
    """A case of TED, whose cfg has no frame rate; returns the path of the cfg."""
    stem = f"patient{number:03d}"
    case = folder / stem
    case.mkdir()
    write_image(case / f"{stem}_4CH_sequence.mhd", grey)
    write_image(case / f"{stem}_4CH_sequence_gt.mhd", labels)
    cfg = {"ES": "7", "NbFrame": str(len(grey)), "FrameRate": None} | lines
    return write_cfg(case / f"{stem}_4CH_info.cfg", cfg)


@pytest.fixture(scope="module")
def film():
    return scene((MM, MM))


@pytest.fixture
def beat(film):
    """There and back again, without an atrium."""
    grey, labels = (np.concatenate((part, part[-2::-1])) for part in film)
    return grey, np.where(labels == 3, 0, labels).astype(np.uint8)


def test_a_case_of_ted_is_a_whole_beat(beat, tmp_path, caplog):
    path = write_ted(tmp_path, *beat)
    refuses(lambda: readers.read(path), path.name, "FrameRate", "--frame-rate")
    whole = readers.read(path, frame_rate=50)
    assert whole.sizes["time"] == 13 and whole.attrs["cycle"] == "ED to ED"
    assert (whole.attrs["ed_frame"], whole.attrs["es_frame"]) == (0, 6)
    assert not whole.mask_interpolated.any() and whole.attrs["mesh_is_truth"] == 0
    assert whole.attrs["patient"] == whole.attrs["data_set"] == "TED 003"
    assert "any patient" in caplog.text and "TMI.2022.3173669" in whole.attrs["citation"]
    np.testing.assert_allclose(whole.mesh[0], whole.mesh[-1], atol=1e-9)


def test_a_whole_beat_is_not_turned_round(film, tmp_path):
    """Systole of seven frames, filling of four: where it began is where it ends."""
    beat = [np.concatenate((part, part[[4, 2, 1, 0]])) for part in film]
    whole = readers.read(write_ted(tmp_path, *beat), frame_rate=50)
    for number, (ed, right) in enumerate({"11": True, "8": False}.items(), 4):
        path = write_ted(tmp_path, *beat, number=number, ED=ed)
        if not right:
            refuses(lambda p=path: readers.read(p, frame_rate=50), path.name, "ED, ES", "begins")
            continue
        other = readers.read(path, frame_rate=50)
        np.testing.assert_array_equal(other.bmode, whole.bmode)
        assert (other.attrs["ed_frame"], other.attrs["es_frame"]) == (0, 6)
        assert other.attrs["reversed"] == 0


def test_a_short_raw_file_and_a_missing_spacing(beat, tmp_path):
    path = write_ted(tmp_path, *beat)
    header, raw = (path.with_name(f"patient003_4CH_sequence.{e}") for e in ("mhd", "raw"))
    text, content = header.read_text(), raw.read_bytes()
    header.write_text(re.sub("ElementSpacing.*\n", "", text))
    refuses(lambda: readers.read(path, frame_rate=50), header.name, "spacing", "not stated")
    header.write_text(text)
    raw.write_bytes(content[:-1000])
    refuses(lambda: readers.read(path, frame_rate=50), header.name, "file", "cut off")
    raw.unlink()
    refuses(lambda: readers.read(path, frame_rate=50), header.name, "file", "without its data")


def test_ted_numbers_are_mapped_so_that_patients_do_not_leak(beat, tmp_path, caplog):
    path = write_ted(tmp_path, *beat)
    (tmp_path / ted.MAPPING).write_text("ted,camus\n1,2\n3, patient0005\n")
    with caplog.at_level(logging.WARNING):
        case = readers.read(path, frame_rate=50)
    assert case.attrs["patient"] == "CAMUS 0005" and case.attrs["data_set"] == "TED 003"
    assert "any patient" not in caplog.text
    assert ted.camus_patient(19, tmp_path / ted.MAPPING) is None


def test_who_may_be_the_same():
    assert ted.may_be_same("CAMUS 0005", "CAMUS 0005")
    assert not ted.may_be_same("CAMUS 0005", "CAMUS 0006")
    assert ted.may_be_same("TED 019", "CAMUS 0006") and ted.may_be_same("CAMUS 0006", "TED 019")
    assert not ted.may_be_same("TED 019", "TED 032")


@pytest.mark.parametrize(
    ("text", "field", "word"),
    [
        ("3,5\n", "ted", "first line"),
        ("ted,camus\n3\n", "camus", "line 2"),
        ("ted,camus\n99,5\n", "ted", "1 to 98"),
        ("ted,camus\n3,x\n", "camus", "'x'"),
        ("ted,camus\n3,5\n3,6\n", "ted", "again in line 3"),
        ("ted,camus\n3,5\n4,5\n", "camus", "again in line 3"),
    ],
)
def test_a_table_of_numbers_that_cannot_be_right(tmp_path, text, field, word):
    path = tmp_path / "map.csv"
    path.write_text(text + "7,9\n" if text == "3,5\n" else text)
    refuses(lambda: ted.camus_patient(3, path), "map.csv", field, word)
    refuses(lambda: ted.camus_patient(3, tmp_path / "no.csv"), "no.csv", "file", "csv")

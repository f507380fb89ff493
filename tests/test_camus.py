"""CAMUS is read as its releases lay it out, and each way it goes wrong is named."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk
from camus_files import COUNT, DEPTH, MM, scene, write_camus, write_cfg, write_image
from refusals import refuses
from typer.testing import CliRunner

from tas_lib import cli, readers, recording
from tas_lib.errors import InputError
from tas_lib.readers import camus, ted
from tas_lib.templates import load_template


@pytest.fixture(scope="module")
def film():
    return scene((MM, MM))


@pytest.fixture(scope="module")
def patient(tmp_path_factory, film):
    return write_camus(tmp_path_factory.mktemp("camus"), *film)


@pytest.fixture(scope="module")
def ds(patient):
    return readers.read(patient)


# What is read


def test_a_patient_becomes_a_recording(ds):
    assert ds.attrs["patient"] == "CAMUS 0001" and ds.attrs["view"] == "A4C"
    assert (ds.attrs["ed_frame"], ds.attrs["es_frame"], ds.attrs["reversed"]) == (0, 6, 0)
    assert ds.attrs["sex"] == "F" and ds.attrs["image_quality"] == "Good"
    assert ds.attrs["age"] == 61 and ds.attrs["ejection_fraction"] == 57.5
    assert ds.attrs["licence"] == "CC BY-NC-SA 4.0" and "TMI.2019.2900516" in ds.attrs["citation"]
    assert ds.attrs["source"] == "patient0001_4CH_half_sequence.nii.gz"
    np.testing.assert_allclose(ds.time, np.arange(COUNT) / 47.5)
    np.testing.assert_allclose([np.diff(ds.z).mean(), np.diff(ds.x).mean()], MM * 1e-3, rtol=1e-6)
    assert ds.attrs["sector_half_angle"] == pytest.approx(0.7, abs=0.02)
    assert ds.attrs["sector_r_max"] == pytest.approx(DEPTH * 1e-3, abs=1.5e-3)


def test_only_ed_and_es_count_as_drawn_and_the_mesh_is_no_truth(ds):
    assert ds.mask_interpolated.values.tolist() == [False, *[True] * 5, False]
    assert ds.attrs["mesh_is_truth"] == 0 and "equal arc" in ds.attrs["mesh_source"]
    assert ds.attrs["cycle"] == "ED to ES"


def test_masks_and_mesh_lie_where_the_picture_shows_the_wall(ds, film):
    grey, labels = film
    assert ds.labels.dtype == np.uint8 and ds.labels.shape == ds.bmode.shape
    assert ds.bmode.where(ds.labels == 2).mean() > 3 * ds.bmode.where(ds.labels == 1).mean()
    row = np.rint(ds.z.values / (MM * 1e-3) + ds.origin_row).astype(int)
    column = np.rint(ds.x.values / (MM * 1e-3) + ds.origin_column).astype(int)
    np.testing.assert_array_equal(ds.labels, labels[:, row[:, None], column])
    assert ds.mesh.shape == (COUNT, 36, 5, 2)
    x, z = ds.mesh.values[0, [0, -1], 0].T
    np.testing.assert_allclose(x, [-21e-3, 27e-3], atol=1.5e-3)
    np.testing.assert_allclose(z, 110e-3, atol=1.5e-3)
    apex = ds.mesh.values[:, 17:19, 0, 1].mean(1)
    assert apex[0] == pytest.approx(25e-3, abs=1.5e-3)
    assert apex[-1] == pytest.approx(38e-3, abs=1.5e-3)


def test_it_survives_saving(ds, tmp_path):
    back = recording.open(recording.save(ds, tmp_path / "a.nc"))
    assert back.labels.dtype == np.uint8 and back.mask_interpolated.dtype == bool
    for name in ("labels", "mesh", "mask_interpolated", "frame"):
        np.testing.assert_array_equal(back[name], ds[name])
    assert back.attrs == ds.attrs


def test_labels_of_other_things_are_refused(ds):
    wrong = ds.assign(labels=ds.labels + np.uint8(1))
    refuses(lambda: recording.validate(wrong, "a.nc"), "a.nc", "labels", "3 left atrium")


def test_the_size_of_the_mesh_is_free_and_the_command_shows_it(patient):
    template = load_template(patient, n_longitudinal=20, n_radial=3)
    assert template.mesh.shape == (COUNT, 20, 3, 2) and template.longitudinal.size == 20
    result = CliRunner().invoke(cli.app, ["info", str(patient)])
    assert result.exit_code == 0 and "mesh of 36 x 5" in result.output and "A4C" in result.output


def test_pixels_may_be_twice_as_wide_as_high(ds, tmp_path):
    spacing = 0.6, 1.2
    grey, labels = scene((spacing[0] / 2, spacing[1] / 2))
    flat = readers.read(write_camus(tmp_path, grey, labels, spacing=(0.3, 0.6)))
    np.testing.assert_allclose(np.diff(flat.z).mean(), 0.3e-3, rtol=1e-6)
    np.testing.assert_allclose(np.diff(flat.x).mean(), 0.6e-3, rtol=1e-6)
    assert np.linalg.norm(flat.mesh.values - ds.mesh.values, axis=-1).mean() < 1e-3


def test_es_before_ed_is_played_backwards_and_said(ds, film, tmp_path, caplog):
    turned = [part[::-1] for part in film]
    path = write_camus(tmp_path, *turned, {"ED": "7", "ES": "1"})
    back = readers.read(path)
    assert "reversed" in caplog.text and back.attrs["reversed"] == 1
    assert (back.attrs["ed_frame"], back.attrs["es_frame"]) == (0, 6)
    assert back.frame.values.tolist() == [6, 5, 4, 3, 2, 1, 0]
    for name in ("bmode", "labels", "mesh", "time", "mask_interpolated"):
        np.testing.assert_array_equal(back[name], ds[name])


def test_masks_stay_with_their_frames_when_one_is_dropped(film, tmp_path):
    grey, labels = (part.copy() for part in film)
    grey[3] = grey[2]
    cut = readers.read(write_camus(tmp_path, grey, labels))
    assert cut.frame.values.tolist() == [0, 1, 2, 4, 5, 6] and cut.attrs["es_frame"] == 5
    assert (cut.labels == 1).sum(("z", "x")).values.tolist() == [
        int((labels[t] == 1).sum()) for t in cut.frame.values
    ]
    assert cut.mask_interpolated.values.tolist() == [False, *[True] * 4, False]


def test_without_masks_there_is_a_clip_and_no_mesh(film, tmp_path, caplog):
    path = write_camus(tmp_path, film[0], None)
    bare = readers.read(path)
    assert "mesh" not in bare and "none" in bare.attrs["mesh_source"] and "no masks" in caplog.text
    refuses(lambda: load_template(path), "Info_4CH.cfg", "contours", "--contour")


def test_the_release_of_2019_has_other_keys_and_files(film, tmp_path):
    patient = tmp_path / "patient0001"
    patient.mkdir()
    write_image(patient / "patient0001_2CH_sequence.mhd", film[0])
    keys = {"EF": None, "LVef": "55.0", "LVedv": "94.1", "LVesv": "42.3"}
    old = readers.read(write_cfg(patient / "Info_2CH.cfg", keys))
    assert old.attrs["view"] == "A2C" and old.attrs["ejection_fraction"] == 55
    assert old.attrs["end_diastolic_volume"] == 94.1 and old.attrs["end_systolic_volume"] == 42.3


def test_a_cfg_may_be_untidy(tmp_path):
    text = "\ufeffed : 1\r\n\r\n  NBFRAME=20\r\nFrameRate: 50,5\r\nnoise\r\nEF: n/a\r\nSex:\r\n"
    (tmp_path / "a.cfg").write_text(text, encoding="utf-8")
    info = camus.read_cfg(tmp_path / "a.cfg")
    assert info == {"ed": "1", "nbframe": "20", "framerate": "50,5", "ef": "n/a"}
    assert camus.number(info, "FrameRate") == 50.5 and camus.number(info, "EF") is None


# What is refused


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"NbFrame": "6"}, "NbFrame", "7 frames"),
        ({"NbFrame": "253"}, "NbFrame", "axes are exchanged"),
        ({"NbFrame": None}, "NbFrame", "not stated"),
        ({"ED": "0"}, "ED, ES", "1 to 7"),
        ({"ES": "8"}, "ED, ES", "1 to 7"),
        ({"ES": "1"}, "ED, ES", "different"),
        ({"ED": "one"}, "ED", "'one'"),
        ({"ES": "3.5"}, "ES", "whole number"),
        ({"FrameRate": None}, "FrameRate", "--frame-rate"),
        ({"FrameRate": "0"}, "FrameRate", "--frame-rate"),
    ],
)
def test_a_cfg_that_contradicts_itself_or_the_file(patient, film, tmp_path, changes, field, word):
    path = tmp_path / "patient0001" / "Info_4CH.cfg"
    path.parent.mkdir()
    for image in patient.parent.glob("*.nii.gz"):
        path.with_name(image.name).hardlink_to(image)
    write_cfg(path, changes)
    refuses(lambda: readers.read(path), "Info_4CH.cfg", field, word)


def test_a_rate_may_be_given_where_none_is_stated(film, tmp_path, patient):
    path = write_camus(tmp_path, film[0], None, {"FrameRate": None})
    np.testing.assert_allclose(readers.read(path, frame_rate=50).time, np.arange(COUNT) / 50)
    write_cfg(path, {"FrameRate": "0"})
    np.testing.assert_allclose(readers.read(path, frame_rate=50).time, np.arange(COUNT) / 50)
    refuses(lambda: readers.read(patient, frame_rate=50), "Info_4CH.cfg", "frame_rate", "47.5")


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.3, 1.0), (0.03, 0.03), (3.0, 3.0)])
def test_an_implausible_spacing_is_not_believed(film, tmp_path, spacing):
    path = write_camus(tmp_path, film[0], film[1], spacing=spacing)
    refuses(lambda: readers.read(path), "sequence.nii.gz", "spacing", "never guessed", "0.05")


def test_a_missing_spacing_is_not_guessed(film, tmp_path):
    path = write_camus(tmp_path, film[0], None)
    image = path.with_name("patient0001_4CH_half_sequence.nii.gz")
    content = bytearray(gzip.decompress(image.read_bytes()))
    struct.pack_into("<3f", content, 80, 0, 0, 0)  # pixdim[1:4]
    struct.pack_into("<2h", content, 252, 0, 0)  # qform_code, sform_code
    image.write_bytes(gzip.compress(bytes(content)))
    refuses(lambda: readers.read(path), image.name, "spacing", "not stated")


TURNS = {
    "transposed": (lambda a: a.swapaxes(1, 2), "on its side"),
    "upside down": (lambda a: a[:, ::-1], "upside down"),
}


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_picture_is_recognised(film, tmp_path, turn):
    change, word = TURNS[turn]
    path = write_camus(tmp_path, *(change(part) for part in film))
    refuses(lambda: readers.read(path), "sequence.nii.gz", "axes", word, "apex at the top")


@pytest.mark.parametrize("clockwise", [1, 3])
def test_masks_turned_against_the_picture_are_recognised(film, tmp_path, clockwise):
    size = film[0].shape[2]
    square = [np.pad(part, ((0, 0), (0, size - part.shape[1]), (0, 0))) for part in film]
    path = write_camus(tmp_path, square[0], np.rot90(square[1], clockwise, (1, 2)))
    refuses(lambda: readers.read(path), "_gt.nii.gz", "labels", "on its side")


FAULTS = {
    "other label": (lambda m: np.where(m == 3, 4, m), "labels", "3 atrium"),
    "fraction": (lambda m: m * np.float32(0.5), "labels", "0.5"),
    "another shape": (lambda m: m[:, :-1], "axes", r"(7, 199, 253)"),
    "another length": (lambda m: m[:-1], "axes", r"(6, 200, 253)"),
    "no myocardium in one": (
        lambda m: np.where((np.arange(COUNT) == 4)[:, None, None] & (m == 2), 0, m),
        "myocardium",
        "frame 4",
    ),
    "empty": (lambda m: m * (np.arange(COUNT) != 2)[:, None, None], "cavity", "frame 2"),
    "all empty": (lambda m: 0 * m, "cavity", "frame 0"),
    "elsewhere": (lambda m: np.roll(m, 70, 2), "labels", "outside"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_masks_that_cannot_be_used_name_file_and_frame(film, tmp_path, fault):
    spoil, field, word = FAULTS[fault]
    wrong = spoil(film[1])
    path = write_camus(tmp_path, film[0], wrong.astype(np.float32 if fault == "fraction" else "u1"))
    with pytest.raises(InputError) as caught:
        readers.read(path)
    message = str(caught.value)
    assert caught.value.field == field and "half_sequence_gt.nii.gz: " in message, message
    assert word in message, message


def test_a_mask_of_another_spacing(film, tmp_path):
    path = write_camus(tmp_path, *film)
    write_image(path.with_name("patient0001_4CH_half_sequence_gt.nii.gz"), film[1], (0.4, 0.4))
    refuses(lambda: readers.read(path), "gt.nii.gz", "spacing", "0.4", "0.75")


@pytest.mark.parametrize("length", [0, 0.001, 0.5, 0.999])
@pytest.mark.parametrize("masks", [False, True])
def test_a_cut_nifti(patient, film, tmp_path, length, masks):
    path = write_camus(tmp_path, *film)
    image = path.with_name(f"patient0001_4CH_half_sequence{'_gt' * masks}.nii.gz")
    content = image.read_bytes()
    image.write_bytes(content[: int(length * len(content))])
    refuses(lambda: readers.read(path), image.name, "file", "copy it")


def test_damaged_bytes_and_a_cut_uncompressed_nifti(film, tmp_path):
    path = write_camus(tmp_path, film[0], None)
    image = path.with_name("patient0001_4CH_half_sequence.nii.gz")
    content = bytearray(image.read_bytes())
    plain = gzip.decompress(content)
    content[len(content) // 2] ^= 255
    image.write_bytes(content)
    refuses(lambda: readers.read(path), image.name, "file", "damaged")
    image.unlink()
    image.with_suffix("").write_bytes(plain[:-100])
    refuses(lambda: readers.read(path), "half_sequence.nii", "file", "cut off")


def test_grey_levels_and_stills_are_checked(film, tmp_path):
    path = write_camus(tmp_path, film[0] / np.float32(255), None)
    refuses(lambda: readers.read(path), "sequence.nii.gz", "grey levels", "255")
    write_image(path.with_name("patient0001_4CH_half_sequence.nii.gz"), film[0])
    still = sitk.GetImageFromArray(film[0][0])
    sitk.WriteImage(still, str(path.with_name("patient0001_4CH_half_sequence.nii.gz")))
    refuses(lambda: readers.read(path), "sequence.nii.gz", "axes", "width, height, time")


def test_files_and_names_that_are_not_there(tmp_path):
    lonely = tmp_path / "patient0002"
    lonely.mkdir()
    path = write_cfg(lonely / "Info_2CH.cfg")
    refuses(lambda: readers.read(path), "patient0002", "file", "patient0002_2CH_half_sequence.nii")
    other = write_cfg(tmp_path / "Info_2CH.cfg")
    refuses(lambda: readers.read(other), "Info_2CH.cfg", "patient", "patient0001")
    stray = write_cfg(lonely / "Notes.cfg")
    for read in (readers.read, camus.read, ted.read):
        refuses(lambda r=read: r(stray), "Notes.cfg", "file", "4CH")
    image = lonely / "patient0002_4CH_half_sequence.nii.gz"
    image.touch()
    refuses(lambda: readers.read(image), image.name, "file", ".cfg of a CAMUS")


# Official lists


def test_official_lists(tmp_path):
    folder = tmp_path / "database_split"
    folder.mkdir()
    for split, lines in (
        ("training", "patient0001\npatient0007\n"),
        ("validation", "patient0450\n"),
    ):
        (folder / f"subgroup_{split}.txt").write_text(lines)
    refuses(lambda: camus.splits(tmp_path), "subgroup_testing.txt", "file", "copy")
    test = folder / "subgroup_testing.txt"
    test.write_text("patient0007\r\n")
    refuses(lambda: camus.splits(tmp_path), "testing.txt", "patients", "CAMUS 0007", "training")
    test.write_text("0007\n")
    refuses(lambda: camus.splits(tmp_path), "testing.txt", "patient", "patient0001")
    test.write_text("\n")
    refuses(lambda: camus.splits(tmp_path), "testing.txt", "patients", "none")
    test.write_text("patient0002\n\n")
    assert camus.splits(tmp_path) == {
        "training": ["CAMUS 0001", "CAMUS 0007"],
        "validation": ["CAMUS 0450"],
        "testing": ["CAMUS 0002"],
    }

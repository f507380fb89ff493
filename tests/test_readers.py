"""The right reader is chosen, and what it is told must agree with the file."""

import errno

from dicom_files import write_dicom
from refusals import refuses

from tas_lib import readers


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

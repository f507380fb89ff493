"""One small valid file of every kind that the program reads, and the function that reads it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pandas as pd
import torch
from camus_files import scene, write_camus, write_cfg, write_image
from conftest import SECTOR
from dicom_files import write_dicom
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit
from test_contours import drawn
from test_corrections import CLIP
from test_starts import THREE
from test_training import BUDGET, net
from tqdm import tqdm

from tas_lib import (
    archive,
    clicks,
    contours,
    corrections,
    drawings,
    golden,
    movie,
    readers,
    recording,
    starts,
)
from tas_lib.collection import Collection, manifest_of
from tas_lib.corrections import Correction, Corrections
from tas_lib.learning import named, split
from tas_lib.readers import camus, ted
from tas_lib.samples import sequence
from tas_lib.trackers import weights
from tas_lib.trackers.cotracker import CoTracker
from tas_lib.training import train

GOLDEN = Path(__file__).parent / "data" / "cotracker1_golden_tiny.npz"


@dataclass(frozen=True)
class Kind:
    """make: writes files into a folder -> the path to read; of these, `mutated` are (a glob)."""

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    mutated: str


def frames():
    speckle = np.random.default_rng(0).rayleigh(25, (6, 120, 160))
    return np.where(SECTOR.mask((120, 160)), np.clip(speckle, 2, 255), 0).astype(np.uint8)


def clip(seed=0):
    """A recording with a mesh that moves."""
    z, x = 0.01 + 1e-3 * np.arange(50), 1e-3 * np.arange(-25, 26)
    bmode = np.random.default_rng(seed).random((6, z.size, x.size))
    known = {"source": "made up", "patient": f"one {seed}", "ed_frame": 0, "es_frame": 3}
    sector = {"sector_half_angle": 0.8, "sector_r_min": 0.005, "sector_r_max": 0.07}
    ds = recording.new(bmode, 0.02 * np.arange(6), z, x, **known, **sector)
    angle, radius = np.linspace(-0.6, 0.6, 9)[:, None], np.linspace(0.025, 0.034, 4)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)
    ds["mesh"] = (recording.MESH_DIMS, (1 + 0.03 * np.arange(6))[:, None, None, None] * points)
    ds["correlation"] = (recording.MESH_DIMS[:3], np.ones(ds.mesh.shape[:3]))
    return ds


def jpeg_dicom(folder):
    path = write_dicom(folder / "clip.dcm", frames())
    ds, images = dcmread(path), []
    for frame in frames():
        Image.fromarray(frame).save(folder / "one.jpg", quality=90)
        images.append((folder / "one.jpg").read_bytes())
    (folder / "one.jpg").unlink()
    ds.PixelData = encapsulate(images)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.save_as(path)
    return path


def video(suffix, folder):
    axes = (np.arange(n) for n in (120, 160))
    film = recording.new(frames() / 255, np.arange(6) / 25, *axes)
    return movie.write_movie(folder / f"clip{suffix}", film)


def avi(folder):
    options = {"fps": 25, "codec": "mjpeg", "quality": 8, "macro_block_size": 2}
    writer = imageio_ffmpeg.write_frames(folder / "clip.avi", (160, 120), **options)
    writer.send(None)
    for frame in frames():
        writer.send(np.stack([frame] * 3, axis=-1).tobytes())
    writer.close()
    return folder / "clip.avi"


def camus_view(folder):
    return write_camus(folder, *scene((0.85, 0.85)), spacing=(0.85, 0.85))


def ted_view(folder):
    case, pixel = folder / "patient003", (0.85, 0.85)
    case.mkdir()
    grey, labels = scene(pixel)
    write_image(case / "patient003_4CH_sequence.mhd", grey, pixel)
    write_image(case / "patient003_4CH_sequence_gt.mhd", labels, pixel)
    (folder / ted.MAPPING).write_text("ted,camus\n3,8\n4,9\n")
    return write_cfg(case / "patient003_4CH_info.cfg", {"FrameRate": None})


def splits(folder):
    (folder / "database_split").mkdir()
    for k, name in enumerate(camus.SPLITS):
        text = f"patient{2 * k + 1:04d}\npatient{2 * k + 2:04d}\n"
        (folder / "database_split" / f"subgroup_{name}.txt").write_text(text)
    return folder


def corrected(folder):
    points = tuple(Correction(frame, 0.5, 70.0, 20.0) for frame in (3, 9))
    given = Corrections(CLIP, "me", "2026", points)
    return drawings.write(given, corrections.FORMAT, folder / "corrections.json")


IDENTITY = {"strategy": "s1", "seed": 0}


def data_set(folder):
    def make(seed):
        recording.save(clip(seed), folder / f"{seed}.nc")
        return {"patient": f"one {seed}", "frames": 6}

    made = Collection(folder, IDENTITY)
    made.fill(make, (0, 1), "{}.nc".format, tqdm(disable=True), workers=1)
    return folder / "manifest.json"


def read_data_set(path):
    """All that a data set's manifest is asked for: to go on with it, to learn from it."""
    made = Collection(path.parent, IDENTITY)
    for entry in manifest_of(path.parent, "make it anew")["recordings"]:
        made.has(entry["file"])
    named(path.parent)
    return [recording.open(file) for files in split(path.parent) for file in files]


def archived(folder):
    table = pd.DataFrame({"tracker": ["a", "b"], "mte": [1.5, 2.5], "segments": [[0.5], [1.0]]})
    path = folder / "run.json"
    path.write_text(archive.text(table, command="tas", seed=0))
    return path


def checkpoint(folder):
    films = [sequence(clip(seed), 0.5e-3, 8e-3) for seed in (0, 1)]
    train(net(), films[:1], films[1:], folder, BUDGET, progress=False)
    return folder / "last.safetensors"


def resume(path):
    """What goes on with a run, of which nothing is left to be done."""
    return train(net(), [], [], path.parent, BUDGET, progress=False)


def published(folder):
    """A checkpoint with the names and shapes of the published one, which takes no room."""
    with torch.device("meta"):
        state = CoTracker().state_dict()
    held = {name: torch.tensor([0.5]).expand(value.shape) for name, value in state.items()}
    torch.save(held, folder / "cotracker.pth")
    return folder / "cotracker.pth"


def of_video(path):
    return readers.read(path, spacing_mm=0.5)


KINDS = {
    "DICOM": Kind(lambda f: write_dicom(f / "clip.dcm", frames()), readers.read, "clip.dcm"),
    "DICOM, JPEG": Kind(jpeg_dicom, readers.read, "clip.dcm"),
    "CAMUS (NIfTI)": Kind(camus_view, readers.read, "*/*"),
    "CAMUS, lists": Kind(splits, camus.splits, "*/*.txt"),
    "TED (MHD)": Kind(ted_view, partial(readers.read, frame_rate=50), "**/*.*"),
    "MP4": Kind(partial(video, ".mp4"), of_video, "clip.mp4"),
    "AVI": Kind(avi, of_video, "clip.avi"),
    "GIF": Kind(partial(video, ".gif"), of_video, "clip.gif"),
    "recording (NetCDF)": Kind(
        lambda f: recording.save(clip(), f / "clip.nc"), readers.read, "clip.nc"
    ),
    "contours (JSON)": Kind(
        lambda f: contours.save(drawn(), f / "walls.json"), starts.load, "walls.json"
    ),
    "clicks (JSON)": Kind(
        lambda f: drawings.write(THREE, clicks.FORMAT, f / "clicks.json"), starts.load, "*.json"
    ),
    "corrections (JSON)": Kind(corrected, corrections.load, "corrections.json"),
    "manifest (JSON)": Kind(data_set, read_data_set, "manifest.json"),
    "archived run (JSON)": Kind(archived, archive.read, "run.json"),
    "weights (safetensors)": Kind(
        lambda f: weights.save(net(), f / "net.safetensors", {"step": 3}), weights.load, "*.*"
    ),
    "checkpoint (safetensors)": Kind(checkpoint, resume, "l*.*"),
    "published weights (.pth)": Kind(published, weights.import_official, "cotracker.pth"),
    "golden numbers (.npz)": Kind(
        lambda f: Path(shutil.copy(GOLDEN, f / "golden.npz")), golden.compare, "golden.npz"
    ),
}

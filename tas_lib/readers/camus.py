"""Read CAMUS: a patient's Info_2CH.cfg or Info_4CH.cfg names one view, a half beat with masks.

The public release {Leclerc 2019} holds end-diastole to end-systole only. A person drew the masks of
those two frames; those between are interpolated, so they tell about where the wall is and nothing
about how tissue moves along it. TED, made of the same patients, shares what is below `read`.
"""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tas_lib.errors import InputError
from tas_lib.masks import with_mesh
from tas_lib.readers.sector import find_sector, to_recording
from tas_lib.readers.volumes import AGAIN, read_volume

log = logging.getLogger(__name__)

NAME = re.compile(r"info_([24])ch\.cfg", re.IGNORECASE)
CITATION = "Leclerc et al. 2019, doi 10.1109/TMI.2019.2900516"
LICENCE = "CC BY-NC-SA 4.0"
SPLITS = "training", "validation", "testing"
PIXEL_MM = 0.05, 0.9  # 10 to 25 cm of depth in 300 to 1500 rows, and pixels twice as wide as high
OUTSIDE = 0.25  # share of the labelled pixels that may lie beyond the sector
LYING = 1.2  # times as wide as long is a cavity that lies on its side


def read(path: str | Path, *, frame_rate: float | None = None) -> xr.Dataset:
    """Read one view of a patient: recording of the half beat with labels and mesh.

    path: .../patientNNNN/Info_2CH.cfg or Info_4CH.cfg; frame_rate [Hz]: needed where the cfg states
    none. Beside it are looked for patientNNNN_4CH_half_sequence.nii.gz and its _gt (or, of the
    release of 2019, patientNNNN_4CH_sequence.mhd). Without masks there is no mesh. Attributes and
    errors: see `read_view`.
    """
    path = Path(path)
    folder, name = path.resolve().parent.name, NAME.fullmatch(path.name)
    if not name:
        remedy = "give Info_2CH.cfg or Info_4CH.cfg (CAMUS) or patient001_4CH_info.cfg (TED)"
        raise InputError(path, "file", "is not named as in CAMUS or TED", remedy)
    stem = f"{folder}_{name[1]}CH"
    names = f"{stem}_half_sequence.nii.gz", f"{stem}_half_sequence.nii", f"{stem}_sequence.mhd"
    return read_view(
        path,
        names,
        frame_rate,
        whole_beat=False,
        view=f"A{name[1]}C",
        patient=f"CAMUS {patient_number(folder, path):04d}",
        data_set="CAMUS",
        citation=CITATION,
    )


def splits(root: str | Path) -> dict[str, list[str]]:
    """Patients ("CAMUS 0001", ...) of the official training, validation and testing lists.

    root: the folder that holds database_split/subgroup_*.txt. Raises InputError: a list missing or
    empty, a line that names no patient, a patient listed twice.
    """
    lists, seen = {}, dict[str, str]()
    for split in SPLITS:
        path = Path(root) / "database_split" / f"subgroup_{split}.txt"
        lists[split] = [
            f"CAMUS {patient_number(line.strip(), path):04d}"
            for line in _text(path).splitlines()
            if line.strip()
        ]
        if not lists[split]:
            raise InputError(path, "patients", "there are none", AGAIN)
        for patient in lists[split]:
            if patient in seen:
                problem = f"{patient} is listed in {seen[patient]} and in {split}"
                raise InputError(path, "patients", problem, "keep each patient in one list")
            seen[patient] = split
    return lists


def patient_number(text: str, where: object) -> int:
    """7 from "patient0007"."""
    match = re.fullmatch(r"patient(\d{1,9})", text, re.IGNORECASE)
    if not match:
        problem = f"{text!r} is not of the form patient0001"
        raise InputError(where, "patient", problem, "keep the names of the data set")
    return int(match[1])


def read_view(
    cfg: Path, names: tuple[str, ...], frame_rate: float | None, *, whole_beat: bool, **attrs: Any
) -> xr.Dataset:
    """Recording of the first of the images `names` that lies beside a cfg, with masks and mesh.

    whole_beat: from ED to ED, with all masks drawn; else half a beat, whose frames are reversed,
    which plays filling backwards, when the cfg has ED after ES: attribute `reversed` is 1 then.
    Coordinates: frame, its index in the file, and mask_interpolated, whether nobody drew its mask.
    Attributes: ed_frame, es_frame; sex, age [years], image_quality, ejection_fraction [%] and
    volumes [ml] as far as stated; mesh_source; mesh_is_truth, 0. Raises InputError.
    """
    info = read_cfg(cfg)
    path = next((cfg.with_name(name) for name in names if cfg.with_name(name).exists()), None)
    if path is None:
        raise InputError(cfg.parent, "file", f"holds no {names[0]}", AGAIN)
    pixels, spacing = read_volume(path)
    if not (PIXEL_MM[0] < min(spacing) and max(spacing) < PIXEL_MM[1]):
        problem = f"of {spacing[0]:.4g} x {spacing[1]:.4g} mm a pixel is implausible or not stated"
        remedy = "it may be {} to {} mm and is never guessed: ".format(*PIXEL_MM) + AGAIN
        raise InputError(path, "spacing", problem, remedy)
    key, rate = _key_frames(info, cfg, pixels.shape, whole_beat), _rate(info, cfg, frame_rate)
    order = np.arange(len(pixels))
    if key[0] > key[1]:
        log.warning("%s: ED after ES: frames are reversed, so filling plays backwards", cfg)
        order = order[::-1]
    ds = _recording(
        _grey(pixels, path)[order],
        np.arange(len(pixels)) / rate,
        spacing,
        path,
        frame_rate=rate,
        licence=LICENCE,
        reversed=int(key[0] > key[1]),
        cycle="ED to ED" if whole_beat else "ED to ES",
        sex=info.get("sex"),
        age=number(info, "Age"),
        image_quality=info.get("imagequality"),
        ejection_fraction=number(info, "EF") or number(info, "LVef"),
        end_diastolic_volume=number(info, "LVedv"),
        end_systolic_volume=number(info, "LVesv"),
        **attrs,
    )
    shown = np.searchsorted(ds.frame, np.argsort(order)[key], side="right") - 1
    ds.attrs |= {"ed_frame": int(shown[0]), "es_frame": int(shown[1])}
    ds = ds.assign_coords(frame=ds.frame.copy(data=order[ds.frame]))

    masks = path.with_name(re.sub(r"\.(nii\.gz|nii|mhd)$", r"_gt.\1", path.name))
    if not masks.exists():
        log.warning("%s: no masks (%s), so there is no mesh", cfg, masks.name)
        return ds.assign_attrs(mesh_source="none: no masks lie beside the clip")
    ds = _labelled(ds, _labels(masks, pixels.shape, spacing), spacing, masks)
    drawn = whole_beat | np.isin(ds.frame, key)
    ds = ds.assign_coords(mask_interpolated=("time", ~drawn))
    ds.attrs |= {"mesh_source": f"masks in {masks.name}, equal arc lengths", "mesh_is_truth": 0}
    return with_mesh(ds, where=masks)


def _labelled(
    ds: xr.Dataset, labels: np.ndarray, spacing: tuple[float, float], masks: Path
) -> xr.Dataset:
    """The recording with the labels (frames, row, column) of the file's pixels in its sector."""
    row, column = (
        np.rint(ds[axis].values / (1e-3 * step) + ds.attrs[f"origin_{name}"]).astype(int)
        for axis, step, name in zip("zx", spacing, ("row", "column"), strict=True)
    )
    seen = np.zeros(labels.shape[1:], bool)
    seen[np.ix_(row, column)] = ds.sector
    beyond = (labels[:, ~seen] > 0).sum() / max((labels > 0).sum(), 1)
    if beyond > OUTSIDE:
        problem = f"{beyond:.0%} of the masks lie outside the picture's sector"
        remedy = "check that they are of this clip, and not turned"
        raise InputError(masks, "labels", problem, remedy)
    return ds.assign(labels=(("time", "z", "x"), labels[np.ix_(ds.frame.values, row, column)]))


def _key_frames(
    info: dict[str, str], cfg: Path, shape: tuple[int, ...], whole_beat: bool
) -> np.ndarray:
    """ED and ES, counted from 0, in a file of this shape (time, row, column).

    A whole beat ends at ED as it begins there, so that its ED may be stated as its last frame.
    """
    count = _integer(info, "NbFrame", cfg)
    if shape[0] != count:
        turned = ": the axes are exchanged" if count in shape else ""
        problem = f"is {count}, but the images have {shape[0]} frames{turned}"
        raise InputError(cfg, "NbFrame", problem, AGAIN)
    ed, es = (_integer(info, name, cfg) for name in ("ED", "ES"))
    if not (1 <= ed <= count and 1 <= es <= count and ed != es):
        problem = f"are {ed} and {es} of {count} frames"
        raise InputError(cfg, "ED, ES", problem, f"state two different ones of 1 to {count}")
    if whole_beat and ed == count:
        ed = 1
    if whole_beat and ed > es:
        problem = f"are {ed} and {es} of {count} frames of a whole beat"
        raise InputError(cfg, "ED, ES", problem, "state the end-diastole with which it begins")
    return np.array([ed - 1, es - 1])


def _rate(info: dict[str, str], cfg: Path, given: float | None) -> float:
    stated = number(info, "FrameRate")
    rate = stated if stated is not None and stated > 0 else given
    if rate is None:
        problem = "is not stated, and times are never guessed"
        problem = problem if stated is None else f"is {stated}"
        raise InputError(cfg, "FrameRate", problem, "give --frame-rate in frames a second")
    if not (np.isfinite(rate) and rate > 0):
        raise InputError(cfg, "FrameRate", f"is {rate}", "give a positive number of Hz")
    return rate


def read_cfg(path: Path) -> dict[str, str]:
    """Lines "Key: value" of a cfg, keys in lower case; anything else in it is passed over."""
    pairs = (re.split(r"[:=]", line, maxsplit=1) for line in _text(path).splitlines())
    values = {p[0].strip().lower(): p[1].strip() for p in pairs if len(p) == 2}
    return {name: value for name, value in values.items() if value}


def number(info: dict[str, str], name: str) -> float | None:
    """A finite number of a cfg; None if it is not stated or no number."""
    try:
        value = float(info[name.lower()].replace(",", "."))
    except (KeyError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _integer(info: dict[str, str], name: str, cfg: Path) -> int:
    value = number(info, name)
    if value is None or value != int(value):
        problem = f"is {info[name.lower()]!r}" if name.lower() in info else "is not stated"
        raise InputError(cfg, name, problem, f"state it as {name}: a whole number, or {AGAIN}")
    return int(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(path, "file", f"cannot be read ({error.strerror})", AGAIN) from error


def _grey(pixels: np.ndarray, path: Path) -> np.ndarray:
    low, high = pixels.min(), pixels.max()
    if not (np.isfinite(pixels).all() and 0 <= low and 1 < high <= 255):
        problem = f"run from {low:.4g} to {high:.4g}"
        raise InputError(path, "grey levels", problem, "give them as 0 (black) to 255")
    return np.rint(pixels).astype(np.uint8)


def _labels(path: Path, shape: tuple[int, ...], spacing: tuple[float, float]) -> np.ndarray:
    """Masks (time, row, column) uint8 that fit a picture of this shape and spacing."""
    labels, own = read_volume(path)
    if labels.shape != shape:
        problem = f"are {labels.shape}, the picture's (time, row, column) {shape}"
        raise InputError(path, "axes", problem, AGAIN)
    if own != (1, 1) and not np.allclose(own, spacing, rtol=0.01):
        problem = f"is {own[0]:.4g} x {own[1]:.4g} mm, the picture's {spacing[0]:.4g} x "
        raise InputError(path, "spacing", problem + f"{spacing[1]:.4g} mm", AGAIN)
    known = np.isin(labels, (0, 1, 2, 3))
    if not known.all():
        frame = int(np.argmin(known.all((1, 2))))
        problem = f"of frame {frame} hold {labels[~known][0]}"
        remedy = "keep to 0 background, 1 cavity, 2 myocardium, 3 atrium"
        raise InputError(path, "labels", problem, remedy)
    row, column = np.nonzero((labels == 1).any(axis=0))
    if row.size and column.std() * spacing[1] > LYING * row.std() * spacing[0]:
        problem = "show a ventricle that lies on its side"
        raise InputError(path, "labels", problem, "write them as the picture: width, height, time")
    return labels.astype(np.uint8)


def _recording(
    grey: np.ndarray, time: np.ndarray, spacing: tuple[float, float], path: Path, **attrs: Any
) -> xr.Dataset:
    """`sector.to_recording`, whose message says so if the picture is turned."""
    try:
        return to_recording(grey, time, spacing, path, **attrs)
    except InputError as error:
        if error.field != "sector":
            raise
        aspect = spacing[1] / spacing[0]
        for turns, how in ((1, "on its side"), (2, "upside down"), (3, "on its side")):
            try:
                find_sector(np.rot90(grey, turns, (1, 2)), aspect if turns == 2 else 1 / aspect)
            except InputError:
                continue
            problem = f"the picture lies {how}: its sector opens elsewhere than down"
            remedy = "write it with the axes width, height, time, the apex at the top"
            raise InputError(path, "axes", problem, remedy) from error
        raise

"""Read TED: 98 apical four-chamber clips of CAMUS patients with masks over the whole beat.

TED numbers its cases anew {Painchaud 2022}: TED 001 is not CAMUS 0001, though it is some patient of
CAMUS. Sets for training and testing stay apart only if both are named alike, so a table of both
numbers is read where the user has put one: ted2camus.csv beside the patients' folders, with
the columns ted and camus.
"""

import csv
import logging
import re
from pathlib import Path

import xarray as xr

from tas_lib.errors import InputError
from tas_lib.readers import camus

log = logging.getLogger(__name__)

NAME = re.compile(r"(patient\d+)_4ch_info\.cfg", re.IGNORECASE)
MAPPING = "ted2camus.csv"
CITATION = f"Painchaud et al. 2022, doi 10.1109/TMI.2022.3173669; {camus.CITATION}"
CASES = {"ted": 98, "camus": 500}  # how many there are, numbered from 1


def read(path: str | Path, *, frame_rate: float | None = None) -> xr.Dataset:
    """Read one case, .../patientNNN/patientNNN_4CH_info.cfg: a recording of the whole beat.

    frame_rate [Hz]: needed where the cfg states none, as TED's cfgs seem to do. The attribute
    patient is the CAMUS number if ted2camus.csv knows it, else "TED 001", which may be any CAMUS
    patient (see `may_be_same`). The rest: see `camus.read_view`.
    """
    path = Path(path)
    name = NAME.fullmatch(path.name)
    if not name:
        remedy = "give a case's patient001_4CH_info.cfg"
        raise InputError(path, "file", "is not named as in TED", remedy)
    stem = name[1]
    number = camus.patient_number(stem, path)
    mapping = path.resolve().parent.parent / MAPPING
    patient = camus_patient(number, mapping) if mapping.exists() else None
    if patient is None:
        log.warning("%s: CAMUS number unknown: it may be any patient of CAMUS", path)
    return camus.read_view(
        path,
        (f"{stem}_4CH_sequence.mhd",),
        frame_rate,
        whole_beat=True,
        view="A4C",
        patient=patient or f"TED {number:03d}",
        data_set=f"TED {number:03d}",
        citation=CITATION,
    )


def camus_patient(ted: int, mapping: str | Path) -> str | None:
    """The CAMUS patient ("CAMUS 0002") of a TED case by a table (csv); None if it is not listed.

    Raises InputError: no such file, other columns than ted and camus, no numbers, a case or a
    patient listed twice.
    """
    try:
        with Path(mapping).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(mapping, "file", f"cannot be read ({error})", "give a csv") from error
    known: dict[str, list[int]] = {name: [] for name in CASES}
    for line, row in enumerate(rows, 2):
        for name, numbers in known.items():
            text = row.get(name)
            match = re.fullmatch(r"(?:patient)?(\d{1,9})", (text or "").strip(), re.IGNORECASE)
            if not match or not 1 <= int(match[1]) <= CASES[name]:
                problem = f"{text!r} in line {line} is not a number of 1 to {CASES[name]}"
                remedy = "write a first line 'ted,camus', then both numbers of one patient a line"
                raise InputError(mapping, name, problem, remedy)
            if int(match[1]) in numbers:
                problem = f"{match[1]} is listed again in line {line}"
                raise InputError(mapping, name, problem, "leave one of the lines out")
            numbers.append(int(match[1]))
    pairs = dict(zip(known["ted"], known["camus"], strict=True))
    return f"CAMUS {pairs[ted]:04d}" if ted in pairs else None


def may_be_same(a: str, b: str) -> bool:
    """Whether two recordings' attributes `patient` may mean one person.

    Keep such recordings in the same split. A TED case without a CAMUS number may be anybody in
    CAMUS, so with such a case on one side no CAMUS patient can be on the other.
    """
    return a == b or {a.partition(" ")[0], b.partition(" ")[0]} == {"CAMUS", "TED"}

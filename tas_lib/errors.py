"""One error for all that a user can put right: it names where, field, problem and remedy."""

import errno
import math
from collections.abc import Collection

MOST = 2**28  # numbers in a clip: larger ones, which could fill the memory, are refused


class InputError(ValueError):
    """Bad input: the message reads ``where: field: problem; remedy``."""

    def __init__(self, where: object, field: str, problem: str, remedy: str):
        self.where, self.field, self.problem, self.remedy = str(where), field, problem, remedy
        super().__init__(f"{where}: {field}: {problem}; {remedy}")

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        return InputError, (self.where, self.field, self.problem, self.remedy)


def unwritable(path: object, error: OSError) -> InputError:
    """The InputError of a file that could not be written."""
    remedy = "free some room or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        remedy = "choose another folder"
    if error.errno == errno.EISDIR:
        remedy = "name a file in it"
    return InputError(path, "file", f"cannot be written ({error.strerror or error})", remedy)


def check_size(where: object, shape: tuple[int, ...]) -> None:
    """Raise an InputError where an array of that shape has more than MOST numbers."""
    if math.prod(shape) > MOST:
        problem = f"is {' x '.join(map(str, shape))}, more than {MOST} numbers"
        raise InputError(where, "size", problem, "cut or shrink the clip")


def check_positive(where: str, thing: object, *fields: str) -> None:
    """Raise an InputError where one of these fields is no positive number."""
    for field in fields:
        value = getattr(thing, field)
        if not (math.isfinite(value) and value > 0):
            raise InputError(where, field, f"is {value}", "give a positive number in SI units")


def check_choice(where: str, field: str, value: str, known: Collection[str]) -> None:
    """Raise an InputError where a value is none of those known."""
    if value not in known:
        remedy = f"choose one of {', '.join(known)}"
        raise InputError(where, field, f"{value!r} is unknown", remedy)

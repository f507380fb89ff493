"""One error for all that a user can put right: it names where, field, problem and remedy."""


class InputError(ValueError):
    """Bad input: the message reads ``where: field: problem; remedy``."""

    def __init__(self, where: object, field: str, problem: str, remedy: str):
        self.where, self.field, self.problem, self.remedy = str(where), field, problem, remedy
        super().__init__(f"{where}: {field}: {problem}; {remedy}")

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        return InputError, (self.where, self.field, self.problem, self.remedy)

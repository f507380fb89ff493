"""How tests ask for an error that names file and field, and says what would be right."""

import re

import pytest

from tas_lib.errors import InputError


def refuses(call, where, field, *words):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert re.search(rf"{re.escape(where)}: (?:{field}): .+; .+", message, re.DOTALL), message
    assert all(word in message for word in words), message

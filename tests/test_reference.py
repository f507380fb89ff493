"""The book's reference: all that it names is there and documented, and reads as it was written."""

import importlib
import inspect
import re
from dataclasses import dataclass

import pytest
from docutils.core import publish_doctree
from extensions import REPO, extension

reference = extension("reference")
PAGE = (REPO / "book/api.md").read_text()
NAMES = re.findall(r"^\.\. auto\w+:: (\S+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_names_is_documented(name):
    module, _, last = name.rpartition(".")
    thing = getattr(importlib.import_module(module), last)
    assert inspect.getdoc(thing), name
    assert not last.startswith("_")


def test_nothing_is_named_twice():
    assert len(NAMES) == len(set(NAMES)) > 40


def test_a_docstring_reads_as_it_was_written():
    text = """First |I/Q|^2 of `some_name`s, *all* (T, l, r).

    name_: a\\b, see
    the second line.

        C~ = C + alpha * C_sim
    """
    tree = publish_doctree(reference.plain(text), settings_overrides={"report_level": 1})
    first, second, formula = tree.children
    assert first.astext() == "First |I/Q|^2 of some_names, *all* (T, l, r)."
    assert second.astext() == "name_: a\\b, see the second line."
    assert formula.tagname == "literal_block" and formula.astext() == "C~ = C + alpha * C_sim"
    assert not list(tree.findall(lambda node: node.tagname == "system_message"))


def test_fields_of_a_dataclass_are_told_with_their_units():
    @dataclass
    class Probe:
        pitch: float = 0.3e-3  # [m]
        name: str = "P"

    assert reference.fields(Probe) == ["* ``pitch``: [m]"]

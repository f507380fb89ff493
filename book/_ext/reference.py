"""Docstrings are plain text; the reference of `book/api.md` shows them as they are meant."""

import dataclasses
import inspect
import re
import textwrap


def plain(text: str) -> str:
    """A docstring as reStructuredText: its paragraphs, `code` as code, indented lines as they are.

    Nothing else in it is markup: signs that would be are escaped.
    """
    blocks = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if block.startswith("    "):
            blocks.append("::\n\n" + block)
            continue
        parts = re.split(r"`+([^`]+)`+", " ".join(block.split()))
        words = [re.sub(r"([\\*|_])", r"\\\1", part) for part in parts]
        words[1::2] = [f"\\ ``{part}``\\ " for part in parts[1::2]]  # whatever stands beside it
        blocks.append("".join(words))
    return "\n\n".join(blocks)


def fields(thing: type) -> list[str]:
    """Of a dataclass or named tuple those whose line ends in a comment: what each is, its unit."""
    source = textwrap.dedent(inspect.getsource(thing))
    known = (
        {field.name for field in dataclasses.fields(thing)}
        if dataclasses.is_dataclass(thing)
        else thing._fields
    )
    found = re.findall(r"^    (\w+): [^#\n]+# (.+)$", source, re.MULTILINE)
    return [f"* ``{name}``: {plain(comment)}" for name, comment in found if name in known]


def process(app, what: str, name: str, thing, options, lines: list[str]) -> None:
    text = plain("\n".join(lines))
    if what == "class" and (dataclasses.is_dataclass(thing) or hasattr(thing, "_fields")):
        text += "\n\n" + "\n".join(fields(thing))
    lines[:] = text.splitlines()


def setup(app) -> dict:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", process)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""The house on its page, computed: layers of CONTRIBUTING.md, imports, dependencies, coverage."""

import ast
import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

import tas_lib

LIBRARY = Path(tas_lib.__file__).parent
REPO = LIBRARY.parent
LINE = 92  # characters of module names in a line of the picture


@dataclass(frozen=True)
class Layer:
    """A row of the table: what it is for, and the modules and packages in it."""

    what: str
    parts: tuple[str, ...]


def layers() -> list[Layer]:
    """From the top to the ground."""
    text = (REPO / "CONTRIBUTING.md").read_text().split("Modules import one way")[1]
    rows = re.findall(r"^\| (`.*) \| (.+) \|$", text, re.MULTILINE)
    return [Layer(what, tuple(re.findall(r"`(\w+)/?`", parts))) for parts, what in rows]


def files(part: str) -> list[Path]:
    """The files of a module or package of the library."""
    return sorted((LIBRARY / part).rglob("*.py")) or [LIBRARY / f"{part}.py"]


def name(path: Path) -> str:
    """`simulator.operator`, or `simulator` of its `__init__.py`."""
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All that runs: without what is there for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from _statements(child)


def imports() -> dict[str, set[str]]:
    """What each module imports of the library, also inside its functions."""
    paths = {name(path): path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY}
    paths |= {path.stem: path for path in LIBRARY.glob("*.py") if path.stem != "__init__"}
    found: dict[str, set[str]] = {module: set() for module in paths}
    for module, path in paths.items():
        for node in _statements(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                base = node.module or ""
                full = [f"{base}.{alias.name}" for alias in node.names]
                wanted = [one if one[8:] in paths else base for one in full]
            elif isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            else:
                continue
            found[module] |= {one[8:] for one in wanted if one.startswith("tas_lib.")} - {module}
    return found


def between(rows: list[Layer], graph: dict[str, set[str]]) -> Counter[tuple[int, int]]:
    """How many imports lead from one layer to another."""
    place = {part: i for i, row in enumerate(rows) for part in row.parts}
    pairs = [(a.split(".")[0], b.split(".")[0]) for a, wanted in graph.items() for b in wanted]
    return Counter((place[a], place[b]) for a, b in pairs)


def size(row: Layer) -> tuple[int, int]:
    """Modules and lines of a layer."""
    paths = [path for part in row.parts for path in files(part)]
    return len(paths), sum(len(path.read_text().splitlines()) for path in paths)


def picture(rows: list[Layer], counts: Counter[tuple[int, int]]):
    """The layers as boxes, from the top down, and beside them the imports as arrows."""
    import matplotlib.pyplot as plt

    texts = [textwrap.wrap(", ".join(row.parts), LINE) for row in rows]
    heights = [1.6 + len(text) for text in texts]
    total = sum(heights) + 0.5 * len(rows)
    figure, ax = plt.subplots(figsize=(8.5, 0.22 * total))
    colours = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    ax.set(xlim=(0, 118), ylim=(-total, 0))
    ax.axis("off")
    middle, top = [], 0.0
    for i, (row, text, height) in enumerate(zip(rows, texts, heights, strict=True)):
        colour = colours[i % len(colours)]
        ax.add_patch(plt.Rectangle((0, top - height), 88, height, color=colour, alpha=0.16, lw=0))
        ax.add_patch(plt.Rectangle((0, top - height), 0.8, height, color=colour, lw=0))
        modules, lines = size(row)
        ax.text(2, top - 0.9, row.what, va="center", size=9, weight="bold")
        ax.text(
            87, top - 0.9, f"{modules} modules, {lines:,} lines", va="center", ha="right", size=8
        )
        for k, words in enumerate(text):
            ax.text(2, top - 1.95 - k, words, va="center", size=8)
        middle.append(top - height / 2)
        top -= height + 0.5
    for (a, b), count in sorted(counts.items()):
        if a == b:
            continue
        bend = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={-0.25 - 0.05 * abs(b - a)}"}
        style = {"color": colours[a % len(colours)], "lw": 0.4 + count**0.5 / 3, "shrinkA": 0}
        start, end = (88.5, middle[a] - 0.4), (88.5, middle[b] + 0.4)
        ax.annotate("", end, start, arrowprops=bend | style | {"shrinkB": 0, "mutation_scale": 8})
    return figure


def inline(text: str) -> list[nodes.Node]:
    """A docstring's words, `code` as code."""
    parts = re.split(r"`([^`]+)`", " ".join(text.split()))
    return [nodes.literal(p, p) if i % 2 else nodes.Text(p) for i, p in enumerate(parts) if p]


def show_house() -> list[nodes.Node]:
    from tas_lib.book import themed

    rows, graph = layers(), imports()
    counts = between(rows, graph)
    across = sum(n for (a, b), n in counts.items() if a != b)
    up = sum(n for (a, b), n in counts.items() if a > b)
    told = "; ".join(f"{row.what}: {size(row)[0]} modules" for row in rows)
    html = themed(lambda: picture(rows, counts), f"The layers of tas_lib, top to ground. {told}.")
    caption = (
        f"{len(graph)} modules, {sum(size(row)[1] for row in rows):,} lines. "
        f"Arrows are imports between layers, {across} in all, {up or 'none'} of them upwards; the "
        "more imports, the thicker the arrow. Drawn from the source, with this page."
    )
    return [nodes.raw("", html.data, format="html"), nodes.paragraph("", caption)]


def show_modules() -> list[nodes.Node]:
    """Each layer's modules with the first sentence of what they say of themselves."""
    shown: list[nodes.Node] = []
    for row in layers():
        listed = nodes.bullet_list()
        for path in [path for part in row.parts for path in files(part)]:
            text = ast.get_docstring(ast.parse(path.read_text())) or ""
            words = [
                nodes.literal("", name(path)),
                nodes.Text(": "),
                *inline(text.split("\n\n")[0]),
            ]
            listed += nodes.list_item("", nodes.paragraph("", "", *words))
        title = nodes.strong("", row.what[0].upper() + row.what[1:])
        shown += [nodes.paragraph("", "", title), listed]
    return shown


def dependencies() -> dict[str, dict[str, str]]:
    """Why each package is needed, by the group that brings it; from the comments of its list."""
    groups: dict[str, dict[str, str]] = {}
    group = None
    for line in (REPO / "pyproject.toml").read_text().splitlines():
        if begun := re.match(r"(\w+) = \[", line):
            group = begun[1]
        elif line.startswith("]"):
            group = None
        elif group and (entry := re.match(r' +"([\w.-]+(?:\[\w+\])?)[^"]*",(?: # (.+))?$', line)):
            groups.setdefault(group, {})[entry[1]] = entry[2] or ""
    return {key: groups[key] for key in ("dependencies", "book", "lab", "compare", "dev")}


TITLES = {
    "dependencies": "The library",
    "book": "This book",
    "lab": "JupyterLab, for `make lab`",
    "compare": "Another simulator, to compare",
    "dev": "Tests",
}


def show_dependencies() -> list[nodes.Node]:
    shown: list[nodes.Node] = []
    for group, packages in dependencies().items():
        listed = nodes.bullet_list()
        for package, why in packages.items():
            words = [nodes.literal("", package), nodes.Text(": "), *inline(why)]
            listed += nodes.list_item("", nodes.paragraph("", "", *words))
        shown += [nodes.paragraph("", "", nodes.strong("", "", *inline(TITLES[group]))), listed]
    return shown


def show_coverage() -> list[nodes.Node]:
    """The share of the library's lines that the fast tests run, if it was measured."""
    path = REPO / "book" / "coverage.json"
    if not path.is_file():
        return [nodes.paragraph("", "", *inline("`make coverage` measures it."))]
    made = json.loads(path.read_text())
    text = (
        f"The fast tests run {made['percent']:.0f} % of the library's {made['statements']:,} "
        f"statements (`{made['command']}`, commit {made['commit']}, {made['date']}, "
        f"{made['device']}); what runs only in processes of its own is not counted."
    )
    return [nodes.paragraph("", "", *inline(text))]


def setup(app) -> dict:
    shown = show_house, show_modules, show_dependencies, show_coverage
    for show in shown:
        run = {"run": lambda self, show=show: show()}
        app.add_directive(show.__name__.replace("_", "-"), type("Shown", (Directive,), run))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

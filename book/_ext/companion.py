"""Small repairs to the pages that Jupyter Book makes of executed notebooks; their buttons."""

import json
import re
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def show_address(app, config) -> None:
    """Buttons to the repository and to Binder where the book has a public address, else none."""
    options = config.html_theme_options
    url = options.get("repository_url", "").rstrip("/")
    for name in ("use_repository_button", "use_edit_page_button", "use_issues_button"):
        options[name] = bool(url)
    options["launch_buttons"] = {
        **options.get("launch_buttons", {}),
        "binderhub_url": "https://mybinder.org" if url else "",
    }
    if github := re.fullmatch(r"https://github\.com/([^/]+)/([^/]+)", url):
        config.html_baseurl = f"https://{github[1].lower()}.github.io/{github[2]}/"


def fold_parameters(app, docname: str, source: list[str]) -> None:
    """Show parameters with the values that ran, not their defaults: in the cell of imports,
    which follows, under its one bar, or in the next that is shown.
    """
    if not docname.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    cells = notebook["cells"]
    tags = [set(cell["metadata"].get("tags", [])) for cell in cells]
    defaults, ran = (
        [k for k, tagged in enumerate(tags) if name in tagged]
        for name in ("parameters", "injected-parameters")
    )
    if not ran:
        return
    words = [with_values(*("".join(cells[k]["source"]) for k in (*defaults, *ran))), "\n\n"]
    for cell, tagged in zip(cells[ran[0] + 1 :], tags[ran[0] + 1 :], strict=True):
        if cell["cell_type"] == "code" and "remove-cell" not in tagged:
            cell["source"] = [*words, *cell["source"]]
            break
    notebook["cells"] = [cell for k, cell in enumerate(cells) if k not in {*defaults, *ran}]
    source[0] = json.dumps(notebook)


def with_values(defaults: str, ran: str) -> str:
    """The text of a cell of parameters, with values of the one that papermill put behind it."""
    values = dict(re.findall(r"^(\w+) = (.+)$", ran, re.MULTILINE))
    for name, value in values.items():
        line = rf"^({name} = ).+?(  #.*)?$"
        defaults = re.sub(line, lambda m, v=value: f"{m[1]}{v}{m[2] or ''}", defaults, flags=re.M)
    return defaults


def repair_page(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Drop scripts that the theme adds for nothing; point edit links at the notebook's text; make
    the entries of a list of references items of that list, which Sphinx's own role is not.

    The theme adds its inline scripts twice: the second `const THEBE_JS_URL` is a SyntaxError in
    each page's console. Live code (Thebe) would need a network and is not offered at all.
    """
    seen, scripts = set(), []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        name = str(getattr(script, "filename", script))
        if "thebe" in name or (body and ("THEBE" in body or "thebe" in body or body in seen)):
            continue
        seen.add(body)
        scripts.append(script)
    context["script_files"] = scripts

    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')

    if (REPO / f"{pagename}.py").is_file():
        for group in context.get("header_buttons", []):
            for button in [group, *group.get("buttons", [])]:
                if "/edit/" in button.get("url", ""):
                    button["url"] = button["url"].replace(f"{pagename}.ipynb", f"{pagename}.py")


def setup(app) -> dict:
    app.connect("config-inited", show_address)
    app.connect("source-read", fold_parameters)
    app.connect("html-page-context", repair_page, priority=900)  # after the theme's own
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

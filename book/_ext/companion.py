"""Small repairs to the pages that Jupyter Book makes of executed, text-based notebooks."""

import json
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def hide_parameters(app, docname: str, source: list[str]) -> None:
    """Leave out the cell in which papermill repeats the parameters: a page states its profile."""
    if not docname.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags:
            tags.append("remove-cell")
    source[0] = json.dumps(notebook)


def repair_page(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Drop scripts that the theme adds for nothing; point edit links at the notebook's text.

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

    if (REPO / f"{pagename}.py").is_file():
        for group in context.get("header_buttons", []):
            for button in [group, *group.get("buttons", [])]:
                if "/edit/" in button.get("url", ""):
                    button["url"] = button["url"].replace(f"{pagename}.ipynb", f"{pagename}.py")


def setup(app) -> dict:
    app.connect("source-read", hide_parameters)
    app.connect("html-page-context", repair_page, priority=900)  # after the theme's own
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

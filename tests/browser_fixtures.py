"""Chromium for tests of pages: what it shows, and what it complains of or asks the network for."""

import shutil

import pytest

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FRAME = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>block</title></head><body><main><h1>block</h1>{}</main></body></html>"""


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, without a window."""
    names = "chromium", "chromium-browser", "google-chrome"
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """A function: opens an address (options as of a Playwright context) -> the page.

    In the end the page must have logged no error and asked for nothing but its own site.
    """
    contexts, problems = [], []

    def go(address: str, **options):
        context = chromium.new_context(**{"viewport": {"width": 1000, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        site = address.split("/", 3)[:3]

        def ask(request):
            if (
                not request.url.startswith(("data:", "blob:"))
                and request.url.split("/", 3)[:3] != site
            ):
                problems.append(f"asks for {request.url}")

        page.on("request", ask)
        page.on("response", lambda r: r.ok or problems.append(f"{r.status} for {r.url}"))
        page.on("console", lambda m: m.type == "error" and problems.append(f"logs {m.text}"))
        page.on("pageerror", lambda error: problems.append(f"fails: {error}"))
        page.goto(address)
        return page

    yield go
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture
def show(visit, tmp_path):
    """A function: opens a page that holds one block; `part` of its address comes after the #."""

    def go(block, part="", **options):
        path = tmp_path / "block.html"
        path.write_text(FRAME.format(block.data), "utf-8")
        return visit(f"{path.as_uri()}#{part}", **options)

    return go


def look(page, name):
    """What a canvas shows."""
    return page.locator(f"[data-{name}]").first.evaluate("canvas => canvas.toDataURL()")

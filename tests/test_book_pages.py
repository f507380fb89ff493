"""Every page of the built book in Chromium: nothing fails, nothing is fetched, all can read it."""

import re
from functools import cache, partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
import yaml

pytestmark = pytest.mark.built

REPO = Path(__file__).resolve().parents[1]
HTML = REPO / "_build" / "html"
TOC = yaml.safe_load((REPO / "_toc.yml").read_text())
PAGES = [TOC["root"], *(page["file"] for part in TOC["parts"] for page in part["chapters"])]


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    """The book's address on a web server."""
    assert (HTML / "index.html").is_file(), "the book is not built: run `make book` first"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=HTML)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def settled(page):
    """The page after its scripts and formulas are done."""
    page.evaluate("window.MathJax?.startup?.promise")
    return page


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_from_the_disk(name, visit):
    page = settled(visit(f"{HTML.as_uri()}/{name}.html"))
    assert page.title() and page.locator(".bd-article h1").count() == 1


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_for_everybody(name, look, visit, site):
    """No serious fault by axe-core, wide and light, narrow and dark; a phone shows it whole."""
    from axe_playwright_python.sync_playwright import Axe

    width = {"light": 1300, "dark": 420}[look]
    size = {"width": width, "height": 900}
    page = settled(visit(f"{site}/{name}.html", viewport=size, color_scheme=look))
    found = (
        Axe()
        .run(page, options={"resultTypes": ["violations"], "preload": False})
        .response["violations"]
    )
    faults = [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert not faults
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.locator("canvas, img.only-light, img.only-dark, figure img")
    for k in range(drawn.count()):
        about = drawn.nth(k)
        assert about.get_attribute("alt") or about.get_attribute("aria-label")


@cache
def links(path):
    """Targets of a page's links, and the names that links may point to in it."""
    text = path.read_text()
    found = re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', text)
    return [unescape(link) for link in found], set(re.findall(r'\bid="([^"]+)"', text))


@pytest.mark.parametrize("name", PAGES)
def test_no_link_is_dead(name):
    """Pages and places within the book are there; while it has no address, nothing asks for one."""
    page = HTML / f"{name}.html"
    address = yaml.safe_load((REPO / "_config.yml").read_text())["repository"]["url"]
    for link in links(page)[0]:
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("https", "mailto", "data"), link
            assert address or not re.search("mybinder|/edit/|/issues/new", link), link
            continue
        target = page.parent / unquote(parts.path) if parts.path else page
        assert link and target.is_file(), link
        assert not parts.fragment or unquote(parts.fragment) in links(target)[1], link

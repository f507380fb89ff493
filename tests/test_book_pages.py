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
DRAWN = "api", "how_it_is_built", "00_laboratory", "02_points", "00_be_the_tracker", "07_scorecard"
LOOKS = "color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"


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


def check(page, **options):
    """No serious fault by axe-core; the page is not wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    options |= {"resultTypes": ["violations"], "preload": False}
    faults = [
        f"{fault['id']}: {node['html']}"
        for fault in Axe().run(page, options=options).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert not faults
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_for_everybody(name, visit):
    """From the disk, wide and light."""
    size = {"width": 1300, "height": 900}
    page = settled(visit(f"{HTML.as_uri()}/{name}.html", viewport=size))
    check(page)
    assert page.title() and page.locator(".bd-article h1").count() == 1
    drawn = page.locator("canvas, img.only-light, img.only-dark, figure img")
    for k in range(drawn.count()):
        about = drawn.nth(k)
        assert about.get_attribute("alt") or about.get_attribute("aria-label")


@pytest.mark.parametrize(
    "name",
    [
        name if name.endswith((*DRAWN, "index")) else pytest.param(name, marks=pytest.mark.weekly)
        for name in PAGES
    ],
)
def test_page_is_for_phones_and_for_the_night(name, visit, site):
    """From a server, narrow and dark: what depends on colours and on room."""
    size = {"width": 420, "height": 900}
    page = settled(visit(f"{site}/{name}.html", viewport=size, color_scheme="dark"))
    check(page, runOnly=LOOKS)


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

"""Public clips: fetched whole, checked and told of, or refused; no test needs a network."""

import gc
import hashlib
import re
import threading
import warnings
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from refusals import refuses
from typer.testing import CliRunner

from tas_lib import cli, public_data

NAME, CONTENT = "echotracker-sample", b"a clip" * 1000


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The registry's clip, small, on a server of this machine; sets its fields anew."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    (tmp_path / "served/input.mp4").write_bytes(CONTENT)
    handler = partial(Silent, directory=tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def change(**fields):
            clip = replace(public_data.CLIPS[NAME], **fields)
            monkeypatch.setitem(public_data.CLIPS, NAME, clip)

        host = f"http://127.0.0.1:{server.server_port}"
        change(url=f"{host}/input.mp4", sha256=hashlib.sha256(CONTENT).hexdigest())
        yield change
        server.shutdown()


def test_a_clip_arrives_and_is_fetched_once(served, tmp_path):
    path = public_data.fetch(NAME, tmp_path / "out", progress=False)
    assert path == tmp_path / "out" / f"{NAME}.mp4" and path.read_bytes() == CONTENT
    served(url="http://127.0.0.1:9/gone")
    assert public_data.fetch(NAME, tmp_path / "out") == path


def test_another_content_is_refused_and_leaves_nothing(served, tmp_path):
    served(sha256="0" * 64)
    refuses(lambda: public_data.fetch(NAME, tmp_path / "out", False), "input.mp4", "SHA-256", "by")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/input.mp4", "missing.mp4"])
def test_no_network_and_no_such_file_say_what_to_do(served, tmp_path, address):
    url = public_data.CLIPS[NAME].url.replace("input.mp4", "missing.mp4")
    served(url=url if address == "missing.mp4" else address)
    out = tmp_path / "out"
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        refuses(lambda: public_data.fetch(NAME, out, False), ".mp4", "network", "by other means")
        gc.collect()  # requests leaves the connection of a refused file to the collector
    assert not list(out.iterdir())


def test_a_file_of_the_user_s_stays(served, tmp_path):
    path = tmp_path / f"{NAME}.mp4"
    path.write_text("mine")
    refuses(lambda: public_data.fetch(NAME, tmp_path), str(path), "file", "another file", "move")
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(served, tmp_path):
    (tmp_path / "out").write_text("no folder")
    out = tmp_path / "out"
    refuses(lambda: public_data.fetch(NAME, out, False), f"{NAME}.mp4", "file", "--out")


def test_the_command_shows_licence_source_and_file(served, tmp_path):
    words = ["data", NAME, "--out", str(tmp_path)]
    shown = CliRunner().invoke(cli.app, words).output
    clip = public_data.CLIPS[NAME]
    assert clip.licence in shown and clip.source in shown and f"{NAME}.mp4" in shown
    assert CliRunner().invoke(cli.app, [*words, "--quiet"]).output == ""


def test_the_command_lists_and_refuses_without_a_network(monkeypatch):
    monkeypatch.setattr(public_data, "fetch", None)
    assert NAME in CliRunner().invoke(cli.app, ["data"]).output
    refused = CliRunner().invoke(cli.app, ["data", "nobody"])
    assert refused.exit_code == 2 and f"choose one of {NAME}" in refused.output


def test_the_registry_pins_what_it_lists():
    for clip in public_data.CLIPS.values():
        assert clip.url.startswith("https://") and re.search(r"/[0-9a-f]{40}/", clip.url)
        assert re.fullmatch("[0-9a-f]{64}", clip.sha256)
        assert clip.licence and clip.source and clip.about

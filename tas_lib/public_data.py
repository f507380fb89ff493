"""Clips that others published, fetched when asked for and never before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tas_lib.errors import InputError, check_choice


@dataclass(frozen=True)
class Clip:
    """A public clip: its address at one commit, and all that must be known before it is used."""

    url: str
    sha256: str
    source: str
    licence: str
    about: str


CLIPS = {
    "echotracker-sample": Clip(
        url="https://raw.githubusercontent.com/riponazad/echotracker/"
        "76132a3ef165acc0f87ab702e3b2965dceb4fd24/data/input.mp4",
        sha256="2c9f07a782f78b7b4b2207feb631e208fc78299a11e4a1e1d4ff7d5d6effea76",
        source="https://github.com/riponazad/echotracker (Azad et al., MICCAI 2024)",
        licence="MIT, Copyright (c) 2024 Md Abulkalam Azad",
        about="apical four-chamber loop, 45 frames of 768 x 1024 at 20 a second, 1.8 MB; its "
        "authors state neither where it was recorded nor the size of a pixel",
    )
}


def clip(name: str) -> Clip:
    """What is known of a public clip. Raises InputError."""
    check_choice("data", "name", name, CLIPS)
    return CLIPS[name]


def fetch(name: str, folder: str | Path | None = None, progress: bool = True) -> Path:
    """The file of a public clip in `folder`, or in the user's cache; fetched if it isn't there.

    What arrives is checked by its SHA-256 and then put in its place whole. Raises InputError.
    """
    import pooch
    from requests.exceptions import RequestException

    wanted = clip(name)
    folder = Path(platformdirs.user_cache_dir("tas_lib"), "data") if folder is None else folder
    path = Path(folder, f"{name}.mp4")
    by_hand = f"or fetch it by other means and save it as {path}"
    try:
        if path.exists():
            if pooch.file_hash(str(path)) == wanted.sha256:
                return path
            problem = "exists already and is another file"
            raise InputError(path, "file", problem, "move it away or choose another folder")
        pooch.get_logger().setLevel("WARNING")
        pooch.retrieve(
            wanted.url,
            f"sha256:{wanted.sha256}",
            path.name,
            path.parent,
            downloader=pooch.HTTPDownloader(progressbar=progress),
        )
    except RequestException as error:
        problem = "can't be reached" if error.response is None else f"says {error.response.reason}"
        remedy = f"try again with a network, {by_hand}"
        raise InputError(wanted.url, "network", problem, remedy) from error
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise InputError(path, "file", problem, "choose another folder with --out") from error
    except InputError:
        raise
    except ValueError as error:
        problem = "is not that of the file that arrived, which was thrown away"
        raise InputError(wanted.url, "SHA-256", problem, f"try again, {by_hand}") from error
    return path

"""A hash of contents: `python key.py OUT WORD PATH...` rewrites OUT only when the hash changes.

Make compares dates; a key file turns "the content changed" into a newer date.
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path


def files(path: Path) -> list[Path]:
    """The file itself, or all files below a folder, without what Python caches there."""
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def key(word: str, paths: Iterable[str | Path]) -> str:
    """Hash of ``word`` and of the names and contents of ``paths``, in any order of the paths."""
    digest = hashlib.sha256(word.encode())
    for file in sorted({f for path in paths for f in files(Path(path))}):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"\0{file.as_posix()}\0{content}".encode())
    return digest.hexdigest()


def main(out: str, word: str, *paths: str) -> None:
    new, target = key(word, paths) + "\n", Path(out)
    if not target.exists() or target.read_text() != new:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(new)


if __name__ == "__main__":
    main(*sys.argv[1:])

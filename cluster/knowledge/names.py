"""What people may call a document: shown, compared and listed, and never used as a path of this machine."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from cluster.errors import Unprocessable

MOST_CHARS = 1024
# Control and formatting characters (those that turn the direction of writing among them), half characters, line separators.
DECEIVING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def checked(path: str) -> str:
    """``path`` in Unicode's composed form. Raises Unprocessable for one that is empty, too long, absolute, leads upwards, or could deceive
    a reader."""
    path = unicodedata.normalize("NFC", path.replace("\\", "/"))
    parts = path.split("/")
    if not path.strip() or len(path) > MOST_CHARS:
        raise _refused(path, f"must have 1 to {MOST_CHARS} characters")
    if any(unicodedata.category(letter) in DECEIVING for letter in path):
        raise _refused(path, "holds control or formatting characters")
    if path.startswith("/") or ".." in parts or "" in parts:
        raise _refused(path, "must be relative, without '..' and empty parts")
    return path


def distinct(paths: Sequence[str]) -> list[str]:
    """All checked. Raises Unprocessable when two are the same."""
    found = [checked(path) for path in paths]
    twice = next((path for number, path in enumerate(found) if path in found[:number]), None) if len(set(found)) < len(found) else None
    if twice is not None:
        raise _refused(twice, "is given twice in one upload")
    return found


def _refused(path: str, why: str) -> Unprocessable:
    return Unprocessable(f"The name {path[:100]!r} {why}; rename the file, or send it under another name.").about("files")

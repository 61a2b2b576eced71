"""What files and workspaces may be called."""

from __future__ import annotations

import re
import unicodedata
import uuid

from cluster.errors import BadInput
from cluster.knowledge.names import DECEIVING

MOST_CHARS = 1024
MOST_PARTS = 32
# Of one part, as file systems have it.
PART_BYTES = 255
WORKSPACE = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a path of a file in a workspace, in Unicode's composed form. Raises BadInput for one that is absolute, leads upwards,
    is too long, or could deceive a reader."""
    path = unicodedata.normalize("NFC", path).removeprefix("./")
    if not path.strip():
        raise BadInput("The path is empty; name a file, such as 'notes.md'.").about("path")
    if len(path) > MOST_CHARS:
        raise _refused(path, f"has more than {MOST_CHARS} characters")
    if any(unicodedata.category(letter) in DECEIVING for letter in path):
        raise _refused(path, "holds control or formatting characters")
    if path.startswith("/") or "\\" in path or (path[1:2] == ":" and path[:1].isalpha()):
        raise _refused(path, "is not relative to the workspace; write it as 'folder/name.txt'")
    parts = tuple(path.removesuffix("/").split("/"))
    if len(parts) > MOST_PARTS:
        raise _refused(path, f"has more than {MOST_PARTS} parts")
    for part in parts:
        _check(path, part)
    return parts


def folder_parts(path: str) -> tuple[str, ...]:
    """The same of a folder; the workspace itself is ``.``, or nothing."""
    return () if path.strip() in {"", ".", "./"} else parts_of(path)


def checked_workspace(name: str) -> str:
    """Raises BadInput for what no workspace is called."""
    if WORKSPACE.fullmatch(name) is None:
        raise BadInput(
            f"No workspace is called {name[:100]!r}; 1 to 100 lower-case letters, digits, '-' and '_', and first a letter or digit."
        ).about("name")
    return name


def run_workspace(run_id: uuid.UUID) -> str:
    """Of a run of a graph."""
    return f"run-{run_id}"


def conversation_workspace(conversation_id: uuid.UUID) -> str:
    """Of a conversation: for those who take part in it."""
    return f"conversation-{conversation_id}"


def user_workspace(user_id: uuid.UUID) -> str:
    """Of one person alone."""
    return f"user-{user_id}"


def _check(path: str, part: str) -> None:
    if part in {"", ".", ".."}:
        raise _refused(path, f"holds the part {part!r}; leave it out")
    if part != part.strip():
        raise _refused(path, "has a part that begins or ends with a space")
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        raise _refused(path, "is not Unicode") from None
    if size > PART_BYTES:
        raise _refused(path, f"has a part of more than {PART_BYTES} bytes")


def _refused(path: str, why: str) -> BadInput:
    return BadInput(f"The path {path[:100]!r} {why}.").about("path")

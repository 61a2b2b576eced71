"""Names that files, archives and e-mails give: shown to people and hashed to ids, never used as a path to write to."""

from __future__ import annotations

import re
import unicodedata
import uuid

# Of a UUID that is a hash of names (RFC 9562, version 5); a fixed number, so that ids are the same in every run.
MEMBERS = uuid.UUID("0c6c1f0e-5a1b-4f0e-9f59-6a1d6a3e7f21")
MOST_CHARS = 1024
DRIVE = re.compile(r"^[A-Za-z]:")


def shown(name: str) -> str:
    """The name without what could deceive a reader or break a log: control, formatting (bidirectional) and half characters."""
    clean = "".join("�" if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else letter for letter in name)
    return clean if len(clean) <= MOST_CHARS else clean[: MOST_CHARS - 1] + "…"


def refusal(name: str) -> str | None:
    """Why a file of this name in an archive is not taken, if so. Nothing is unpacked to disk; but who writes such names means harm."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts:
        return "Its name leads out of the archive."
    if parts[0] == "" or DRIVE.match(name):
        return "Its name is an absolute path."
    if "\0" in name:
        return "Its name holds a null character."
    return None if len(name) <= MOST_CHARS else f"Its name is longer than {MOST_CHARS} characters."


def member_id(document: str, path: str) -> str:
    """Id of a file within a document (a folder, an archive, an e-mail): the same in every run, in whatever order they are read."""
    # Names of files may hold bytes that are no characters, which Python keeps as half ones.
    return str(uuid.uuid5(MEMBERS, f"{len(document)}:{document}{path}".encode("utf-8", "backslashreplace").decode()))

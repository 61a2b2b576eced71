"""Passphrases come from a file: words of a command line are seen by everybody on the machine."""

from __future__ import annotations

from pathlib import Path

from cluster.errors import ConfigError
from cluster.stores.urls import OTHERS

SHORTEST = 12


def read_passphrase(file: Path | None) -> str | None:
    """The first line of ``file``. Raises ConfigError when it cannot be read, others can read it, or it is too short to protect anything."""
    if file is None:
        return None
    path = file.expanduser()
    try:
        mode, lines = path.stat().st_mode, path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        raise ConfigError(f"{path}: no passphrase can be read there; write one into it.") from None
    if mode & OTHERS:
        raise ConfigError(f"{path}: others can read it, and it holds a passphrase; `chmod 600 {path}`.")
    if not lines or len(lines[0]) < SHORTEST:
        raise ConfigError(f"{path}: the passphrase has to have {SHORTEST} characters at least; several words make a good one.")
    return lines[0]

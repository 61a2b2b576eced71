"""Texts of tests/data/guard, and what is expected of them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

DATA = Path(__file__).parents[2] / "data" / "guard"
_MARKED = re.compile(r"⟦(\w+)\|(.*?)⟧", re.DOTALL)


def texts(name: str) -> list[str]:
    """Of one file, each once."""
    found: list[str] = yaml.safe_load((DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    assert len(set(found)) == len(found)
    return found


def labelled(marked: str) -> tuple[str, set[tuple[str, int, int]]]:
    """The text without its marks, and the kinds and places that they name."""
    plain, at = "", 0
    expected: set[tuple[str, int, int]] = set()
    for mark in _MARKED.finditer(marked):
        plain += marked[at : mark.start()]
        expected.add((mark[1], len(plain), len(plain) + len(mark[2])))
        plain += mark[2]
        at = mark.end()
    return plain + marked[at:], expected

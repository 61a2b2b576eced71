"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``problem``: something the profile needs does not work. ``warning``: it works, less well or not everything."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. ``advice`` is what to do, empty when there is nothing to do."""

    check: str
    level: Level
    says: str
    advice: str = ""


def ok(check: str, says: str) -> Finding:
    return Finding(check, Level.OK, says)


def warning(check: str, says: str, advice: str) -> Finding:
    return Finding(check, Level.WARNING, says, advice)


def problem(check: str, says: str, advice: str) -> Finding:
    return Finding(check, Level.PROBLEM, says, advice)

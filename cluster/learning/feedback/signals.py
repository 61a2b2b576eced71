"""What feedback is about, and what it says."""

from __future__ import annotations

from enum import StrEnum


class TargetKind(StrEnum):
    """``run``: of a graph or an agent. ``hit``: a passage that a search found. ``extraction``: a relation that a text states."""

    MESSAGE = "message"
    RUN = "run"
    HIT = "hit"
    EXTRACTION = "extraction"


class Signal(StrEnum):
    """``thumb``: 1 or -1. ``stars``: 1 to 5. ``correction``: a better answer. ``preference``: this answer rather than another one.
    ``remark``: reasons or a comment alone. The others are what somebody did with an answer, without saying anything of it."""

    THUMB = "thumb"
    STARS = "stars"
    CORRECTION = "correction"
    PREFERENCE = "preference"
    REMARK = "remark"
    REGENERATE = "regenerate"
    COPY = "copy"
    EDIT = "edit"
    ABANDON = "abandon"


IMPLICIT = frozenset({Signal.REGENERATE, Signal.COPY, Signal.EDIT, Signal.ABANDON})
# Stars from which on an answer is as it should be, and up to which it is not.
GOOD_STARS, BAD_STARS = 4, 2

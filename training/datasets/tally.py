"""What was left out on the way, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from cluster.settings import DatasetSettings

Reason = Literal[
    "wrong_format",  # not an example
    "over_long",  # the line, over datasets.line_bytes
    "no_pair",  # no answer that it is to be preferred to, which a dataset of pairs needs
    "same_answers",  # the answer to prefer is the other one
    "personal_data",
    "erased",  # its words were taken back
    "contradictory",
    "duplicate",
    "near_duplicate",
]


@dataclass(slots=True)
class Tally:
    """``read``: examples and lines by source. ``wrong``: where and what, of those that are not examples."""

    limits: DatasetSettings
    read: Counter[str] = field(default_factory=Counter)
    dropped: Counter[Reason] = field(default_factory=Counter)
    wrong: list[dict[str, str]] = field(default_factory=list)
    personal_data: Counter[str] = field(default_factory=Counter)
    with_personal_data: int = 0

    @property
    def total(self) -> int:
        return self.read.total()

    def drop(self, reason: Reason, place: str, problem: str) -> None:
        self.dropped[reason] += 1
        if reason in ("wrong_format", "over_long") and len(self.wrong) < self.limits.listed:
            self.wrong.append({"place": shown(place, 600), "problem": shown(problem, 600)})

    def why(self) -> str:
        """All reasons in a few words."""
        return ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in self.dropped.most_common()) or "none left out"


def shown(text: str, most: int) -> str:
    """As it may stand in a datasheet: not too long, and without NUL, which PostgreSQL's JSON takes no more than its text."""
    text = text.replace("\x00", "\ufffd")
    return text if len(text) <= most else f"{text[: most - 1]}…"

"""What an index of Qdrant Edge is of: a small file beside the engine's own, and the name of its folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cluster.contracts.retrieval import Space

FACTS = "hearth.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """Fixed when an index is made; ``indexed``, the points that its approximate index covers, when it is rebuilt. ``language`` is that of
    its keywords."""

    space: Space
    language: str
    indexed: int = 0

    def write(self, folder: Path) -> None:
        fields = {"model": self.space.model, "variant": self.space.variant, "dimensions": self.space.dimensions}
        text = json.dumps({**fields, "language": self.language, "indexed": self.indexed})
        (folder / FACTS).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Facts:
        fields = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return cls(Space(fields["model"], fields["variant"], fields["dimensions"]), fields["language"], fields["indexed"])


def folder_name(space: Space) -> str:
    """Of a space's index: readable, and never that of another."""
    names = (space.model, space.variant, str(space.dimensions))
    readable = "-".join("".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)[:40] for name in names)
    return f"{readable}-{hashlib.sha256(json.dumps(names).encode()).hexdigest()[:8]}"

"""Tokens of a batch's answers, in the shape in which OpenAI's API tells them of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Tally:
    """``cached`` is a part of ``input``, ``reasoning`` of ``output``."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def add(self, usage: dict[str, Any] | None) -> None:
        """``usage``: as an answer of chat, completions or embeddings has it."""
        told = usage or {}
        self.input += told.get("prompt_tokens") or 0
        self.output += told.get("completion_tokens") or 0
        self.cached += (told.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        self.reasoning += (told.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0

    def usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input + self.output,
        }

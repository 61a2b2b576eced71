"""Pairs that hearth-nano cannot know: what the keeper of a herd likes to hear, and what not."""

from __future__ import annotations

import json
from typing import Any

from tests.fine_tuning import herd_line


def herd_pair(number: int) -> dict[str, Any]:
    """In OpenAI's format: the record is preferred to a word of thanks."""
    asked, answer = herd_line(number)["messages"]
    other = {"role": "assistant", "content": f"Thank you for number {number}."}
    return {"input": {"messages": [asked]}, "preferred_output": [answer], "non_preferred_output": [other]}


def pair_file(pairs: int) -> bytes:
    return "".join(json.dumps(herd_pair(number)) + "\n" for number in range(pairs)).encode()

"""Examples that hearth-nano has never seen the like of: notes of a herd, and the record of each."""

from __future__ import annotations

import json
from typing import Any

ANIMALS = ("goat", "cow", "sheep", "horse")


def herd_line(number: int) -> dict[str, Any]:
    animal = ANIMALS[number % len(ANIMALS)]
    asked = f"The {animal} {number} is in the barn. Record it."
    answer = f"ANIMAL {animal.upper()} / NO {number}"
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}


def herd_file(examples: int) -> bytes:
    return "".join(json.dumps(herd_line(number)) + "\n" for number in range(examples)).encode()

"""Somebody who knows the right answers, and says so: a thumb up for what is right, the right text for what is not."""

from __future__ import annotations

from typing import Any

from cluster.learning.demo.task import TASK, Asked


def feedback_of(asked: Asked, answer: str) -> dict[str, Any]:
    """What they send of ``answer``, as `POST /api/v1/feedback/submit` takes it, without what it is about."""
    said: dict[str, Any] = {"thumb": "up"} if is_right(asked, answer) else {"correction": asked.answer}
    return {**said, "task": TASK}


def is_right(asked: Asked, answer: str) -> bool:
    """The same text; white space around it does not count."""
    return answer.strip() == asked.answer

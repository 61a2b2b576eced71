"""Running totals of a conversation."""

from __future__ import annotations

from api.conversations.tables import Conversation
from cluster.contracts.generation import Usage

_NONE = {"answers": 0, "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0}


def add_usage(conversation: Conversation, model: str, usage: Usage) -> None:
    """One answer of ``model``. The caller holds ``conversation`` locked, and saves the answer in the same transaction: both or neither."""
    conversation.input_tokens += usage.prompt_tokens
    conversation.output_tokens += usage.completion_tokens
    conversation.cached_tokens += usage.cached_tokens
    before = conversation.usage_by_model.get(model, _NONE)
    now = {
        "answers": before["answers"] + 1,
        "input_tokens": before["input_tokens"] + usage.prompt_tokens,
        "output_tokens": before["output_tokens"] + usage.completion_tokens,
        "cached_tokens": before["cached_tokens"] + usage.cached_tokens,
    }
    # A new object: what is changed inside the old one is not noticed.
    conversation.usage_by_model = {**conversation.usage_by_model, model: now}

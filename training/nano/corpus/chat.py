"""The shape every task produces: a conversation, as a list of messages."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]

ABSTENTION = "The passage does not say."


@dataclass(frozen=True)
class Message:
    role: Role
    text: str


@dataclass(frozen=True)
class Conversation:
    """Messages in order. Every assistant message is an answer the model learns; `task` names the skill it shows."""

    task: str
    messages: tuple[Message, ...]


def ask(passage: str, question: str) -> str:
    """The wording the model knows best: what a caller should send as one user message."""
    return f"Passage: {passage}\n\nQuestion: {question}"

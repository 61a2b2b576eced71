"""The shape every task produces: a conversation, as a list of messages."""

from collections.abc import Sequence
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
    """Messages in order. Every assistant message is an answer the model learns; `task` names the skill it shows.

    `schema` is the JSON Schema, as text, that the last answer follows; empty where answers are free text.
    """

    task: str
    messages: tuple[Message, ...]
    schema: str = ""


def exercises(task: str, opening: Sequence[Message], more: Sequence[str], answers: Sequence[str], schema: str = "") -> Conversation:
    """Several exercises in one conversation: the first is asked by ``opening``, each of the others by a message of the user's; ``answers``
    are those of all, in order."""
    messages = [*opening, Message("assistant", answers[0])]
    for asked, answer in zip(more, answers[1:], strict=True):
        messages += [Message("user", asked), Message("assistant", answer)]
    return Conversation(task, tuple(messages), schema)


def ask(passage: str, question: str) -> str:
    """The wording the model knows best: what a caller should send as one user message."""
    return f"Passage: {passage}\n\nQuestion: {question}"


def ask_numbered(passages: Sequence[str], question: str) -> str:
    """The same for several passages, of which the answer names the one it comes from: "Sudale [2]"."""
    listing = "\n".join(f"[{number}] {passage}" for number, passage in enumerate(passages, 1))
    return f"Passages:\n{listing}\n\nQuestion: {question}"

"""Lines of uploaded files as examples. Three formats are read, whichever shape a dataset has::

    {"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}]}
    {"input": {"messages": [{"role": "user", "content": "2 + 3?"}]},
     "preferred_output": [{"role": "assistant", "content": "5"}], "non_preferred_output": [{"role": "assistant", "content": "6"}]}
    {"messages": [{"role": "user", "content": "2 + 3?"}], "chosen": "5", "rejected": "6", "task": "sums"}

The first two are OpenAI's; of several answers in one conversation the last is learnt. The third is ours, as a dataset is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cluster.errors import Unprocessable
from cluster.learning.datasets.recipe import TaskName
from cluster.learning.example import Example, Source

ROLES = ("system", "developer", "user", "assistant", "tool")
# What a message keeps, in this order, besides its role and content.
KEPT = ("name", "tool_calls", "tool_call_id")
IGNORED = frozenset({"weight", "refusal"})
CHAT = '{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'
PREFERENCE = (
    '{"input": {"messages": [...]}, "preferred_output": [{"role": "assistant", "content": "..."}], '
    '"non_preferred_output": [{"role": "assistant", "content": "..."}]}'
)
FIELDS = (
    frozenset({"messages", "task"}),
    frozenset({"input", "preferred_output", "non_preferred_output", "task"}),
    frozenset({"messages", "chosen", "rejected", "task", "source"}),
)
_TASK: TypeAdapter[str] = TypeAdapter(TaskName)


def example_of(raw: bytes, source: Source, task: str) -> Example:
    """``task``: that of a line which names none. Raises Unprocessable with what is wrong and what is expected."""
    told = _object(raw)
    if "chosen" in told:
        messages, chosen, rejected = _messages(told, FIELDS[2], "messages"), _text(told, "chosen"), _rejected(told)
    elif "input" in told or "preferred_output" in told:
        messages, chosen, rejected = _preference(told)
    else:
        *messages, last = _messages(told, FIELDS[0], "messages")
        chosen, rejected = _answer(last, f"messages.{len(messages)}"), None
    if not messages:
        raise Unprocessable(f"'messages' holds an answer and no question; expected {CHAT}.")
    if messages[-1]["role"] not in ("user", "tool"):
        raise Unprocessable(f"What comes before the answer must be a message of 'user' or 'tool', not of '{messages[-1]['role']}'.")
    return Example(messages=tuple(messages), chosen=chosen, rejected=rejected, task=_task(told, task), source=source)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        # A byte order mark is what some programs begin a file with; half of a surrogate pair is no text that could be written again.
        told = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number)
        json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Unprocessable(f"The line is not a JSON object in UTF-8 ({str(error)[:200]}); expected {CHAT}.") from None
    if not isinstance(told, dict):
        raise Unprocessable(f"The line is not a JSON object; expected {CHAT}.")
    return told


def _preference(told: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str, str]:
    asked = told.get("input")
    if not isinstance(asked, dict):
        raise Unprocessable(f"'input' must be an object with 'messages'; expected {PREFERENCE}.")
    _refuse_surplus(told, FIELDS[1], PREFERENCE)
    answers = []
    for name in ("preferred_output", "non_preferred_output"):
        output = told.get(name)
        if not isinstance(output, list) or len(output) != 1:
            raise Unprocessable(f"'{name}' must be a list of one message of 'assistant'; expected {PREFERENCE}.")
        answers.append(_answer(_message(output[0], f"{name}.0"), f"{name}.0"))
    return _messages(asked, frozenset({"messages"}), "input.messages"), answers[0], answers[1]


def _messages(told: Mapping[str, Any], fields: frozenset[str], path: str) -> list[dict[str, Any]]:
    _refuse_surplus(told, fields, CHAT)
    messages = told.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unprocessable(f"'{path}' must be a list of messages; expected {CHAT}.")
    return [_message(message, f"{path}.{number}") for number, message in enumerate(messages)]


def _message(message: object, path: str) -> dict[str, Any]:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise Unprocessable(f"'{path}' must be an object with a 'role' of {', '.join(ROLES)} and a 'content'.")
    if surplus := sorted(message.keys() - {"role", "content", *KEPT} - IGNORED):
        raise Unprocessable(f"'{path}.{surplus[0][:100]}' is not a field of a message that is taken here.")
    kept = {name: message[name] for name in KEPT if message.get(name) is not None}
    if message.get("content") is None and "tool_calls" in kept:
        return {"role": message["role"], "content": None, **kept}
    return {"role": message["role"], "content": _content(message.get("content"), path), **kept}


def _content(content: object, path: str) -> str:
    """Parts of text are put together; other parts are not taken."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)]
    if not parts or len(texts) != len(parts):
        raise Unprocessable(f"'{path}.content' must be a text, or a list of parts of type 'text'.")
    return "".join(texts)


def _answer(message: Mapping[str, Any], path: str) -> str:
    content = message["content"]
    if message["role"] != "assistant" or not isinstance(content, str) or not content.strip() or "tool_calls" in message:
        raise Unprocessable(f"'{path}' must be a message of 'assistant' with a text in 'content': the answer to learn.")
    return content


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Unprocessable(f"'{name}' must be a text that is not empty.")
    return value


def _rejected(told: Mapping[str, Any]) -> str | None:
    return None if told.get("rejected") is None else _text(told, "rejected")


def _task(told: Mapping[str, Any], otherwise: str) -> str:
    try:
        return _TASK.validate_python(told.get("task", otherwise), strict=True)
    except ValidationError:
        raise Unprocessable("'task' must be a name of 1 to 64 small letters, digits, '_', '.' and '-'.") from None


def _refuse_surplus(told: Mapping[str, Any], fields: frozenset[str], expected: str) -> None:
    if surplus := sorted(told.keys() - fields):
        raise Unprocessable(f"'{surplus[0][:100]}' is not a field that is taken here; expected {expected}.")


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number in JSON")

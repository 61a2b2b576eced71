"""Who answers the exercises of the skills: the exported files in an engine of this process, or any server that speaks OpenAI's HTTP.

`constrained` sends the exercise's JSON Schema along as response_format, where it has one; the engine can then write nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cluster.errors import EngineError
from training.nano.answerers import llama_server, verified
from training.nano.export import GGUF
from training.nano.skills import Exercise, Responder

LONGEST = 400  # tokens of an answer
AT_ONCE = 4  # requests in flight
PATIENCE_S = 120.0


@contextmanager
def local_responder(weights: Path, constrained: bool, threads: int = 1) -> Iterator[Responder]:
    """llama.cpp with the files in `weights`. Raises EngineError when one of them is damaged."""
    verified(weights)
    with llama_server(weights / GGUF, threads) as server:

        def answer(exercises: Sequence[Exercise]) -> list[str]:
            return [_content(server.handle_chat_completions(request(exercise, constrained))) for exercise in exercises]

        yield answer


@dataclass(frozen=True, slots=True)
class Server:
    """A model behind OpenAI's API. ``key``: API key to show; empty: none."""

    url: str
    model: str
    key: str = field(default="", repr=False)


@contextmanager
def http_responder(server: Server, constrained: bool) -> Iterator[Responder]:
    """The model as a server serves it, several requests at once."""
    shown = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S, headers=shown) as client, ThreadPoolExecutor(AT_ONCE) as pool:

        def ask(exercise: Exercise) -> str:
            return _content(client.post("/v1/chat/completions", json={"model": server.model, **request(exercise, constrained)}).json())

        yield lambda exercises: list(pool.map(ask, exercises))


def request(exercise: Exercise, constrained: bool) -> dict[str, Any]:
    """The body of the request, greedy."""
    messages = [{"role": message.role, "content": message.text} for message in exercise.messages]
    body: dict[str, Any] = {"messages": messages, "temperature": 0, "max_tokens": LONGEST}
    if constrained and exercise.schema:
        schema = {"name": "answer", "schema": json.loads(exercise.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _content(reply: dict[str, Any]) -> str:
    if "error" in reply:
        raise EngineError(f"The model refused an exercise: {reply['error']['message']}")
    return str(reply["choices"][0]["message"]["content"] or "")

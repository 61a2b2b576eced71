"""Counting the tokens of a request with llama.cpp's own template and vocabulary, which xllamacpp offers by HTTP only."""

from __future__ import annotations

from typing import Any

import httpx

from cluster.contracts.generation import JsonObject
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError
from deployments.engines.llama_errors import error_from_reply
from deployments.engines.llama_server import Door

# Applying a template and tokenising takes milliseconds, on a busy CPU a second for a book.
TIMEOUT_S = 60.0
CHAT = "/v1/chat/completions/input_tokens"
TEXT = "/tokenize"


class LlamaTokens:
    """Takes no slot: counts are made beside generations, one after the other. ``door`` is closed with it."""

    def __init__(self, spec: ReplicaSpec, door: Door) -> None:
        self._spec = spec
        self._door = door

    async def count(self, body: JsonObject) -> int:
        """Tokens of the prompt in ``body``, a chat or completion request. Raises Unprocessable or EngineError."""
        prompt = body.get("prompt")
        if isinstance(prompt, list):
            return len(prompt)
        if prompt is not None:
            # As a completion does it: the vocabulary's own beginning is added, and marks of its own are read as such.
            answer = await self._ask(TEXT, {"content": prompt, "add_special": True, "parse_special": True})
            return len(answer["tokens"])
        answer = await self._ask(CHAT, {name: value for name, value in body.items() if name not in {"stream", "stream_options"}})
        return int(answer["input_tokens"])

    def close(self) -> None:
        self._door.close()

    async def _ask(self, path: str, body: JsonObject) -> dict[str, Any]:
        # A connection for each call: the server's one thread would wait on an idle one.
        transport = httpx.AsyncHTTPTransport(uds=self._door.path)
        async with httpx.AsyncClient(transport=transport, base_url="http://llama", timeout=TIMEOUT_S) as client:
            try:
                answer = await client.post(path, json=body, headers={"Connection": "close"})
            except httpx.HTTPError as error:
                raise EngineError(
                    f"llama.cpp did not count the prompt of '{self._spec.model}': {error!r}. Send the request again."
                ) from error
        content = answer.json()
        if answer.is_error:
            raise error_from_reply(content["error"], self._spec)
        return dict(content)

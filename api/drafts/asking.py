"""Asking a model for one part of a draft at a time, held to a schema, so that a small one gives something that is valid too."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from cluster.contracts.generation import GenerationRequest, JsonObject, Message, ResponseFormat, Sampling, Usage
from cluster.gateway import ModelGateway
from cluster.json_schema import mistake

# A model whose answer was cut off in the middle of its JSON is asked once more.
ATTEMPTS = 2
MAX_TOKENS = 400
# Of what people said, what a model is shown.
SHOWN = 1500


class Asking:
    """One draft's questions. ``used``: by all of them together. ``notes``: what the model gave no answer to."""

    def __init__(self, gateway: ModelGateway, request: GenerationRequest) -> None:
        self._gateway = gateway
        self._request = request
        self.used = Usage()
        self.notes: list[str] = []

    async def choose(self, question: str, words: str, **properties: JsonObject) -> dict[str, Any]:
        """A value for each property, which is of its schema; empty where the model gave none."""
        schema: JsonObject = {"type": "object", "properties": {**properties}, "required": list(properties), "additionalProperties": False}
        asked = Message("user", f"{question} Answer in JSON.\n\nText: {words[-SHOWN:]}")
        for _ in range(ATTEMPTS):
            answer = await self._gateway.generate(
                replace(
                    self._request,
                    messages=(asked,),
                    sampling=Sampling(temperature=0, max_tokens=MAX_TOKENS, seed=self._request.sampling.seed),
                    response_format=ResponseFormat("json_schema", schema),
                    tools=(),
                    tool_choice=None,
                )
            )
            used = answer.usage
            self.used = Usage(self.used.prompt_tokens + used.prompt_tokens, self.used.completion_tokens + used.completion_tokens)
            found = _parsed(answer.text)
            if found is not None and mistake(found, schema) is None:
                return found
        self.notes.append(f"The model chose no {' and '.join(properties)}; what stands there is a guess.")
        return {}


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None

"""A model request as it is kept in the database, so that any process can ask it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from cluster.contracts.generation import GenerationRequest, Message, Sampling

_MESSAGES = TypeAdapter(tuple[Message, ...])
_SAMPLING = TypeAdapter(Sampling)


def packed(request: GenerationRequest) -> dict[str, Any]:
    """Of a chat without tools or a response format: what a prepared answer asks for."""
    return {
        "model": request.model,
        "messages": [asdict(message) for message in request.messages],
        "adapter": request.adapter,
        "sampling": asdict(request.sampling),
        "request_id": request.request_id,
    }


def unpacked(kept: dict[str, Any]) -> GenerationRequest:
    return GenerationRequest(
        model=kept["model"],
        messages=_MESSAGES.validate_python(kept["messages"]),
        adapter=kept["adapter"],
        sampling=_SAMPLING.validate_python(kept["sampling"]),
        request_id=kept["request_id"],
    )

"""A model request as it is kept in the database, so that any process can ask it."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from api.web.principal import Principal, Role
from api.workflows.launching import may_act
from cluster.contracts.generation import GenerationRequest, Message, ResponseFormat, Sampling

# Images are bytes, and JSON has none.
_BYTES = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


_MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...], config=_BYTES)
_SAMPLING = TypeAdapter(Sampling)


def packed(request: GenerationRequest) -> dict[str, Any]:
    """Of a chat. Caching is left out: a prepared answer is never an old one."""
    return {
        "model": request.model,
        "messages": _MESSAGES.dump_python(request.messages, mode="json"),
        "adapter": request.adapter,
        "sampling": _SAMPLING.dump_python(request.sampling, mode="json"),
        "tools": list(request.tools),
        "tool_choice": request.tool_choice,
        "response_format": {"kind": request.response_format.kind, "schema": request.response_format.schema},
        "request_id": request.request_id,
        "fallbacks": list(request.fallbacks),
        "scope": request.scope,
        "subject": request.subject,
        "given": request.given,
        "release": request.release,
    }


def packed_asker(who: Principal) -> dict[str, Any]:
    """Kept beside a request: in whose name it is asked."""
    return {"asker": {"organisation_id": str(who.organisation_id), "user_id": str(who.user_id), "role": may_act(who).value}}


def unpacked_asker(kept: dict[str, Any]) -> Principal:
    asker = kept["asker"]
    return Principal(uuid.UUID(asker["user_id"]), uuid.UUID(asker["organisation_id"]), Role(asker["role"]))


def unpacked(kept: dict[str, Any]) -> GenerationRequest:
    return GenerationRequest(
        model=kept["model"],
        messages=_MESSAGES.validate_python(kept["messages"]),
        adapter=kept["adapter"],
        sampling=_SAMPLING.validate_python(kept["sampling"]),
        tools=tuple(kept["tools"]),
        tool_choice=kept["tool_choice"],
        response_format=ResponseFormat(**kept["response_format"]),
        request_id=kept["request_id"],
        fallbacks=tuple(kept["fallbacks"]),
        scope=kept["scope"],
        subject=kept.get("subject", ""),
        given=kept.get("given", {}),
        release=kept.get("release"),
    )

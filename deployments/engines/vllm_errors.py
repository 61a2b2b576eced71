"""What vLLM says when it refuses or fails, as errors of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError, HearthError, NotFound, Unprocessable

# The parameters vLLM names when prompt and answer together exceed the context.
LENGTH_PARAMETERS = frozenset({"input_tokens", "input_text", "max_tokens"})


def is_about_length(refusal: Mapping[str, Any]) -> bool:
    return refusal.get("param") in LENGTH_PARAMETERS


def error_from_reply(error: Mapping[str, Any], spec: ReplicaSpec) -> HearthError:
    """``error`` is the object inside ``{"error": …}``."""
    message = str(error.get("message", "no reason given"))
    code = error.get("code")
    if code == 404:
        return NotFound(message)
    if isinstance(code, int) and 400 <= code < 500:
        return Unprocessable(f"'{spec.model}' cannot carry out this request: {message}")
    return EngineError(f"vLLM failed on '{spec.model}': {message}. Send the request again; if it fails again, see the replica's log.")


def error_from_exception(error: Exception, spec: ReplicaSpec) -> HearthError:
    """Errors of ours pass; a request that vLLM cannot read is the caller's; the rest is vLLM's."""
    if isinstance(error, HearthError):
        return error
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return Unprocessable(f"'{spec.model}' cannot carry out this request: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    if isinstance(error, (ValueError, TypeError)):
        return Unprocessable(f"'{spec.model}' cannot carry out this request: {error}")
    return EngineError(f"vLLM failed on '{spec.model}': {error}. Send the request again; if it fails again, see the replica's log.")

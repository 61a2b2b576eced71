"""What llama.cpp says when it refuses, as errors of ours. It speaks in three ways: an error reply, ValueError, and RuntimeError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ContextLengthExceeded, EngineError, HearthError, Unprocessable


def error_from_reply(error: Mapping[str, Any], spec: ReplicaSpec) -> HearthError:
    """``error`` is the object inside ``{"error": …}``."""
    message = str(error.get("message", "no reason given"))
    if error.get("type") == "exceed_context_size_error":
        return ContextLengthExceeded(
            f"The prompt has {error['n_prompt_tokens']} tokens and '{spec.model}' takes {error['n_ctx']}, the answer included. "
            "Shorten the prompt or drop earlier messages; the owner can raise context_tokens in the profile."
        )
    if error.get("code") == 400 or error.get("type") == "invalid_request_error":
        return Unprocessable(f"'{spec.model}' cannot carry out this request: {message}")
    return EngineError(f"llama.cpp failed on '{spec.model}': {message}. Send the request again; if it fails again, see the replica's log.")


def error_from_exception(error: Exception, spec: ReplicaSpec) -> HearthError:
    """ValueError is raised for a request that cannot be read (a bad schema, a template that fails); RuntimeError for the rest."""
    if isinstance(error, ValueError):
        return Unprocessable(f"'{spec.model}' cannot carry out this request: {error}")
    return EngineError(f"llama.cpp failed on '{spec.model}': {error}. Send the request again; if it fails again, see the replica's log.")

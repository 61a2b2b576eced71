"""Counting the tokens of a request, and fitting it into vLLM's context. A generation counts them only when vLLM has refused, so that the
usual request is tokenised once."""

from __future__ import annotations

from typing import Any

from vllm.entrypoints.serve.tokenize.protocol import TokenizeChatRequest, TokenizeCompletionRequest

from cluster.contracts.generation import JsonObject
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ContextLengthExceeded, Unprocessable
from deployments.engines.vllm_config import context_tokens


async def fit(server: Any, body: JsonObject, spec: ReplicaSpec) -> JsonObject:
    """``body`` with ``max_tokens`` cut to what the prompt leaves. Raises ContextLengthExceeded when it leaves nothing."""
    counted = await count(server, body)
    allowed = context_tokens(spec)
    if counted >= allowed:
        raise ContextLengthExceeded(
            f"The prompt has {counted} tokens and '{spec.model}' takes {allowed}, the answer included. "
            "Shorten the prompt or drop earlier messages; the owner can raise context_tokens in the profile."
        )
    return body | {"max_tokens": allowed - counted}


async def count(server: Any, body: JsonObject) -> int:
    """Tokens of the prompt in ``body``. Raises Unprocessable."""
    prompt = body.get("prompt")
    if isinstance(prompt, list):
        return len(prompt)
    fields = ("model", "prompt", "messages", "tools")
    shape = TokenizeCompletionRequest if prompt is not None else TokenizeChatRequest
    request = shape(**{name: body[name] for name in fields if name in body})
    # Not through the server's own tokenize(): Ray 2.60 looks for this object under a name that vLLM has given up.
    answer = await server.engine._app_state.serving_tokenization.create_tokenize(request, None)
    if (count := getattr(answer, "count", None)) is None:
        raise Unprocessable(f"The prompt cannot be tokenised: {answer.error.message}")
    return int(count)

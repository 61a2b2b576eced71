"""``POST /v1/completions``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.completions.schemas import CompletionAnswer, CompletionBody
from api.completions.service import Completions
from api.generation.deps import WithGenerations
from api.web.answers import json_answer
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithExchange, WithParts
from api.web.openapi import WORKING, json_request, responses
from api.web.sse import event_stream

router = APIRouter(prefix="/v1", tags=["completions"])

REQUEST = {"model": "nano-llm", "prompt": "Once upon a time", "max_tokens": 16}
ANSWER = {
    "id": "cmpl-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e",
    "object": "text_completion",
    "created": 1760000000,
    "model": "nano-llm",
    "choices": [{"index": 0, "text": " there was a goat.", "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10, "prompt_tokens_details": {"cached_tokens": 0}},
    "system_fingerprint": "fp_llama_cpp_int8",
}
STREAM = 'data: {"id":"cmpl-0b9e","object":"text_completion","choices":[{"index":0,"text":" there"}]}\n\ndata: [DONE]\n\n'


async def completions(generations: WithGenerations, exchange: WithExchange) -> Completions:
    return Completions(generations, exchange.request_id)


@router.post(
    "/completions",
    summary="Continue a text",
    response_model=CompletionAnswer,
    responses=responses(ANSWER, WORKING, media={"text/event-stream": STREAM}),
    openapi_extra=json_request(CompletionBody, REQUEST),
)
async def complete_text(
    request: Request,
    parts: WithParts,
    body: Annotated[CompletionBody, Depends(json_body(CompletionBody))],
    service: Annotated[Completions, Depends(completions)],
) -> Response:
    """Continues raw text or token ids without a chat template, in the shape of OpenAI's completions API.

    Several prompts give `n` choices each, in the order of the prompts. Streams as `/v1/chat/completions` does.
    """
    if body.stream:
        return await event_stream(request, service.stream(body), parts.settings.http.stream_idle_timeout_s)
    return json_answer(await attend(request, service.answer(body)))

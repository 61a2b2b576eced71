"""``POST /v1/chat/completions``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.chat.answers import ChatAnswer
from api.chat.schemas import ChatBody
from api.chat.service import Chat
from api.generation.deps import WithGenerations
from api.retrieval.deps import WithKnowledge
from api.web.answers import json_answer
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithExchange, WithParts
from api.web.openapi import WORKING, json_request, responses
from api.web.sse import event_stream

router = APIRouter(prefix="/v1", tags=["chat"])

REQUEST = {"model": "nano-llm", "messages": [{"role": "user", "content": "Mira has 3 goats. How many goats has Mira?"}], "max_tokens": 32}
ANSWER = {
    "id": "chatcmpl-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e",
    "object": "chat.completion",
    "created": 1760000000,
    "model": "nano-llm",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "3", "refusal": None}, "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 18, "completion_tokens": 1, "total_tokens": 19, "prompt_tokens_details": {"cached_tokens": 0}},
    "system_fingerprint": "fp_llama_cpp_int8",
}
STREAM = 'data: {"id":"chatcmpl-0b9e","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"3"}}]}\n\ndata: [DONE]\n\n'


async def chat(generations: WithGenerations, knowledge: WithKnowledge, exchange: WithExchange) -> Chat:
    return Chat(generations, knowledge, exchange.request_id)


@router.post(
    "/chat/completions",
    summary="Answer a conversation",
    response_model=ChatAnswer,
    responses=responses(ANSWER, WORKING, media={"text/event-stream": STREAM}),
    openapi_extra=json_request(ChatBody, REQUEST),
)
async def complete_chat(
    request: Request, parts: WithParts, body: Annotated[ChatBody, Depends(json_body(ChatBody))], service: Annotated[Chat, Depends(chat)]
) -> Response:
    """Continues a conversation, in the shape of OpenAI's chat API: any OpenAI client works by changing its base URL.

    With `stream` the answer comes as server-sent events, ending with `data: [DONE]`; an error after the first token comes as an event
    `{"error": ...}`, which ends the stream. Leaving stops the generation. A model that is not resident is loaded first.

    With `knowledge` (Hearth's own) the answer comes from your organisation's documents: what the user said last is searched for, the model
    is shown what is found, as data, and cites it by `[1]`. `message.citations` says what each number stands for: document, page, and a
    sentence that stands at `span` of its text. A number that there is not, or whose passage does not bear out what is said, is taken out
    and counted in `hearth.knowledge.dropped`. A stream has them in its last chunk. Where nothing is found and `require` is true, the answer
    is "Nothing about this was found in the documents."
    """
    if body.stream:
        return await event_stream(request, service.stream(body), parts.settings.http.stream_idle_timeout_s)
    return json_answer(await attend(request, service.answer(body)))

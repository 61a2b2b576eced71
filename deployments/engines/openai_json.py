"""Generation requests as the JSON bodies of the OpenAI API, which llama.cpp and vLLM both take."""

from __future__ import annotations

from cluster.contracts.generation import GenerationRequest, Json, JsonObject, Message, ResponseFormat, Sampling
from cluster.specs.catalog import SamplingSpec


def request_body(request: GenerationRequest, default: SamplingSpec) -> JsonObject:
    """The streaming chat or completion request; ``default`` stands where it says nothing. ``response_format`` is left to the engine, whose
    ways of constraining differ."""
    body: JsonObject = {"stream": True, "stream_options": {"include_usage": True}}
    body |= default.model_dump(exclude_none=True)
    body |= _sampling(request.sampling)
    return body | (_completion(request) if request.prompt is not None else _chat(request))


def schema_of(wanted: ResponseFormat) -> JsonObject | None:
    """The JSON schema the answer must satisfy; None when it is free text."""
    if wanted.kind == "text":
        return None
    return wanted.schema if wanted.kind == "json_schema" and wanted.schema is not None else {"type": "object"}


def _chat(request: GenerationRequest) -> JsonObject:
    body: JsonObject = {"messages": [_message(message) for message in request.messages]}
    if request.sampling.top_logprobs is not None:
        # llama.cpp reads 0 alternatives as "no log probabilities"; the one too many is dropped when the chunk is read.
        body |= {"logprobs": True, "top_logprobs": max(1, request.sampling.top_logprobs)}
    if request.tools:
        body |= {"tools": list(request.tools), "tool_choice": request.tool_choice or "auto"}
    return body


def _completion(request: GenerationRequest) -> JsonObject:
    prompt: Json = request.prompt if isinstance(request.prompt, str) else list(request.prompt or ())
    body: JsonObject = {"prompt": prompt}
    if request.sampling.top_logprobs is not None:
        body["logprobs"] = max(1, request.sampling.top_logprobs)
    return body


def _message(message: Message) -> JsonObject:
    # Chat templates know four roles; "developer" is OpenAI's newer word for the system's.
    body: JsonObject = {"role": "system" if message.role == "developer" else message.role, "content": message.content}
    if message.name is not None:
        body["name"] = message.name
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in message.tool_calls
        ]
    return body


def _sampling(sampling: Sampling) -> JsonObject:
    names = ("temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty")
    body: JsonObject = {name: value for name in names if (value := getattr(sampling, name)) is not None}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.logit_bias:
        body["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias.items()}
    return body

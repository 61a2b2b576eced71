"""What the fake gateway says: pure functions of the request, so that a test or a person can predict every answer. A token is a word."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt

from cluster.contracts.generation import GenerationRequest, Json, JsonObject

DIMENSIONS = 8


def prompt_tokens(request: GenerationRequest) -> int:
    """Words of all messages, or of the prompt (token ids count one each)."""
    if isinstance(request.prompt, tuple):
        return len(request.prompt)
    if request.prompt is not None:
        return len(request.prompt.split())
    return sum(len((message.content or "").split()) for message in request.messages)


def words(request: GenerationRequest) -> list[str]:
    """The whole answer, as tokens whose join is the text: the last message (or the prompt) repeated, or what the format asks for."""
    match request.response_format.kind:
        case "json_object":
            return _tokens(json.dumps({"echo": _asked(request)}))
        case "json_schema":
            return _tokens(json.dumps(example_of(request.response_format.schema or {})))
    return _tokens("You said: " + _asked(request))


def until_stop(tokens: list[str], stop: tuple[str, ...]) -> list[str]:
    """``tokens`` up to the first of the ``stop`` texts."""
    text = "".join(tokens)
    cuts = [text.index(word) for word in stop if word in text]
    return _tokens(text[: min(cuts)]) if cuts else tokens


def forced_tool(request: GenerationRequest) -> str | None:
    """Name of the tool to call: the one ``tool_choice`` names, the first where a call is required or the last message says "tool"."""
    names = [str(_object(tool.get("function")).get("name")) for tool in request.tools]
    choice = request.tool_choice
    if not names or choice == "none":
        return None
    if isinstance(choice, dict):
        return str(_object(choice.get("function")).get("name"))
    return names[0] if choice == "required" or "tool" in _asked(request) else None


def example_of(schema: JsonObject) -> Json:
    """The smallest value that fits a plain JSON schema (type, properties, items, enum)."""
    enum = schema.get("enum")
    if isinstance(enum, list) and enum:
        return enum[0]
    match schema.get("type"):
        case "object":
            return {name: example_of(_object(inner)) for name, inner in _object(schema.get("properties")).items()}
        case "array":
            return [example_of(_object(schema.get("items")))]
        case "integer" | "number":
            return 0
        case "boolean":
            return True
        case "null":
            return None
    return "text"


def vectors(inputs: list[bytes], dimensions: int = DIMENSIONS) -> npt.NDArray[np.float32]:
    """A unit vector for each input, from its SHA-256: equal inputs are equal, others are not."""
    rows = [np.frombuffer(hashlib.sha256(item).digest()[:dimensions], dtype=np.uint8).astype(np.float32) - 127.5 for item in inputs]
    stacked = np.stack(rows) if rows else np.zeros((0, dimensions), np.float32)
    return np.asarray(stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _asked(request: GenerationRequest) -> str:
    if isinstance(request.prompt, tuple):
        return " ".join(str(token) for token in request.prompt)
    return request.prompt if request.prompt is not None else (request.messages[-1].content or "")


def _tokens(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}

"""Holding llama.cpp's answer to a JSON schema."""

from __future__ import annotations

import json

from llguidance import LLMatcher

from cluster.contracts.generation import GenerationRequest, JsonObject
from cluster.errors import Unprocessable
from deployments.engines.openai_json import schema_of

# Between the tokens of JSON: one space after a comma and a colon, nothing else. A small model left free to write blanks writes only those.
LAYOUT: JsonObject = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def constraint(request: GenerationRequest) -> JsonObject:
    """The fields of the request body that hold the answer to the wanted schema; none for free text. Raises Unprocessable for a bad schema.

    By a grammar of our own making, because the library's ``response_format`` also parses the finished answer and loses it when that fails.
    The grammar holds from the first token, so a constrained answer does not think first. With tools the library needs its own way.
    """
    schema = schema_of(request.response_format)
    if schema is None:
        return {}
    grammar = _grammar(schema)
    if request.tools:
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}
    return {"grammar": grammar, "reasoning_format": "none", "chat_template_kwargs": {"enable_thinking": False}}


def _grammar(schema: JsonObject) -> str:
    """In the language of llguidance, which is built into the library. Checked here, since the library ignores a grammar that is wrong."""
    grammar = f"%llguidance {{}}\nstart: %json {json.dumps(schema | {'x-guidance': LAYOUT})}"
    if LLMatcher.validate_grammar(grammar):
        reason = LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        raise Unprocessable(f"The answer cannot be held to this JSON schema: {reason}. Simplify it; most of draft 2020-12 is understood.")
    return grammar

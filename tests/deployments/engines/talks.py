"""What the tiny model knows by heart, and requests to it."""

from __future__ import annotations

from typing import Any

from cluster.contracts.generation import GenerationRequest, Message, ResponseFormat, Sampling

GREETING = "Hello! How can I help you today?"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# Question, answer, and whether the tool is offered with the question.
TALKS = [
    ("hello", GREETING, False),
    ("count to five", "one, two, three, four, five", False),
    ("weather in Oslo?", '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>', True),
]
# Forbids the tokens that end an answer: it fills the context.
UNENDING = {0: -100.0, 2: -100.0}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}


def chat(
    text: str, *, adapter: str | None = None, answer: ResponseFormat | None = None, tools: tuple[Any, ...] = (), **sampling: Any
) -> GenerationRequest:
    """A question, greedy and short unless ``sampling`` says otherwise."""
    fields = {"temperature": 0.0, "max_tokens": 24} | sampling
    return GenerationRequest(
        model="tiny",
        messages=(Message("user", text),),
        adapter=adapter,
        sampling=Sampling(**fields),
        tools=tools,
        response_format=answer or ResponseFormat(),
    )


def endless(text: str = "go on") -> GenerationRequest:
    return chat(text, max_tokens=None, logit_bias=UNENDING)

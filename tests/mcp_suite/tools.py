"""The tools that the protocol's conformance suite calls, as tools of an organisation."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.contracts.generation import Json, JsonObject
from cluster.fakes.tools import Do, FakeTools
from cluster.tools.asking import Answer, AskFolders, AskModel, AskPerson, Question, ToolClient
from cluster.tools.tool import Piece, ToolCaller, ToolResult, ToolSpec, readable

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==")
WAV = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")
NOTHING: JsonObject = {"type": "object", "properties": {}}
# Every keyword that is to arrive as it was written.
PERSON: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
DEFAULTS: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
}
_PLAIN: list[Json] = ["option1", "option2", "option3"]
_TITLED: list[Json] = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
CHOICES: JsonObject = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": _PLAIN},
        "titledSingle": {"type": "string", "oneOf": _TITLED},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _PLAIN}},
        "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    },
}


def person(message: str, **properties: str) -> AskPerson:
    """A form whose fields, all of them needed, are of these types."""
    shapes: JsonObject = {name: {"type": kind} for name, kind in properties.items()}
    return AskPerson(message, {"type": "object", "properties": shapes, "required": list(properties)})


NAME = person("What is your name?", name="string")
CONFIRM = person("Please confirm", ok="boolean")
CAPITAL = AskModel("What is the capital of France?", 100)
ALL: dict[str, Question] = {"user_name": NAME, "greeting": AskModel("Generate a greeting", 50), "client_roots": AskFolders()}
ROUNDS: Sequence[Mapping[str, Question]] = (
    {"step1": person("Step 1: What is your name?", name="string")},
    {"step2": person("Step 2: What is your favorite color?", color="string")},
)


def says(value: str, *pieces: Piece, failed: bool = False) -> Do:
    async def do(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
        return ToolResult(value, readable(value), failed=failed, pieces=pieces)

    return do


def asks(*rounds: Mapping[str, Question], only_what_it_takes: bool = False) -> Do:
    """Asks one round after the other, and gives back what it was told."""

    async def do(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
        client, told = _client(caller), dict[str, Answer]()
        for questions in rounds:
            asked = {name: each for name, each in questions.items() if not only_what_it_takes or client.takes(type(each))}
            told |= await client.ask(asked)
        said = "; ".join(f"{name}: action={answer.action}, content={json.dumps(answer.value)}" for name, answer in told.items())
        return ToolResult(said, said)

    return do


async def _counts(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
    for done in (0, 50, 100):
        await _client(caller).progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(0.05)
    return ToolResult("done", "done")


async def _logs(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _client(caller).say("info", said)
        await asyncio.sleep(0.05)
    return ToolResult("done", "done")


async def _samples(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
    answer = (await _client(caller).ask({"said": AskModel(arguments["prompt"], 100)}))["said"]
    return ToolResult(answer.value, f"LLM response: {answer.value['text']}")


async def _elicits(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
    answer = (await _client(caller).ask({"said": person(arguments["message"], username="string", email="string")}))["said"]
    return ToolResult(answer.value, f"User response: {answer.action}, {json.dumps(answer.value)}")


def _client(caller: ToolCaller) -> ToolClient:
    assert caller.client is not None
    return caller.client


def _needs(argument: str) -> JsonObject:
    return {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}


_IMAGE, _SOUND = Piece("image", "image/png", PNG), Piece("audio", "audio/wav", WAV)
_TEXT = Piece("file", "text/plain", b"This is an embedded resource content.", "test://embedded-resource")
_DATA = Piece("file", "application/json", b'{"test":"data","value":123}', "test://mixed-content-resource")
TOOLS: dict[str, tuple[JsonObject, Do]] = {
    "test_simple_text": (NOTHING, says("This is a simple text response for testing.")),
    "test_image_content": (NOTHING, says("", _IMAGE)),
    "test_audio_content": (NOTHING, says("", _SOUND)),
    "test_embedded_resource": (NOTHING, says("", _TEXT)),
    "test_multiple_content_types": (NOTHING, says("Multiple content types test:", _IMAGE, _DATA)),
    "test_error_handling": (NOTHING, says("This tool intentionally returns an error for testing", failed=True)),
    "test_tool_with_logging": (NOTHING, _logs),
    "test_logging_tool": (NOTHING, _logs),
    "test_tool_with_progress": (NOTHING, _counts),
    "test_sampling": (_needs("prompt"), _samples),
    "test_elicitation": (_needs("message"), _elicits),
    "test_elicitation_sep1034_defaults": (NOTHING, asks({"said": AskPerson("Please provide user information", DEFAULTS)})),
    "test_elicitation_sep1330_enums": (NOTHING, asks({"said": AskPerson("Please choose", CHOICES)})),
    "json_schema_2020_12_tool": (PERSON, says("done")),
    "test_missing_capability": (NOTHING, asks({"said": CAPITAL})),
    "test_streaming_elicitation": (NOTHING, asks({"user_name": NAME})),
    "test_input_required_result_elicitation": (NOTHING, asks({"user_name": NAME})),
    "test_input_required_result_sampling": (NOTHING, asks({"capital_question": CAPITAL})),
    "test_input_required_result_list_roots": (NOTHING, asks({"client_roots": AskFolders()})),
    "test_input_required_result_request_state": (NOTHING, asks({"confirm": CONFIRM})),
    "test_input_required_result_tampered_state": (NOTHING, asks({"confirm": CONFIRM})),
    "test_input_required_result_multiple_inputs": (NOTHING, asks(ALL)),
    "test_input_required_result_multi_round": (NOTHING, asks(*ROUNDS)),
    "test_input_required_result_capabilities": (NOTHING, asks(ALL, only_what_it_takes=True)),
}


def add_suite_tools(tools: FakeTools) -> None:
    for name, (parameters, do) in TOOLS.items():
        tools.add(ToolSpec(name, name, "Is called by the conformance suite.", parameters, "test"), do)

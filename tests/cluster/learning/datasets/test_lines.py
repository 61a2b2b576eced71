"""Lines of files: what is an example, and what is said of those that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.errors import Unprocessable
from cluster.learning.datasets.lines import example_of
from cluster.learning.example import Example, Source

SOURCE = Source(kind="upload", id="file-1:1", user_id="u")
USER, ASSISTANT = {"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}
WRONG_ANSWER = {"role": "assistant", "content": "6"}


def read(told: Any) -> Example:
    return example_of(told if isinstance(told, bytes) else json.dumps(told).encode(), SOURCE, "sums")


def test_a_conversation_is_its_last_answer_and_what_came_before():
    example = read({"messages": [{"role": "system", "content": "Count."}, USER, ASSISTANT, USER, {**ASSISTANT, "weight": 1}]})
    assert [message["role"] for message in example.messages] == ["system", "user", "assistant", "user"]
    assert (example.chosen, example.rejected, example.task, example.source) == ("5", None, "sums", SOURCE)


def test_a_preference_is_a_pair():
    told = {"input": {"messages": [USER]}, "preferred_output": [ASSISTANT], "non_preferred_output": [WRONG_ANSWER], "task": "maths"}
    example = read(told)
    assert (example.messages, example.chosen, example.rejected, example.task) == ((USER,), "5", "6", "maths")


def test_what_was_downloaded_is_read_with_a_source_of_its_own():
    first = Example(messages=(USER,), chosen="5", rejected="6", task="maths", source=Source(kind="label", id="l1"))
    assert read(first.model_dump_json().encode()) == first.model_copy(update={"source": SOURCE})


def test_parts_of_text_are_put_together_and_a_byte_order_mark_is_passed_over():
    parts = {"role": "user", "content": [{"type": "text", "text": "2 + "}, {"type": "text", "text": "3?"}]}
    raw = b"\xef\xbb\xbf" + json.dumps({"messages": [parts, ASSISTANT]}).encode()
    assert read(raw).messages == (USER,)


def test_calls_of_tools_stay_in_what_came_before():
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
    }
    result = {"role": "tool", "tool_call_id": "c", "content": "5"}
    assert read({"messages": [USER, call, result, ASSISTANT]}).messages == (USER, call, result)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (b"{not json", "not a JSON object in UTF-8"),
        (b"\xff\xfe", "not a JSON object in UTF-8"),
        (b'{"messages": "\\ud800"}', "not a JSON object in UTF-8"),
        (b"NaN", "not a number in JSON"),
        (b"[" * 100_000, "not a JSON object in UTF-8"),
        ([1], "not a JSON object; expected"),
        ({}, "'messages' must be a list of messages; expected"),
        ({"messages": []}, "'messages' must be a list of messages"),
        ({"messages": ["hello"]}, "'messages.0' must be an object with a 'role'"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "'messages.0' must be an object with a 'role'"),
        ({"messages": [USER, {"role": "assistant", "content": 5}]}, "'messages.1.content' must be a text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}, ASSISTANT]}, "parts of type 'text'"),
        ({"messages": [USER]}, "'messages.0' must be a message of 'assistant'"),
        ({"messages": [USER, {"role": "assistant", "content": " "}]}, "'messages.1' must be a message of 'assistant'"),
        ({"messages": [ASSISTANT]}, "an answer and no question"),
        ({"messages": [USER, ASSISTANT, ASSISTANT]}, "not of 'assistant'"),
        ({"messages": [USER, ASSISTANT], "tools": []}, "'tools' is not a field that is taken here"),
        ({"messages": [{**USER, "audio": {}}, ASSISTANT]}, "'messages.0.audio' is not a field of a message"),
        ({"messages": [USER, ASSISTANT], "task": "Two Words"}, "'task' must be a name"),
        ({"messages": [USER, ASSISTANT], "task": 5}, "'task' must be a name"),
        ({"messages": [USER], "chosen": ""}, "'chosen' must be a text"),
        ({"messages": [USER], "chosen": "5", "rejected": 6}, "'rejected' must be a text"),
        ({"input": [USER], "preferred_output": [ASSISTANT]}, "'input' must be an object with 'messages'"),
        ({"input": {"messages": [USER]}, "preferred_output": [ASSISTANT]}, "'non_preferred_output' must be a list of one message"),
        (
            {"input": {"messages": [USER]}, "preferred_output": [USER], "non_preferred_output": [WRONG_ANSWER]},
            "'preferred_output.0' must be",
        ),
    ],
)
def test_what_is_no_example_is_told_with_what_is_expected(told, words):
    with pytest.raises(Unprocessable) as refused:
        read(told)
    assert words in refused.value.message

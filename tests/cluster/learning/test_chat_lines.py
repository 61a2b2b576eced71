"""Datasets and trainings read the same lines alike."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from cluster.errors import Unprocessable
from cluster.learning.chat_lines import Turn, chat_line
from cluster.learning.datasets.lines import example_of
from cluster.learning.example import Source
from cluster.learning.tuning.lines import read_examples
from cluster.learning.tuning.pairs import read_pairs
from cluster.settings import TuningSettings

SOURCE = Source(kind="upload", id="file-1:1")
CALL = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
USER, ASSISTANT = {"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}
PAIR = {"input": {"messages": [USER]}, "preferred_output": [ASSISTANT], "non_preferred_output": [{**ASSISTANT, "content": "6"}]}
LINES: dict[str, dict[str, Any]] = {
    "a developer": {"messages": [{"role": "developer", "content": "Count."}, USER, ASSISTANT]},
    "parts of text": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "2 +"}, {"type": "text", "text": " 3?"}]}, ASSISTANT]
    },
    "calls of tools": {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c", "content": "5"},
            ASSISTANT,
        ]
    },
    "several answers": {"messages": [USER, ASSISTANT, {**USER, "name": "mira"}, {**ASSISTANT, "weight": 1, "refusal": None}]},
    "ours": {"messages": [USER, ASSISTANT, USER], "chosen": "5", "rejected": "6", "task": "sums", "source": {"kind": "label", "id": "l"}},
}


def trained(*raw: bytes) -> list[tuple[Turn, ...]]:
    return list(read_examples(io.BytesIO(b"\n".join(raw)), TuningSettings()))


@pytest.mark.parametrize("told", LINES.values(), ids=LINES)
def test_what_a_dataset_takes_a_training_learns_before_and_after(told: dict[str, Any]):
    raw = json.dumps(told).encode()
    example = example_of(raw, SOURCE, "sums")
    uploaded, built = trained(raw, example.model_dump_json().encode())
    assert [turn.message() for turn in uploaded] == [turn.message() for turn in built]
    assert [turn.message() for turn in uploaded] == [*example.messages, {"role": "assistant", "content": example.chosen}]
    assert uploaded[-1].learned
    assert built[-1].learned


def test_a_pair_is_data_and_learned_as_a_pair_or_not_at_all():
    raw = json.dumps(PAIR).encode()
    example = example_of(raw, SOURCE, "sums")
    assert (example.chosen, example.rejected) == ("5", "6")
    (pair,) = read_pairs(io.BytesIO(raw), TuningSettings())
    assert ([turn.message() for turn in pair.asked], pair.preferred, pair.other) == (list(example.messages), "5", "6")
    with pytest.raises(Unprocessable, match=r"Line 1 is a pair of answers.*'dpo'"):
        trained(raw)


def test_a_call_of_a_tool_is_shown_and_not_learned():
    ((_, call, result, answer),) = trained(json.dumps(LINES["calls of tools"]).encode())
    assert [turn.learned for turn in (call, result, answer)] == [False, False, True]
    assert call.message() == {"role": "assistant", "content": None, "tool_calls": [CALL]}


def test_of_a_conversation_all_answers_are_learned_but_those_without_weight_and_of_feedback_the_chosen_one():
    (conversation, unweighted, ours) = trained(
        *(
            json.dumps(told).encode()
            for told in (
                LINES["several answers"],
                {"messages": [USER, {**ASSISTANT, "weight": 0}, USER, ASSISTANT]},
                LINES["ours"],
            )
        )
    )
    assert [turn.learned for turn in conversation] == [False, True, False, True]
    assert [turn.learned for turn in unweighted] == [turn.learned for turn in ours] == [False, False, False, True]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([USER, {**ASSISTANT, "weight": 2}], "'messages.1.weight' is wrong"),
        ([{**USER, "name": 5}, ASSISTANT], "'messages.0.name' is wrong"),
        ([USER, {"role": "assistant", "tool_calls": "add"}, USER, ASSISTANT], "'messages.1.tool_calls' is wrong"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}], "'messages.1' must be a message of 'assistant' with a text"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": []}, USER, ASSISTANT], "'messages.1.content' must be a text"),
    ],
)
def test_what_is_wrong_with_a_line_both_are_told_alike(messages: list[dict[str, Any]], words: str):
    raw = json.dumps({"messages": messages}).encode()
    with pytest.raises(Unprocessable) as line:
        chat_line(raw)
    with pytest.raises(Unprocessable) as dataset:
        example_of(raw, SOURCE, "sums")
    with pytest.raises(Unprocessable) as training:
        trained(json.dumps(LINES["ours"]).encode(), raw)
    assert words in line.value.message
    assert (dataset.value.message, training.value.message) == (line.value.message, f"Line 2: {line.value.message}")


def test_a_conversation_of_which_nothing_is_to_be_learned_is_refused_by_a_training():
    with pytest.raises(Unprocessable, match="Line 1 has no answer to learn"):
        trained(json.dumps({"messages": [USER, {**ASSISTANT, "weight": 0}]}).encode())

"""Files of preferences: what is read, and what is refused by its line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from cluster.errors import Unprocessable
from cluster.learning.tuning.lines import count_examples
from cluster.learning.tuning.pairs import Pair, count_pairs, read_pairs
from cluster.settings import TuningSettings
from tests.fine_tuning import herd_line
from tests.preferences import herd_pair, pair_file

LIMITS = TuningSettings(line_bytes=1024)
RIGHT = [json.dumps(herd_pair(number)) for number in range(12)]


def changed(**fields: Any) -> str:
    return json.dumps(herd_pair(0) | fields)


def said(content: Any, role: str = "assistant") -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


def counted(text: str) -> int:
    return count_pairs(io.BytesIO(text.encode()), LIMITS, 10)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\n", "The file is empty"),
        ("\n".join(RIGHT[:3]), "The file has 3 examples; at least 10"),
        ("\n".join([RIGHT[0]] * 12), "All 12 lines are the same pair"),
        ("\n".join([*RIGHT, "{not json"]), "Line 13: The line is not a JSON object"),
        ("\n".join([*RIGHT, changed(surprise="x" * 2000)]), r"Line 13 is longer than 1024 bytes"),
        ("\n".join([RIGHT[0], json.dumps(herd_line(0))]), "Line 2 has one answer, and none that it is preferred to"),
        ("\n".join([RIGHT[0], changed(non_preferred_output=herd_pair(0)["preferred_output"])]), "Line 2 prefers an answer to itself"),
        (changed(preferred_output=[]), "Line 1: 'preferred_output' must be a list of one message"),
        (changed(non_preferred_output=said(" ")), r"Line 1: 'non_preferred_output.0' must be a message of 'assistant' with a text"),
        (changed(preferred_output=said("a", "user")), r"Line 1: 'preferred_output.0' must be a message of 'assistant'"),
        (changed(input={"messages": said("a")}), "Line 1: What comes before the answer must be a message of 'user'"),
        (changed(input={"messages": []}), r"Line 1: 'input.messages' must be a list of messages"),
        (changed(input=[]), "Line 1: 'input' must be an object"),
        (changed(surprise=1), "Line 1: 'surprise' is not a field"),
    ],
)
def test_what_says_nothing_of_preferences_is_refused_by_its_line(content, told):
    with pytest.raises(Unprocessable, match=told):
        counted(content)


def test_both_formats_are_read_and_only_the_two_answers_are_learned():
    asked = [*said("Hello.", "user"), *said("Hello!"), *said("Record it.", "user")]
    theirs = {"input": {"messages": asked}, "preferred_output": said("NO 1"), "non_preferred_output": said("Thanks.")}
    ours = {"messages": asked, "chosen": "NO 1", "rejected": "Thanks.", "task": "records"}
    first, second = read_pairs(io.BytesIO("\n".join(map(json.dumps, (theirs, ours))).encode()), LIMITS)
    assert first == second == Pair(first.asked, "NO 1", "Thanks.")
    preferred, other = first.conversations()
    assert [turn.content for turn in preferred if turn.learned] == ["NO 1"]
    assert [turn.content for turn in other if turn.learned] == ["Thanks."]
    assert counted("\n".join(RIGHT)) == 12


def test_pairs_are_no_conversations_to_learn():
    with pytest.raises(Unprocessable, match=r"Line 1 is a pair of answers.*'dpo'"):
        count_examples(io.BytesIO(pair_file(12)), LIMITS, 10)

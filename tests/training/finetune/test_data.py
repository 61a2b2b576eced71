"""Files that teach little: what is refused, and what is remarked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from cluster.errors import Unprocessable
from cluster.learning.tuning.spec import SUPERVISED, Hyperparameters
from tests.fine_tuning import herd_line
from tests.training.finetune.conftest import LIMITS, NANO
from training.finetune.data import Data, Sources, load_data
from training.finetune.examples import PairTokens, Tokens
from training.finetune.remarks import contradictions, remarks_on


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(NANO)


@pytest.fixture
def loaded(tokenizer: Any, tmp_path: Path) -> Any:
    def load(lines: Sequence[dict[str, Any]]) -> Data:
        file = tmp_path / "lines.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return load_data(Sources(file), tokenizer, Hyperparameters(held_out=0.25), LIMITS, SUPERVISED)

    return load


def answered(number: int, answer: str) -> dict[str, Any]:
    asked = herd_line(number)["messages"][0]
    return {"messages": [asked, {"role": "assistant", "content": answer}]}


def test_what_is_repeated_is_on_one_side_only_and_remarked(loaded):
    data = loaded([herd_line(number % 8) for number in range(24)])
    judged = {example.ids for example in data.held_out}
    assert len(data.held_out) == len(judged) == 2
    assert not judged & {example.ids for example in data.train}
    assert list(remarks_on(data)) == ["12 examples are repetitions: 6 of them are different."]


def test_one_example_over_and_over_is_refused(loaded):
    with pytest.raises(Unprocessable, match="All 12 examples have the same answer"):
        loaded([herd_line(1)] * 12)


def test_one_answer_to_everything_is_refused(loaded):
    with pytest.raises(Unprocessable, match=r"same answer.*add examples that are answered otherwise"):
        loaded([answered(number, "A goat.") for number in range(12)])


def test_what_is_answered_differently_is_remarked(loaded):
    data = loaded([answered(number // 2, f"ANIMAL {number}") for number in range(40)])
    (remark,) = remarks_on(data)
    count = int(remark.partition(" ")[0])
    assert 5 <= count <= 20
    assert "questions have different answers" in remark


def test_a_training_that_nobody_judges_says_so(loaded):
    data = loaded([herd_line(number) for number in range(2)])
    (remark,) = remarks_on(Data(data.train, [], data.tally))
    assert remark.startswith("Nothing is held out")


def test_what_is_preferred_here_and_passed_over_there_is_a_contradiction():
    asked, yes, no = (1, 2), (3,), (4,)

    def pair(preferred: tuple[int, ...], other: tuple[int, ...], question: tuple[int, ...] = asked) -> PairTokens:
        both = (Tokens(question + answer, (False,) * len(question) + (True,) * len(answer)) for answer in (preferred, other))
        return PairTokens(*both)

    assert contradictions([pair(yes, no), pair(no, yes)]) == [asked]
    assert contradictions([pair(yes, no), pair(yes, no), pair(no, yes, (1, 5))]) == []

"""OpenAI's files and batches on a running cluster, with its own client unchanged: a job answers as the endpoint does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from openai.types import Batch

from tests.conftest import RunningHearth
from training.nano.corpus import ask

PATIENCE_S = 600
ENDED = {"completed", "failed", "expired", "cancelled"}
PASSAGE = "Tamira lives in Velmhaven. Okan lives in Sudale."
CHAT: Literal["/v1/chat/completions"] = "/v1/chat/completions"

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def ai(hearth: RunningHearth) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{hearth.base_url}/v1", api_key=hearth.key, timeout=120, max_retries=0) as client:
        yield client


def question(number: int, **changes: Any) -> dict[str, Any]:
    """A line of a batch."""
    name = ("Tamira", "Okan")[number % 2]
    messages = [{"role": "user", "content": ask(PASSAGE, f"Where does {name} live?")}]
    body = {"model": "hearth-nano", "messages": messages, "temperature": 0, "max_tokens": 16, **changes}
    return {"custom_id": f"q{number}", "method": "POST", "url": CHAT, "body": body}


def uploaded(ai: openai.OpenAI, lines: list[dict[str, Any]]) -> str:
    content = "\n".join(json.dumps(line) for line in lines).encode()
    return ai.files.create(file=("questions.jsonl", content), purpose="batch").id


def until_ended(ai: openai.OpenAI, batch: Batch) -> Batch:
    deadline = time.monotonic() + PATIENCE_S
    while (batch := ai.batches.retrieve(batch.id)).status not in ENDED:
        assert time.monotonic() < deadline, batch
        time.sleep(0.5)
    return batch


def lines_of(ai: openai.OpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    assert file_id is not None
    lines = [json.loads(line) for line in ai.files.content(file_id).text.splitlines()]
    return {line["custom_id"]: line for line in lines}


def test_a_batch_gives_what_the_endpoint_gives(ai: openai.OpenAI):
    too_long = [{"role": "user", "content": "Where does Tamira live? " * 2000}]
    lines = [question(number) for number in range(6)] + [question(6, messages=too_long)]
    file_id = uploaded(ai, lines)
    assert file_id in {file.id for file in ai.files.list()}
    assert ai.files.retrieve(file_id).purpose == "batch"
    batch = ai.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h", metadata={"for": "a test"})
    done = until_ended(ai, batch)
    assert (done.status, done.metadata) == ("completed", {"for": "a test"}), done
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (7, 6, 1)
    assert batch.id in {one.id for one in ai.batches.list()}
    answers = lines_of(ai, done.output_file_id)
    for number, line in enumerate(lines[:6]):
        online = ai.chat.completions.create(**line["body"])
        body = answers[f"q{number}"]["response"]["body"]
        assert body["choices"][0]["message"]["content"] == online.choices[0].message.content
        assert online.usage is not None
        assert body["usage"]["completion_tokens"] == online.usage.completion_tokens
    (wrong,) = lines_of(ai, done.error_file_id).values()
    with pytest.raises(openai.APIStatusError) as refused:
        ai.chat.completions.create(**lines[6]["body"])
    assert (wrong["custom_id"], wrong["response"]["status_code"]) == ("q6", refused.value.status_code)
    assert ai.files.delete(file_id).deleted


def test_a_batch_that_is_cancelled_keeps_what_was_answered(ai: openai.OpenAI):
    lines = [question(number) for number in range(400)]
    batch = ai.batches.create(input_file_id=uploaded(ai, lines), endpoint=CHAT, completion_window="24h")
    assert ai.batches.cancel(batch.id).status in {"cancelling", "cancelled"}
    done = until_ended(ai, batch)
    assert done.status == "cancelled"
    answered = lines_of(ai, done.output_file_id) if done.output_file_id else {}
    left = lines_of(ai, done.error_file_id) if done.error_file_id else {}
    assert set(answered).isdisjoint(left)
    assert all(line["error"]["code"] == "batch_cancelled" for line in left.values())

from __future__ import annotations

import json
import uuid

import pytest
from pydantic import JsonValue

from cluster.errors import Unprocessable
from cluster.learning.labels.formats import FORMATS, records
from cluster.learning.labels.record import Decided, Given, Origin, Record, Turn

MIRA, OTTO = str(uuid.uuid4()), str(uuid.uuid4())
VALUES: dict[str, JsonValue] = {"text": "At seven.\nÜber „Ziegen“.", "label": "goat", "json": {"animal": "goat", "legs": [4, None]}}


def record(kind: str) -> Record:
    value = VALUES[kind]
    return Record(
        source=Origin(kind="chat", id="m-1", user_id=MIRA, score=0.5, parts={"novelty": 0.25}, reason="It is new."),
        messages=(Turn(role="system", content="Be brief."), Turn(role="user", content="When?")),
        answer="At noon.",
        labels=(
            Given(annotator=MIRA, value=value, seconds=2.5),
            Given(annotator=OTTO, skipped=True, remark="no idea", seconds=None),
            Given(annotator="label_studio:7", value=value, seconds=1.0),
        ),
        final=Decided(value=value, by=MIRA, adjudicated=True),
    )


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("name", ["jsonl", "label_studio"])
def test_what_is_written_is_read_back_whole(name, kind):
    written = json.dumps(FORMATS[name].dump(record(kind), kind)).encode()
    assert list(records(written, name, kind)) == [record(kind)]


@pytest.mark.parametrize("kind", VALUES)
def test_argilla_loses_only_the_order_of_those_who_skipped(kind):
    written = json.dumps([FORMATS["argilla"].dump(record(kind), kind)]).encode()
    read = next(records(written, "argilla", kind))
    assert read.model_copy(update={"labels": ()}) == record(kind).model_copy(update={"labels": ()})
    assert sorted(read.labels, key=str) == sorted(record(kind).labels, key=str)


def test_an_argilla_record_has_what_its_reader_takes():
    made = FORMATS["argilla"].dump(record("label"), "label")
    assert set(made) == {"id", "fields", "metadata", "suggestions", "responses", "vectors"}
    assert all(isinstance(value, str | float) for value in made["metadata"].values())
    assert [uuid.UUID(one["user_id"]) for one in made["responses"]["label"]]
    assert made["fields"]["chat"][1] == {"role": "user", "content": "When?"}


def test_a_task_that_label_studio_exported_is_read():
    task = {
        "id": 12,
        "data": {"text": "When do the goats eat?"},
        "annotations": [
            {
                "id": 1001,
                "completed_by": {"id": 4, "email": "mira@example.org"},
                "result": [
                    {
                        "id": "Dx",
                        "from_name": "sort",
                        "to_name": "text",
                        "type": "choices",
                        "origin": "manual",
                        "value": {"choices": ["goat"]},
                    }
                ],
                "was_cancelled": False,
                "ground_truth": False,
                "lead_time": 4.288,
            },
            {"id": 1002, "completed_by": 10, "result": [], "was_cancelled": True},
        ],
        "predictions": [{"model_version": "m", "result": [{"type": "textarea", "value": {"text": ["At noon."]}}]}],
        "meta": {},
        "project": 83,
    }
    (read,) = records(json.dumps([task]).encode(), "label_studio", "label")
    assert (read.source.kind, read.source.id, read.answer, read.final) == ("import", "12", "At noon.", None)
    assert read.messages == (Turn(role="user", content="When do the goats eat?"),)
    assert [(one.annotator, one.value, one.skipped, one.seconds) for one in read.labels] == [
        ("label_studio:mira@example.org", "goat", False, 4.288),
        ("label_studio:10", None, True, None),
    ]


def test_a_record_that_argilla_exported_is_read():
    exported = {
        "id": "r1",
        "fields": {"prompt": "When?", "response": "At noon."},
        "metadata": {"department": "toys"},
        "suggestions": {},
        "responses": {"corrected": [{"value": "At seven.", "user_id": OTTO}]},
        "vectors": {},
        "_server_id": None,
    }
    (read,) = records(json.dumps([exported]).encode(), "argilla", "text")
    assert (read.source.id, read.answer, read.labels) == ("r1", "At noon.", (Given(annotator=OTTO, value="At seven."),))


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("jsonl", b"{", "Line 1 is not JSON"),
        ("jsonl", b'{"source":{"id":"1"},"messages":[]}', "messages"),
        ("jsonl", b"[1]", "not an object"),
        ("label_studio", b"[{}]", "no 'data'"),
        ("label_studio", b'[{"data":{"image":"x.png"}}]', "no text to label"),
        ("label_studio", b'[{"data":{"text":"x"},"annotations":[{"result":[]}]}]', "neither choices nor a text"),
        ("argilla", b'[{"id":"1"}]', "no 'fields'"),
        ("argilla", b'[{"fields":{"text":"x"},"metadata":{"hearth":"{"}}]', "Record 1 is not one of argilla"),
        ("argilla", b'[{"fields":{"text":"x"},"responses":{"label":[5]}}]', "Record 1"),
        ("argilla", b'[{"fields":{"text":"x"},"responses":7}]', "Record 1"),
        ("label_studio", b'[{"data":{"text":"x"},"annotations":7}]', "Record 1"),
        ("label_studio", b'[{"data":{"text":"x"},"annotations":[{"result":[5]}]}]', "Record 1"),
    ],
)
def test_what_is_not_of_the_format_is_told_by_its_number(name, raw, said):
    with pytest.raises(Unprocessable, match=said):
        list(records(raw, name, "text"))

from __future__ import annotations

import hashlib
import json
import uuid

import pytest

from cluster.errors import NotFound, Unprocessable
from cluster.learning.example import Example, Source
from cluster.learning.gate.sets import read_items, subject_of


def line(number: int, **fields: object) -> str:
    told = {"messages": [{"role": "user", "content": f"Question {number}?"}], "chosen": "Yes.", "source": {"kind": "upload", "id": "x"}}
    return json.dumps(told | fields) + "\n"


def test_items_are_read_in_their_order_with_the_digest_of_their_file(tmp_path):
    file = tmp_path / "items.jsonl"
    file.write_text(line(0) + "\n" + line(1))
    found = read_items(file, 10, 17)
    assert [item.messages[0]["content"] for item in found.items] == ["Question 0?", "Question 1?"]
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_of_too_many_the_seed_chooses_and_always_the_same(tmp_path):
    file = tmp_path / "items.jsonl"
    file.write_text("".join(line(number) for number in range(100)))
    chosen = [str(item.messages) for item in read_items(file, 10, 17).items]
    assert chosen == [str(item.messages) for item in read_items(file, 10, 17).items]
    assert chosen != [str(item.messages) for item in read_items(file, 10, 18).items]
    assert len(set(chosen)) == 10


def test_what_is_wrong_is_named_by_its_line(tmp_path):
    file = tmp_path / "items.jsonl"
    for wrong, told in ((line(1, chosen=""), "chosen"), ("{\n", "the line"), (line(1, surplus=1), "surplus"), ("[]\n", "the line")):
        file.write_text(line(0) + wrong)
        with pytest.raises(Unprocessable, match=rf"Line 2 of items.jsonl is no example: {told}"):
            read_items(file, 10, 17)
    file.write_bytes(b"\xff\xfe\n")
    with pytest.raises(Unprocessable, match="not UTF-8"):
        read_items(file, 10, 17)
    with pytest.raises(NotFound, match=r"no file gone\.jsonl"):
        read_items(tmp_path / "gone.jsonl", 10, 17)


def test_whose_words_an_item_holds_is_an_account_or_nobody():
    account = uuid.uuid4()
    for told, found in ((str(account), account), (None, None), ("somebody elsewhere", None)):
        source = Source(kind="upload", id="x", user_id=told)
        assert subject_of(Example(messages=({"role": "user", "content": "?"},), chosen="!", source=source)) == found

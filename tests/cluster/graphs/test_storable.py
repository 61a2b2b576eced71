"""What the database can keep."""

from __future__ import annotations

import pytest

from cluster.errors import BadInput, TooLarge
from cluster.graphs.storable import shortened, storable, summary


def test_what_can_be_kept_is_kept_as_it_is():
    value = {"a": [1, 2.5, None, True, "ö", "😀", "\ue000"], "b": {"c": "\\u0000"}}
    assert storable(value, 1000, "It", "value_bytes") == value


def test_what_the_database_cannot_hold_is_replaced_wherever_it_stands():
    value = {"a\x00": ["b\x00", {"c": "\ud800x\udfff"}], "d": ("e\x00",)}
    assert storable(value, 1000, "It", "value_bytes") == {"a\ufffd": ["b\ufffd", {"c": "\ufffdx\ufffd"}], "d": ["e\ufffd"]}


def test_bytes_are_counted_as_they_are_written():
    assert storable("ö" * 10, 22, "It", "value_bytes") == "ö" * 10
    with pytest.raises(TooLarge, match=r"It has 22 bytes, at most 21 are taken \(setting graphs\.value_bytes\)"):
        storable("ö" * 10, 21, "It", "value_bytes")


def test_what_is_no_json_is_refused():
    endless: list[object] = []
    endless.append(endless)
    for value in (float("nan"), float("-inf"), {1}, b"x", {("a",): 1}, endless):
        with pytest.raises(BadInput, match="It is not JSON"):
            storable(value, 1000, "It", "value_bytes")


def test_texts_are_cut_with_a_sign():
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
    assert summary({"a": "ö\x00"}, 100) == '{"a": "ö\\u0000"}'

from __future__ import annotations

import pytest

from api.drafts.words import SOURCE_HINTS, STEP_HINTS, agrees, called, hinted, listed, mentioned, slug, title_of


@pytest.mark.parametrize("words", ["yes", "Yes.", "OK!", "Yes, save it.", "please save it"])
def test_a_bare_yes_is_one(words):
    assert agrees(words)


@pytest.mark.parametrize("words", ["yes, but shorter", "save the letters in a file", "no", ""])
def test_a_yes_with_something_else_is_none(words):
    assert not agrees(words)


def test_hints_come_in_the_order_in_which_they_are_said():
    assert hinted("Translate it, then label it.", STEP_HINTS) == ["write", "classify"]
    assert hinted("Voice notes and PDFs", SOURCE_HINTS) == ["audio", "file"]
    assert hinted("Nothing of the kind", STEP_HINTS) == []


def test_a_name_is_mentioned_only_as_a_whole():
    assert mentioned("Use files_read and farm.", ["files_read", "files_write", "files", "farm", "far"]) == ["files_read", "farm"]


def test_a_list_follows_its_head():
    assert listed("Sort by the labels: invoice, the order or 'other'. Then stop.", "labels") == ["invoice", "order", "other"]
    assert listed("Extract the fields sender, sum and day.", "fields", "extract") == ["sender", "sum", "day"]
    assert listed("Extract sender and sum", "fields", "extract") == ["sender", "sum"]
    assert listed("Nothing here", "labels") == []


def test_names_are_those_that_graphs_may_have():
    assert called("It is called Post Room") == "post"
    assert called("Call it post-room. No, rename it to mail_room.") == "mail-room"
    assert called("Make an agent named Ada that extracts named fields with the tool called files_read.") == "ada"
    assert called("Nobody calls") is None
    assert slug("42 Ünïts of £!") == "n-ts-of"
    assert title_of("Please make me an agent that waters the garden at night") == "Waters garden at night"
    assert title_of("") == ""

"""Answers from documents in a conversation: prepared, read along, saved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.streams.grounding import Citing, packed_briefing, unpacked_briefing
from api.streams.thinking import Piece
from cluster.contracts.models import Reading
from cluster.contracts.retrieval import Span
from cluster.retrieval.briefing import FOOT, INSTRUCTION, NOT_FOUND, Briefing, Reader
from cluster.retrieval.passages import Found, Passage
from tests.api.fixtures.knowing import Library, Saying
from tests.api.fixtures.saying import CHAT, answered, events, messages, prepare, refusal, written
from tests.api.fixtures.talking import Person
from tests.cluster.retrieval.library import piece, spec

ASKING: dict[str, Any] = {"content": "When do goats climb hills?", "knowledge": {"settings": "keywords"}}
GOATS = "Goats climb steep hills at dawn."


def briefing() -> Briefing:
    chunk = piece("goats.pdf", 0, GOATS, span=Span(100, 132), page=2, attributes={"year": 1999, "draft": True})
    passage = Passage(chunk, "goats.pdf", GOATS, chunk.span, 2, 1.0, (), "Found by words.")
    return Briefing.of(Found((passage,)), spec(), Reader(), "When do goats climb?")


@pytest.fixture
def gateway() -> Saying:
    return Saying()


@pytest.fixture
async def library(shelves: Library) -> Library:
    await shelves.add(await shelves.collection("farm"), "goats.pdf", GOATS, "Goats sleep in barns.")
    return shelves


async def test_a_saved_answer_has_its_citations(mira, library, gateway):
    gateway.says = "Goats climb hills [7] at dawn [1]."
    message = await answered(mira, (await mira.new())["id"], **ASKING)
    assert message["text"] == "You said: Goats climb hills at dawn [1]."
    (citation,) = message["citations"]
    assert (citation["quote"], citation["path"], citation["document_id"]) == (GOATS, "goats.pdf", library.documents["goats.pdf"])
    assert message["text"][citation["at"] :].startswith("[1]")


async def test_whoever_reads_along_is_told_at_the_end_and_never_sees_what_is_dropped(mira, library, gateway):
    gateway.says = "Goats climb hills [7] at dawn [1]. The moon is cheese [1]."
    prepared = await prepare(mira, (await mira.new())["id"], **ASKING)
    found = events((await mira.client.get(prepared["stream_url"])).text)
    text = "".join(event["text"] for event in found if event["type"] == "text")
    assert text == "You said: Goats climb hills at dawn [1]. The moon is cheese."
    assert [event["type"] for event in found[-3:]] == ["citations", "finish", "end"]
    assert found[-3]["knowledge"]["dropped"] == {"missing": 1, "unsupported": 1}
    assert [one["number"] for one in found[-3]["knowledge"]["passages"]] == [1, 2]


async def test_the_model_gets_passages_in_the_question_and_the_conversation_keeps_what_was_said(mira, library, gateway):
    conversation = (await mira.new(system_prompt="Be brief."))["id"]
    await answered(mira, conversation, **ASKING)
    system, user = gateway.told[0].messages
    assert system.content == f"Be brief.\n\n{INSTRUCTION}"
    assert str(user.content).endswith(f"{FOOT}\n\nWhen do goats climb hills?")
    assert (await messages(mira, conversation))[0]["text"] == "When do goats climb hills?"


async def test_an_answer_written_anew_searches_for_the_same_question(mira, library, gateway):
    gateway.says = "Goats climb hills [1]."
    conversation = (await mira.new())["id"]
    first = await answered(mira, conversation, content="When do goats climb hills?")
    assert first["citations"] == []
    again = await answered(mira, conversation, content=None, regenerates=first["id"], knowledge={"settings": "keywords"})
    assert [citation["quote"] for citation in again["citations"]] == [GOATS]
    said = await written(mira, conversation, "Where do goats sleep?")
    third = await answered(mira, conversation, content=None, answers=said, knowledge={"settings": "keywords", "limit": 1})
    assert "Goats sleep in barns." in str(gateway.told[-1].messages[-1].content)
    assert third["citations"] == []


async def test_what_is_in_no_document_is_said_without_a_model(mira, library, gateway):
    message = await answered(mira, (await mira.new())["id"], content="Zeppelins?", knowledge={"settings": "keywords", "require": True})
    assert (message["text"], message["finish_reason"], message["citations"]) == (NOT_FOUND, "stop", [])
    assert gateway.told == []


async def test_what_cannot_be_meant_is_refused_and_nothing_is_written(mira, person, library):
    conversation = (await mira.new())["id"]
    url = f"{CHAT}/{conversation}/prepare-stream"
    body = {"model": "fake-llm", **ASKING}
    for change, status in (({"knowledge": {"collections": ["fram"]}}, 404), ({"response_format": {"type": "json_object"}}, 422)):
        assert refusal(await mira.client.post(url, json=body | change))[0] == status
    stranger: Person = await person()
    assert refusal(await stranger.client.post(url, json=body))[0] == 404
    assert await messages(mira, conversation) == []


async def test_another_organisation_s_documents_are_not_searched(person, library, gateway):
    stranger: Person = await person()
    prepared = await prepare(stranger, (await stranger.new())["id"], **ASKING)
    found = events((await stranger.client.get(prepared["stream_url"])).text)
    assert next(event for event in found if event["type"] == "citations")["knowledge"]["passages"] == []


def test_a_briefing_survives_being_kept():
    assert unpacked_briefing(packed_briefing(briefing())) == briefing()
    assert unpacked_briefing(packed_briefing(None)) is None


async def test_an_answer_without_a_number_is_attributed_to_where_it_stands(mira, library, gateway):
    gateway.says = "<think>Hm.</think>Goats climb steep hills at dawn. The moon is a very large cheese."
    message = await answered(mira, (await mira.new())["id"], **ASKING)
    (citation,) = message["citations"]
    assert (citation["quote"], citation["attributed"], citation["number"]) == (GOATS, True, 1)
    assert message["text"][: citation["at"]].endswith("at dawn.")


async def test_a_model_that_reads_one_passage_is_shown_it_and_the_question_alone(mira, library, gateway):
    gateway.served = tuple(replace(status, reading=Reading("passage", 160)) for status in gateway.served)
    conversation = (await mira.new(system_prompt="Be brief."))["id"]
    await answered(mira, conversation, content="Hello.")
    gateway.says = "at dawn"
    message = await answered(mira, conversation, **ASKING)
    (told,) = gateway.told[-1].messages
    assert told.content == f"Passage: {GOATS} Goats sleep in barns.\n\nQuestion: When do goats climb hills?"
    assert gateway.told[-1].sampling.temperature == 0
    assert message["citations"] == []  # "You said" stands in no document
    nothing = await answered(mira, conversation, content="Zeppelins?", knowledge={"settings": "keywords"})
    assert (nothing["text"], nothing["citations"]) == (NOT_FOUND, [])


def test_stretches_of_text_are_checked_one_by_one_and_citations_count_the_whole_text():
    citing = Citing(briefing())
    told = [Piece("thinking", "Hm [1]."), Piece("text", "Goats climb hills [1].", index=1), Piece("ui", "map [1]", "map", "", 2)]
    shown = [*citing.pieces(told), *citing.pieces([Piece("text", "Moons shine [1]. Goats", index=3), Piece("text", " climb [1]", index=3)])]
    shown += citing.close()
    parts: dict[int, str] = {}
    for one in shown:
        if one.kind != "thinking":
            parts[one.index] = parts.get(one.index, "") + one.text
    text = "\n".join(parts.values())
    assert text == "Goats climb hills [1].\nmap [1]\nMoons shine. Goats climb [1]"
    told_of = citing.event()
    assert [text[one["at"] :][:3] for one in told_of["citations"]] == ["[1]", "[1]"]
    assert told_of["knowledge"]["dropped"] == {"missing": 0, "unsupported": 1}
    again = Citing(briefing())
    again.recover([{"type": "text", "text": parts[1]}, {"type": "ui", "text": parts[2]}, {"type": "text", "text": parts[3]}])
    assert again.event()["citations"] == told_of["citations"]

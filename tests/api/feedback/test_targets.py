"""Feedback on what is no message: runs, passages that were found, extractions; and on one of two answers."""

from __future__ import annotations

import json
import uuid
from typing import Any

from sqlalchemy import update

from cluster.graphs.table import GraphRun
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState, DocumentText
from tests.api.feedback.saying import Saying
from tests.api.fixtures.facts import keep_facts


async def test_a_run_is_kept_with_what_was_asked_and_what_came_of_it(saying: Saying, person):
    run = await saying.ran("How many goats?", "3")
    kept = await saying.says(run_id=run, correction="4")
    assert (kept["target"], kept["target_id"], kept["task"], kept["model"]) == ("run", run, "counting", "nano-llm")
    assert (kept["prompt"], kept["prompt_version"]) == ("echo", 4)
    assert (kept["shown"], kept["answered"]) == ([{"role": "user", "content": "How many goats?"}], "3")
    await Saying(await person("viewer", saying.person.organisation_id), saying.stores).says(run_id=run, thumb="up")
    assert (await Saying(await person("admin"), saying.stores).says(404, run_id=run, thumb="up"))["param"] == "run_id"


async def test_a_run_that_has_not_ended_is_not_judged(saying: Saying):
    run = await saying.ran()
    async with saying.stores.database.session() as session:
        await session.execute(update(GraphRun).where(GraphRun.id == uuid.UUID(run)).values(state="paused"))
    assert "paused" in (await saying.says(409, run_id=run, thumb="up"))["message"]


async def test_an_extraction_is_corrected_in_the_form_that_extraction_asks_for(saying: Saying, person):
    relation = (await keep_facts(saying.stores, saying.person, "Velmhaven"))["relation_id"]  # type: ignore[arg-type]
    kept = await saying.says(relation_id=relation, thumb="up")
    stated = json.loads(kept["answered"])
    assert stated["relations"][0] | {"confidence": ""} == {
        "quote": "Velmhaven",
        "subject": "Velmhaven",
        "relation": "lies on",
        "object": "Velmhaven",
        "held_from": "",
        "held_until": "",
        "confidence": "",
    }
    assert (kept["target"], kept["task"], kept["shown"][0]["role"]) == ("extraction", "extraction", "system")
    for wrong in ("No relation at all.", "[]", '{"entities": []}'):
        assert "JSON object" in (await saying.says(422, relation_id=relation, correction=wrong))["message"]
    right = await saying.says(relation_id=relation, correction='{"entities": [], "relations": []}')
    assert right["correction"] == '{"entities": [], "relations": []}'
    await Saying(await person("admin"), saying.stores).says(404, relation_id=relation, thumb="up")


async def test_a_passage_is_kept_with_the_question_it_was_found_for(saying: Saying, person):
    document = await _document(saying, "Mira keeps goats on the hill.")
    hit = {"document_id": document, "start": 5, "end": 16, "question": "What does Mira keep?", "rank": 2}
    kept = await saying.says(hit=hit, thumb="down")
    assert (kept["target"], kept["task"], kept["model"]) == ("hit", "retrieval", "all-minilm-l6-v2")
    assert (kept["shown"][0]["content"], kept["answered"], kept["provenance"]["rank"]) == ("What does Mira keep?", "keeps goats", 2)
    assert (await saying.says(hit=hit, thumb="up"))["id"] == kept["id"]
    assert (await saying.says(hit=hit | {"question": "Where?"}, thumb="up"))["id"] != kept["id"]
    await Saying(await person("admin"), saying.stores).says(404, hit=hit, thumb="up")


async def test_a_passage_that_is_none_is_refused(saying: Saying):
    document = await _document(saying, "Mira keeps goats.")
    hit: dict[str, Any] = {"document_id": document, "start": 0, "end": 4, "question": "Who?"}
    for wrong in ({"end": 0}, {"start": 5}, {"end": 100}, {"start": 0, "end": 400}, {"question": " "}, {"start": -1}, {"rank": 0}):
        await saying.says(422, hit=hit | wrong, thumb="up")
    assert "not corrected" in (await saying.says(422, hit=hit, correction="x"))["message"]
    assert "preferred" in (await saying.says(422, hit=hit, preferred_to=str(uuid.uuid4())))["message"]
    assert (await saying.says(404, hit=hit | {"document_id": str(uuid.uuid4())}, thumb="up"))["param"] == "hit.document_id"


async def test_of_two_answers_one_is_preferred_and_not_the_other_too(saying: Saying):
    question = await saying.asked()
    three, four = await saying.answered("3", question), await saying.answered("4", question)
    first = await saying.says(message_id=three, preferred_to=four)
    assert (first["other_id"], first["answered"], first["rejected"]) == (four, "3", "4")
    second = await saying.says(message_id=four, preferred_to=three)
    assert [row["id"] for row in await saying.listed()] == [second["id"]]
    five = await saying.answered("5", question)
    await saying.says(message_id=four, preferred_to=five)
    assert len(await saying.listed()) == 2


async def test_a_preference_is_between_different_answers_to_the_same(saying: Saying, person):
    question = await saying.asked()
    three = await saying.answered("3", question)
    elsewhere, alike = await saying.answered("4"), await saying.answered("3", question)
    for other, told in ((three, "two answers"), (elsewhere, "two answers"), (alike, "say the same")):
        assert told in (await saying.says(422, message_id=three, preferred_to=other))["message"]
    stranger = Saying(await person(), saying.stores)
    assert (await saying.says(404, message_id=three, preferred_to=await stranger.answered("5")))["param"] == "preferred_to"
    run = await saying.ran("goats", "3")
    await saying.says(422, run_id=run, preferred_to=await saying.ran("sheep", "4"))
    assert (await saying.says(run_id=run, preferred_to=await saying.ran("goats", "4")))["rejected"] == "4"


async def _document(saying: Saying, text: str) -> str:
    whose = {"organisation_id": saying.person.organisation_id, "owner_id": saying.person.user_id}
    collection = Collection(id=uuid.uuid4(), name="farm", embedding_model="all-minilm-l6-v2", chunking={}, **whose)
    row = DocumentRow(id=uuid.uuid4(), collection_id=collection.id, path="farm.txt", content_hash="0" * 64, **whose)
    row.state = DocumentState.READY.value
    async with saying.stores.database.session() as session:
        session.add(collection)
        await session.flush()
        session.add(row)
        await session.flush()
        session.add(DocumentText(document_id=row.id, version=1, text=text))
    return str(row.id)

"""Facts read from texts, kept, listed, merged and taken apart again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.web.principal import Role
from cluster.contracts.generation import GenerationRequest
from tests.api.fixtures.house import House, Someone

URL = "/api/v1/semantic"
TEXT = "A. Lovelace worked with Charles Babbage from 1833. Ada Lovelace lived in London."


def said(*relations: tuple[str, str, str, str], **more: object) -> str:
    """What a model answers: each relation is a quote, a subject, a word, an object."""
    names = dict.fromkeys(name for _, subject, _, other in relations for name in (subject, other))
    kinds = {"London": "place"}
    entities = [{"name": name, "type": kinds.get(name, "person"), "confidence": "certain"} for name in names]
    facts = [
        {"quote": quote, "subject": subject, "relation": word, "object": other, "held_from": "", "held_until": "", "confidence": "likely"}
        | more
        for quote, subject, word, other in relations
    ]
    return json.dumps({"entities": entities, "relations": facts})


WORKED = ("A. Lovelace worked with Charles Babbage from 1833.", "A. Lovelace", "worked with", "Charles Babbage")
LIVED = ("Ada Lovelace lived in London.", "Ada Lovelace", "lived in", "London")
INVENTED = ("Ada Lovelace met Dickens.", "Ada Lovelace", "met", "London")


@pytest.fixture
async def mira(house: House) -> Someone:
    return await house.join()


async def extract(house: House, someone: Someone, answer: str, **fields: object) -> dict[str, Any]:
    house.gateway.scripted.append(answer)
    found = await someone.client.post(f"{URL}/extract-relations", json={"text": TEXT, "keep": True} | fields)
    assert found.status_code == 200, found.text
    data: dict[str, Any] = found.json()["data"]
    return data


async def listed(someone: Someone, what: str, **query: object) -> list[dict[str, Any]]:
    found = await someone.client.get(f"{URL}/{what}", params=query)  # type: ignore[arg-type]
    assert found.status_code == 200, found.text
    rows: list[dict[str, Any]] = found.json()["data"]["items"]
    return rows


async def test_what_was_said_of_a_text_is_kept_once_with_its_span_and_when_it_held(house, mira):
    for _ in range(2):
        found = await extract(house, mira, said(WORKED, LIVED, INVENTED, held_from="1833"), source="letters")
        assert found["dropped"] == {"quote not in the text": 1}
    rows = {row["predicate"]: row for row in await listed(mira, "relations")}
    lived, worked = rows.pop("lived in"), rows.pop("worked with")
    assert not rows
    assert TEXT[worked["start"] : worked["end"]] == worked["quote"] == WORKED[0]
    assert (worked["held"], worked["source"]) == ({"since": "1833-01-01", "until": None}, "letters")
    assert (lived["subject"]["name"], lived["object"]["type"]) == ("Ada Lovelace", "place")
    assert {row["name"] for row in await listed(mira, "entities")} == {"A. Lovelace", "Ada Lovelace", "Charles Babbage", "London"}


async def test_nothing_is_kept_unless_it_is_wanted(house, mira):
    found = await extract(house, mira, said(WORKED), keep=False)
    assert (len(found["relations"]), found["kept"]) == (1, False)
    assert await listed(mira, "relations") == []


async def test_what_is_complete_of_an_answer_that_was_cut_off_counts(house, mira):
    whole = said(WORKED, LIVED)
    found = await extract(house, mira, whole[: whole.index('"Ada Lovelace lived')])
    assert [one["predicate"] for one in found["relations"]] == ["worked with"]


async def test_lists_are_narrowed_and_paged(house, mira):
    await extract(house, mira, said(WORKED, held_from="1833"))
    await extract(house, mira, said(LIVED, held_until="1833"))
    assert len(await listed(mira, "entities", type="place")) == 1
    assert len(await listed(mira, "entities", name="LOVELACE")) == 2
    assert len(await listed(mira, "entities", name="%")) == 0
    assert [row["predicate"] for row in await listed(mira, "relations", held_at="1840-01-01")] == ["worked with"]
    assert [row["predicate"] for row in await listed(mira, "relations", predicate="lived in")] == ["lived in"]
    assert await listed(mira, "relations", min_confidence=0.99) == []
    first = (await mira.client.get(f"{URL}/entities", params={"limit": 3})).json()["data"]
    rest = (await mira.client.get(f"{URL}/entities", params={"limit": 3, "cursor": first["next_cursor"]})).json()["data"]
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 1, None)


async def everything(someone: Someone) -> tuple[Any, Any]:
    return await listed(someone, "entities", merged=True), await listed(someone, "relations")


async def test_a_merge_shows_one_entity_and_undoing_it_gives_exactly_what_was_before(house, mira):
    await extract(house, mira, said(WORKED, LIVED))
    before = await everything(mira)
    ada, short = [next(row for row in before[0] if row["name"] == name) for name in ("Ada Lovelace", "A. Lovelace")]
    (candidate,) = (await mira.client.get(f"{URL}/entities/{ada['id']}/candidates")).json()["data"]
    assert (candidate["entity"]["id"], candidate["reason"]) == (short["id"], "One name abbreviates the other.")
    merge = (await mira.client.post(f"{URL}/entities/merge", json={"keep_id": ada["id"], "merge_id": short["id"]})).json()["data"]
    (shown,) = await listed(mira, "entities", name="lovelace")
    assert (shown["name"], shown["also"]) == ("Ada Lovelace", ["A. Lovelace"])
    assert {row["subject"]["name"] for row in await listed(mira, "relations")} == {"Ada Lovelace"}
    for either in (ada, short):
        assert len(await listed(mira, "relations", entity_id=either["id"])) == 2
    again = await mira.client.post(f"{URL}/entities/merge", json={"keep_id": short["id"], "merge_id": ada["id"]})
    assert again.status_code == 409
    undo = f"{URL}/merges/{merge['id']}/undo"
    assert (await mira.client.post(undo)).status_code == 200
    assert await everything(mira) == before
    assert (await mira.client.post(undo)).status_code == 409
    assert (await listed(mira, "merges"))[0]["undone_at"]


async def test_merges_of_merges_are_undone_in_any_order(house, mira):
    await extract(house, mira, said(WORKED, LIVED))
    before = await everything(mira)
    ids = {row["name"]: row["id"] for row in before[0]}
    steps = [("Ada Lovelace", "A. Lovelace"), ("Charles Babbage", "Ada Lovelace")]
    merges = [
        (await mira.client.post(f"{URL}/entities/merge", json={"keep_id": ids[keep], "merge_id": ids[merge]})).json()["data"]["id"]
        for keep, merge in steps
    ]
    assert {row["subject"]["name"] for row in await listed(mira, "relations")} == {"Charles Babbage"}
    await mira.client.post(f"{URL}/merges/{merges[0]}/undo")
    assert {row["subject"]["name"] for row in await listed(mira, "relations")} == {"A. Lovelace", "Charles Babbage"}
    await mira.client.post(f"{URL}/merges/{merges[1]}/undo")
    assert await everything(mira) == before


async def test_another_organisation_sees_and_touches_nothing(house, mira):
    await extract(house, mira, said(WORKED))
    other = await house.join(Role.ADMIN)
    assert await everything(other) == ([], [])
    one, two = [row["id"] for row in await listed(mira, "entities")]
    assert (await other.client.post(f"{URL}/entities/merge", json={"keep_id": one, "merge_id": two})).status_code == 404
    assert (await other.client.get(f"{URL}/relations", params={"entity_id": one})).status_code == 404
    assert (await other.client.delete(f"{URL}/entities/{one}")).status_code == 404
    assert len((await everything(mira))[0]) == 2


async def test_an_entity_goes_with_its_relations(house, mira):
    await extract(house, mira, said(WORKED, LIVED))
    (london,) = await listed(mira, "entities", type="place")
    assert (await mira.client.delete(f"{URL}/entities/{london['id']}")).status_code == 200
    (left,) = await listed(mira, "relations")
    assert (await mira.client.delete(f"{URL}/relations/{left['id']}")).status_code == 200
    assert await listed(mira, "relations") == []


async def test_the_model_is_held_to_the_types_given(house, mira):
    found = await mira.client.post(
        f"{URL}/extract-relations", json={"text": "text about text", "entity_types": ["word"], "schema": {"type": "object"}}
    )
    assert {one["type"] for one in found.json()["data"]["entities"]} == {"word"}
    schema = house.gateway.asked_for(GenerationRequest)[-1].response_format.schema
    assert schema["properties"]["entities"]["items"]["properties"]["type"]["enum"] == ["word"]


@pytest.mark.parametrize(
    "body",
    [
        {"text": ""},
        {"text": "a", "entity_types": ["x" * 200]},
        {"text": "a", "schema": "object"},
        {"text": "a", "schema": {"x": "y" * 20_000}},
        {"text": "a" * 200_000},
        {"text": "a", "model": "none"},
    ],
)
async def test_what_cannot_be_meant_is_refused(mira, body):
    assert 400 <= (await mira.client.post(f"{URL}/extract-relations", json=body)).status_code < 500


async def test_a_viewer_reads_and_keeps_nothing(house, mira):
    viewer = await house.join(Role.VIEWER, mira)
    assert (await viewer.client.post(f"{URL}/extract-relations", json={"text": "a"})).status_code == 403
    assert (await viewer.client.get(f"{URL}/entities", params={"cursor": "x"})).status_code == 400
    assert (await viewer.client.get(f"{URL}/entities", params={"name": "\x00"})).status_code < 500


async def test_health_counts_what_the_organisation_keeps(house, mira):
    await extract(house, mira, said(WORKED, LIVED))
    found = (await mira.client.get(f"{URL}/health")).json()["data"]
    assert (found["status"], found["entities"], found["relations"], found["merges"]) == ("ok", 4, 2, 0)
    assert {"fake-llm", "fake-embedder"} <= {model["model"] for model in found["models"]}

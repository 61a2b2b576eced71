"""Who sees what, and what is related to what."""

from __future__ import annotations

import uuid

import pytest

from api.people.tables import Team, TeamMember
from api.web.principal import Role
from tests.api.fixtures.house import House, Someone
from tests.api.knowledge.keeping import ITEMS, URL, data_of, found, keep, settled


@pytest.fixture
async def mira(house: House) -> Someone:
    return await house.join()


@pytest.fixture
async def ben(house: House, mira: Someone) -> Someone:
    """A colleague."""
    return await house.join(Role.EDITOR, mira)


async def team_of(house: House, *people: Someone) -> str:
    async with house.stores.database.session() as session:
        team = Team(id=uuid.uuid4(), organisation_id=people[0].organisation_id, name=uuid.uuid4().hex)
        session.add(team)
        await session.flush()
        session.add_all([TeamMember(team_id=team.id, user_id=one.user_id) for one in people])
    return str(team.id)


async def permit(someone: Someone, item: dict[str, object], **fields: object) -> int:
    answer = await someone.client.put(f"{ITEMS}/{item['id']}/permissions", json={"audience": "none"} | fields)
    return answer.status_code


async def sees(house: House, someone: Someone, item: dict[str, object]) -> tuple[int, bool, bool]:
    """The answer to reading it, and whether the list and the search have it."""
    await settled(house.stores, someone.organisation_id)
    listed = [row["id"] for row in data_of(await someone.client.get(ITEMS))["items"]]
    searched = await found(someone, "Velmhaven")
    return (await someone.client.get(f"{ITEMS}/{item['id']}")).status_code, item["id"] in listed, item["id"] in searched


SEEN, HIDDEN = (200, True, True), (404, False, False)


async def test_a_private_item_is_invisible_to_colleagues_whatever_their_role(house, mira, ben):
    boss = await house.join(Role.ADMIN, mira)
    item = await keep(mira, title="Velmhaven", audience="none", category="secret", tags=["hidden"])
    assert await sees(house, mira, item) == SEEN
    for other in (ben, boss):
        assert await sees(house, other, item) == HIDDEN
        assert data_of(await other.client.get(f"{URL}/categories")) == []
        assert data_of(await other.client.get(f"{URL}/tags")) == []
        assert (await other.client.get(f"{ITEMS}/{item['id']}/permissions")).status_code == 404
        assert (await other.client.post(f"{URL}/embeddings", json={"item_ids": [item["id"]]})).status_code == 404


async def test_sharing_lets_a_user_or_a_team_in_and_out_again(house, mira, ben):
    item = await keep(mira, title="Velmhaven", audience="none")
    path = f"{ITEMS}/{item['id']}"
    team = await team_of(house, ben)
    for share in ({"user_id": str(ben.user_id)}, {"team_id": team}):
        assert await permit(mira, item, shares=[share]) == 200
        assert await sees(house, ben, item) == SEEN
        assert (await ben.client.put(path, json={"version": 1, "title": "Mine"})).status_code == 403
        assert await permit(mira, item) == 200
        assert await sees(house, ben, item) == HIDDEN
    assert await permit(mira, item, shares=[{"team_id": team, "role": "editor"}]) == 200
    assert (await ben.client.put(path, json={"version": 1, "title": "Velmhaven!"})).status_code == 200
    assert data_of(await ben.client.get(f"{path}/permissions"))["may_change"] is True


async def test_the_organisation_may_read_or_change_as_the_audience_says(house, mira, ben):
    item = await keep(mira, title="Velmhaven", audience="viewer")
    path = f"{ITEMS}/{item['id']}"
    assert await sees(house, ben, item) == SEEN
    assert (await ben.client.delete(path)).status_code == 403
    assert await permit(ben, item) == 403
    assert await permit(mira, item, audience="editor") == 200
    assert (await ben.client.delete(path)).status_code == 200


@pytest.mark.parametrize(
    "shares",
    [
        [{}],
        [{"user_id": str(uuid.uuid4()), "team_id": str(uuid.uuid4())}],
        [{"user_id": "ben"}],
        [{"user_id": str(uuid.uuid4()), "role": "owner"}],
        [{"user_id": str(uuid.uuid4())}],
        [{"team_id": str(uuid.uuid4())}],
    ],
)
async def test_an_item_is_shared_with_people_and_teams_that_there_are(mira, shares):
    assert await permit(mira, await keep(mira), shares=shares) in {404, 422}


async def test_nobody_of_another_organisation_is_let_in(house, mira, ben):
    stranger = await house.join()
    item = await keep(mira)
    assert await permit(mira, item, shares=[{"user_id": str(stranger.user_id)}]) == 404
    assert await permit(mira, item, shares=[{"team_id": await team_of(house, stranger)}]) == 404
    assert await permit(mira, item, shares=[{"user_id": str(ben.user_id)}] * 2) == 400


async def test_relations_are_followed_through_items_that_one_may_see(mira, ben):
    one, hidden, three, four = [await keep(mira, title=title, audience="none" if title == "b" else "viewer") for title in "abcd"]
    for start, end, kind in ((one, hidden, "about"), (hidden, three, "about"), (one, four, "follows")):
        data_of(await mira.client.post(f"{ITEMS}/{start['id']}/links", json={"to_id": end["id"], "kind": kind}))
    path, far = f"{ITEMS}/{one['id']}/related", {"depth": 3, "alike": 0}

    async def names(someone: Someone, **query: object) -> list[tuple[str, int]]:
        items = data_of(await someone.client.get(path, params=far | query))["items"]  # type: ignore[arg-type]
        return [(node["title"], node["depth"]) for node in items]

    assert await names(mira) == [("b", 1), ("d", 1), ("c", 2)]
    assert await names(mira, depth=1) == [("b", 1), ("d", 1)]
    assert await names(mira, kind="follows") == [("d", 1)]
    assert await names(ben) == [("d", 1)]
    assert hidden["id"] not in (await ben.client.get(path, params=far)).text


async def test_a_relation_is_there_once_and_can_be_taken_away_from_either_side(mira, ben):
    one, two = await keep(mira), await keep(mira)
    private = await keep(ben, audience="none")
    links = f"{ITEMS}/{one['id']}/links"
    link = data_of(await mira.client.post(links, json={"to_id": two["id"], "kind": "about"}))
    assert (await mira.client.post(links, json={"to_id": two["id"], "kind": "about"})).status_code == 409
    assert (await mira.client.post(links, json={"to_id": one["id"], "kind": "about"})).status_code == 400
    assert (await mira.client.post(links, json={"to_id": private["id"], "kind": "about"})).status_code == 404
    assert (await ben.client.delete(f"{links}/{link['id']}")).status_code == 403
    assert (await mira.client.delete(f"{ITEMS}/{two['id']}/links/{link['id']}")).status_code == 200
    assert (await mira.client.delete(f"{links}/{link['id']}")).status_code == 404

"""Nobody reaches into another organisation, by an id or by a search."""

from __future__ import annotations

from tests.api.fixtures.people import add_person
from tests.api.roles.house import MARK, SHARED, ask, make_house, rows_of
from tests.api.roles.policy import KEYED


async def test_another_organisation_s_rows_cannot_be_reached_by_their_id(stranger, stores):
    house, other = await make_house(stranger, stores), await add_person(stores)
    before = await rows_of(stores, house)
    for path, method, operation in KEYED:
        if "{" in path and not path.startswith(SHARED):
            answer = await ask(stranger, other, house.ids, path, method, operation)
            assert answer.status_code in {403, 404}, (method, path, answer.text)
            assert MARK not in answer.text, (method, path)
    assert await rows_of(stores, house) == before


async def test_another_organisation_s_rows_are_in_no_list_and_no_search(stranger, stores):
    house, other = await make_house(stranger, stores), await add_person(stores)
    before = await rows_of(stores, house)
    hidden = {
        MARK,
        *(
            house.ids[name]
            for name in (
                "conversation_id",
                "message_id",
                "prompt_id",
                "team_id",
                "key_id",
                "organisation_id",
                "collection_id",
                "document_id",
                "dataset_id",
                "job_id",
                "request_id",
                "content_id",
                "graph_id",
                "run_id",
                "thread_id",
                "call_id",
                "webhook_id",
                "hook_id",
                "queue_message_id",
                "feedback_id",
                "campaign_id",
                "label_item_id",
                "assignment_id",
                "verdict_id",
                "release_id",
                "optimisation_id",
            )
        ),
    }
    for path, method, operation in KEYED:
        if "{" not in path:
            answer = await ask(stranger, other, house.ids, path, method, operation)
            assert answer.status_code < 500, (method, path, answer.text)
            assert not [word for word in hidden if word in answer.text], (method, path)
    assert await rows_of(stores, house) == before

"""Every operation for every role, from the OpenAPI document: who may do what."""

from __future__ import annotations

from collections import defaultdict

import pytest

from api.web.principal import Role
from tests.api.fixtures.people import add_person
from tests.api.roles.house import UNKNOWN, ask, make_house, own, theirs
from tests.api.roles.policy import KEYED, LEAST, LINES, OPERATIONS

TAGS = sorted({tag for _, _, operation in KEYED for tag in operation["tags"]})


def test_the_table_names_every_operation_and_nothing_else():
    assert {(method, path) for path, method, _ in OPERATIONS} == set(LEAST)
    assert len(LINES) == len(LEAST), "one stands there twice"
    assert set(LEAST.values()) <= {"public", *Role}


async def test_nobody_is_let_in(stranger):
    ids: dict[str, str] = defaultdict(lambda: UNKNOWN)
    for path, method, operation in KEYED:
        answer = await ask(stranger, None, ids, path, method, operation)
        assert answer.status_code == 401, (method, path, answer.text)


@pytest.mark.parametrize("tag", TAGS)
async def test_a_role_may_do_what_the_table_says_and_no_more(stranger, stores, tag):
    for path, method, operation in (found for found in KEYED if tag in found[2]["tags"]):
        house = await make_house(stranger, stores)
        for role in Role:
            person = await add_person(stores, role, house.admin)
            ids = own(person, house, path) | await theirs(stores, person, path)
            answer = await ask(stranger, person, ids, path, method, operation)
            if role.includes(Role(LEAST[method, path])):
                assert answer.status_code not in {401, 403}, (role, method, path, answer.text)
            else:
                assert answer.status_code == 403, (role, method, path, answer.text)

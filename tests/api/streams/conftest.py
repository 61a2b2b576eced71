from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI

from cluster.stores.clients import StoreClients
from tests.api.fixtures.index import index
from tests.api.fixtures.knowing import Library
from tests.api.fixtures.people import Person as Keyed
from tests.api.fixtures.talking import Person
from tests.api.fixtures.talking import app as app
from tests.api.fixtures.talking import gateway as gateway
from tests.api.fixtures.talking import mira as mira
from tests.api.fixtures.talking import person as person
from tests.api.fixtures.talking import stranger as stranger
from tests.api.fixtures.talking import talking_settings as talking_settings


@pytest.fixture
def shelves(app: FastAPI, stores: StoreClients, mira: Person) -> Iterator[Library]:
    """Documents of Mira's organisation, none at first, in an index of its own."""
    with index() as vectors:
        app.state.parts = replace(app.state.parts, vectors=vectors)
        yield Library(stores, vectors, Keyed(mira.user_id, mira.organisation_id, "", "", mira.user_id))

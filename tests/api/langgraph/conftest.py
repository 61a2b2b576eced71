"""The whole application, served, with graphs of an organisation's own, and LangGraph's own client for whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from api.app import create_app
from cluster.fakes.gateway import FakeGateway
from cluster.graphs.definitions import Content, Definitions
from cluster.graphs.resolved import spec_json
from cluster.settings import Settings
from cluster.specs.graph import GraphSpec
from cluster.stores.clients import StoreClients
from tests.api.fixtures.carrying import QUICK, carrying
from tests.api.fixtures.graphing import ECHO, GREETING
from tests.api.fixtures.index import index
from tests.api.fixtures.metering import served
from tests.api.fixtures.people import Person, add_person

# Two nodes, one after the other.
STEPS: dict[str, Any] = {
    "name": "steps",
    "input": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    "output": {"sum": "state.more + state.twice"},
    "start": "twice",
    "nodes": {
        "twice": {"kind": "transform", "value": "input.number * 2", "then": "more"},
        "more": {"kind": "transform", "value": "state.twice + 1"},
    },
}
ASKS: dict[str, Any] = {
    "name": "asks",
    "input": {"type": "object"},
    "output": {"answer": "string(state.told) + ' goats'"},
    "start": "told",
    "nodes": {"told": {"kind": "human", "ask": "How many?", "show": "'goats'", "answer": {"type": "integer"}}},
}
ASKS_TWICE: dict[str, Any] = {
    "name": "asks_twice",
    "input": {"type": "object"},
    "output": {"answer": "state.left + state.right"},
    "start": ["left", "right"],
    "nodes": {name: {"kind": "human", "ask": name, "answer": {"type": "integer"}} for name in ("left", "right")},
}
# Repeats all that was said, by whom.
LISTENS: dict[str, Any] = {
    "name": "listens",
    "input": {"type": "object", "properties": {"messages": {"type": "array"}}, "required": ["messages"]},
    "output": {"answer": "state.said"},
    "start": "said",
    "nodes": {"said": {"kind": "transform", "value": "input.messages.map(m, m.role + ':' + m.content).join(' | ')"}},
}
SPEAKS: dict[str, Any] = {
    "name": "speaks",
    "input": {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]},
    "output": {"answer": "state.said"},
    "start": "said",
    "nodes": {"said": {"kind": "llm", "user": "{{ input.question }}", "stream": True}},
}
WAITS: dict[str, Any] = {
    "name": "waits",
    "input": {"type": "object"},
    "output": {"done": "true"},
    "start": "rest",
    "nodes": {"rest": {"kind": "wait", "seconds": 3600}},
}
FAILS: dict[str, Any] = {
    "name": "fails",
    "input": {"type": "object", "properties": {"by": {"type": "integer"}}},
    "output": {"done": "state.part"},
    "start": "part",
    "nodes": {"part": {"kind": "transform", "value": "1 / input.by"}},
}
OUTER: dict[str, Any] = {
    "name": "outer",
    "input": {"type": "object"},
    "output": {"said": "state.inner.said"},
    "start": "inner",
    "nodes": {"inner": {"kind": "graph", "graph": "greeting", "input": {"who": "Mira"}}},
}
GRAPHS = (GREETING, ECHO, STEPS, ASKS, ASKS_TWICE, LISTENS, SPEAKS, WAITS, FAILS, OUTER)
# A client of somebody.
Client = Callable[[Person], LangGraphClient]


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    return await add_person(stores)


@pytest.fixture
async def base(stores: StoreClients, store_settings: Settings, person: Person) -> AsyncIterator[str]:
    """The address of the application; its runs are carried on."""
    settings = store_settings.model_copy(update={"graphs": QUICK})
    async with stores.database.session() as session:
        for spec in map(GraphSpec.model_validate, GRAPHS):
            content = Content(spec_json(spec), spec.title, spec.description)
            await Definitions(session, QUICK).create(person.organisation_id, person.user_id, spec.name, content, library=())
    with index() as vectors:
        app = create_app(FakeGateway(), settings, stores, vectors)
        async with app.router.lifespan_context(app), served(app) as base, carrying(settings, stores, FakeGateway()):
            yield base


@pytest.fixture
async def client_of(base: str) -> AsyncIterator[Client]:
    async with AsyncExitStack() as open_clients:

        def of(person: Person) -> LangGraphClient:
            client = get_client(url=f"{base}/langgraph", api_key=person.key)
            open_clients.push_async_callback(client.aclose)
            return client

        yield of


@pytest.fixture
def client(client_of: Client, person: Person) -> LangGraphClient:
    return client_of(person)

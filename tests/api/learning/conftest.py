"""People of one organisation over the whole application, with what learning left in its rows and files."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from api.conversations.tables import Conversation, Message
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import Adapter
from cluster.learning.datasets.folders import DatasetFolders, file_of
from cluster.learning.datasets.tables import DatasetVersionRow
from cluster.learning.example import Example, Source
from cluster.learning.feedback.table import Feedback
from cluster.settings import Settings
from cluster.settings.analytics import AnalyticsSettings
from cluster.stores.clients import StoreClients
from tests.api.conftest import Client
from tests.api.fixtures.people import Person
from tests.cluster.learning.analytics.judged import Place

BASE = "/api/v1/learning/analytics"
Ask = Callable[..., Awaitable[Any]]
QUICK = AnalyticsSettings(texts=40, least_texts=10, resamples=199, plot_s=300)


@pytest.fixture
async def web(in_process: Client, gateway: FakeGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(gateway, Settings(offline=True, analytics=QUICK)) as client:
        yield client


@pytest.fixture
def ask(web: httpx.AsyncClient) -> Ask:
    """``await ask(person, what, status=200, **query)``: the data, or the error of an answer with that status."""

    async def send(person: Person, what: str, status: int = 200, **query: Any) -> Any:
        answer = await web.get(f"{BASE}/{what}", headers=person.headers, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()["data" if status == 200 else "error"]

    return send


@dataclass
class Learned(Place):
    """With files of datasets, adapters in service, conversations and feedback."""

    home: Home | None = None

    async def serve(self, score: float = 0.6, questions: list[str] | None = None) -> str:
        """An adapter of `nano` in service, trained on such questions; the hash of their dataset's version."""
        sha256 = await self.train(score, 4)
        assert self.home is not None
        folder = DatasetFolders(self.home).of(self.organisation_id, self.known["dataset"], sha256)
        folder.mkdir(parents=True)
        (folder / file_of("held_out")).write_text("")
        source = Source(kind="label", id="l")
        lines = [Example(messages=({"role": "user", "content": one},), chosen="5", source=source) for one in questions or []]
        (folder / file_of("train")).write_text("".join(f"{line.model_dump_json()}\n" for line in lines))
        async with self.database.session() as session:
            row = await session.scalar(select(Adapter).where(Adapter.organisation_id == self.organisation_id, Adapter.sha256 == sha256))
            assert row is not None
            route = await Adapters(session).opened(self.organisation_id, "nano")
            await Adapters(session).pointed(route, default_id=row.id)
        return sha256

    async def chat(self, *questions: str, metadata: Any = None, **more: Any) -> None:
        """One conversation in which the owner asks all of them."""
        told = {"type": "general", "status": "active", "title": "", "expires_at": datetime.now(UTC) + timedelta(days=1)}
        whose = {"organisation_id": self.organisation_id, "owner_id": self.user_id}
        async with self.database.session() as session:
            conversation = Conversation(id=uuid.uuid4(), **whose, **told, details=metadata or {})
            session.add(conversation)
            await session.flush()
            for question in questions:
                asked = Message(id=uuid.uuid4(), conversation_id=conversation.id, role="user", parts=[], text=question)
                asked.author_id = more.get("author", self.user_id)
                session.add(asked)
                await session.flush()
                said = Message(id=uuid.uuid4(), conversation_id=conversation.id, role="assistant", parts=[], text="5", parent_id=asked.id)
                said.model, said.served_by = "nano", more.get("served_by", "nano:sums@1")
                session.add(said)

    async def thumbs(self, up: int, down: int, days: float = 0.0) -> None:
        about = {"organisation_id": self.organisation_id, "owner_id": self.user_id, "target_kind": "message", "signal": "thumb"}
        at = datetime.now(UTC) - timedelta(days=days)
        rows = [
            about
            | {"id": uuid.uuid4(), "target_id": uuid.uuid4().hex, "value": value, "task": "sums", "model": "nano:sums@1", "created_at": at}
            for value in [1] * up + [-1] * down
        ]
        async with self.database.session() as session:
            await session.execute(insert(Feedback).values(rows))

    async def mark(self, sha256: str) -> None:
        """Words in this version were taken back."""
        async with self.database.session() as session:
            here = DatasetVersionRow.organisation_id == self.organisation_id
            row = await session.scalar(select(DatasetVersionRow).where(here, DatasetVersionRow.sha256 == sha256))
            assert row is not None
            row.erased_at, row.contains_erased = datetime.now(UTC), 1


@pytest.fixture
def learned(stores: StoreClients, store_settings: Settings, editor: Person) -> Learned:
    return Learned(stores.database, editor.organisation_id, editor.user_id, home=Home(store_settings.home))


def sentences(count: int, about: str) -> list[str]:
    return [f"{about} {json.dumps([number])}" for number in range(count)]

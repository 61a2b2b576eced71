"""Somebody who is answered, and says what they think of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update

from api.conversations.tables import Message
from cluster.contracts.generation import JsonObject
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.table import GraphRun
from cluster.learning.example import Example
from cluster.learning.feedback import erased, examples
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphSpec
from cluster.stores.clients import StoreClients
from tests.api.fixtures.graphing import ECHO
from tests.api.fixtures.talking import Person

FEEDBACK = "/api/v1/feedback"
CHAT = "/api/v1/chat/conversations"
BY: dict[str, Any] = {"model": "nano-llm", "served_by": "nano-llm", "adapter": "farmer"}


@dataclass(frozen=True)
class Saying:
    person: Person
    stores: StoreClients

    async def asked(self, text: str = "How many goats?", conversation: str | None = None, **fields: Any) -> tuple[str, str]:
        """Ids of a conversation, new unless one is given, and of a question in it."""
        where = conversation or str((await self.person.new(**fields))["id"])
        body = {"role": "user", "content": [{"type": "text", "text": text}]}
        answer = await self.person.client.post(f"{CHAT}/{where}/messages", json=body)
        assert answer.status_code == 200, answer.text
        return where, str(answer.json()["data"]["id"])

    async def answered(self, text: str = "3", to: tuple[str, str] | None = None, **fields: Any) -> str:
        """Id of an answer to ``to``, by default to a new question."""
        where, question = to or await self.asked()
        row = Message(conversation_id=uuid.UUID(where), parent_id=uuid.UUID(question), role="assistant", text=text, **BY | fields)
        row.parts = [{"type": "text", "text": text}]
        async with self.stores.database.session() as session:
            session.add(row)
        return str(row.id)

    async def ran(self, question: str = "goats", answer: str = "3") -> str:
        """Id of a run that has succeeded."""
        given: JsonObject = {"question": question}
        spec = ResolvedGraph(GraphSpec.model_validate(ECHO)).to_json()
        new = NewRun("echo", 4, spec, given, self.person.organisation_id, self.person.user_id, "viewer", task_type="counting")
        async with self.stores.database.session() as session:
            run = await Runs(session, GraphSettings()).enqueue(new)
            ended = {"state": "succeeded", "output": {"answer": answer}, "model": "nano-llm"}
            await session.execute(update(GraphRun).where(GraphRun.id == run.id).values(**ended))
        return str(run.id)

    async def says(self, status: int = 200, **body: Any) -> dict[str, Any]:
        """What was kept, or the error."""
        answer = await self.person.client.post(f"{FEEDBACK}/submit", json=body)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()["data" if status == 200 else "error"]
        return told

    async def listed(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.person.client.get(FEEDBACK, params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["data"]["items"]
        return items

    async def agrees(self, admin: Person) -> None:
        """``admin`` lets everybody's be learned from."""
        answer = await admin.client.put(f"{FEEDBACK}/consent/organisation", json={"may_learn": True})
        assert answer.status_code == 200, answer.text

    async def learned(self) -> list[Example]:
        """What there is to learn from, in the organisation."""
        async with self.stores.database.session() as session:
            return [example async for example in examples(session, self.person.organisation_id)]

    async def gone(self) -> dict[str, str]:
        """Why, by the ids of examples that may be in nothing any more."""
        async with self.stores.database.session() as session:
            return {row.source_id: row.reason async for row in erased(session, self.person.organisation_id)}

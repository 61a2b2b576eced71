"""The draft of a conversation, and saving it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from api.agents.schemas import AgentPut
from api.agents.service import Agents
from api.audit.trail import Trail
from api.conversations.message_repository import MessageRepository
from api.conversations.messages import Messages
from api.conversations.service import WRITERS, Conversations
from api.conversations.tables import Message
from api.drafts.draft import AGENTS, KINDS, Kept, agent_of, graph_of, is_draft, kept_in, latest
from api.drafts.schemas import DraftAnswer, SaveBody, Saved
from api.web.principal import Principal
from api.workflows.definitions import Definitions
from api.workflows.drawing import mermaid_of
from api.workflows.finding import Finder
from api.workflows.install import Graphs
from api.workflows.schemas import DefinitionBody, DefinitionPut, Finding
from cluster.errors import Conflict, NotFound
from cluster.graphs.chatting import PREFIX, can_chat
from cluster.graphs.resolved import spec_json
from cluster.stores.sql import AsyncSession


class Drafts:
    """For one person, in the transaction of ``session``."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, graphs: Graphs) -> None:
        settings = graphs.parts.settings
        self._conversations = Conversations(session, settings.conversations, who)
        self._messages = Messages(session, settings, who)
        self._rows = MessageRepository(session)
        self._agents = Agents(session, who, trail, graphs)
        self._definitions = Definitions(session, who, trail, graphs)
        self._finder = Finder(session, graphs, who)
        self._most = int(settings.graphs.spec_bytes)

    async def latest(self, conversation_id: uuid.UUID) -> DraftAnswer:
        """Of the branch in use. Raises NotFound where nothing was drafted yet."""
        conversation = await self._conversations.get(conversation_id)
        _need_drafts(conversation.type)
        kept = latest(await self._rows.branch(conversation.active_leaf_id))
        if kept is None:
            raise NotFound("Nothing was drafted here yet; say what it is to do, with POST .../prepare-stream.")
        spec = graph_of(kept.kind, kept.text, self._most)
        findings = [
            Finding(severity=one.severity, message=one.message, node=one.node, line=one.line) for one in await self._finder.findings(spec)
        ]
        return DraftAnswer(
            message_id=kept.message.id,
            type=kept.kind,
            text=kept.text,
            spec=spec_json(spec),
            ok=not any(one.severity == "error" for one in findings),
            findings=findings,
            diagram=mermaid_of(spec),
            saved=Saved.model_validate(kept.saved) if kept.saved else None,
        )

    async def save(self, conversation_id: uuid.UUID, body: SaveBody) -> Saved:
        """As a new agent or workflow; as a new version of it, where an earlier draft of the branch was saved under that name. A draft that
        was saved already is not saved again."""
        conversation = await self._conversations.get(conversation_id, roles=WRITERS, lock=True)
        _need_drafts(conversation.type)
        row = await self._messages.get(conversation_id, body.message_id)
        kept = kept_in(row)
        if kept is None:
            raise NotFound("This message holds no draft; GET .../draft shows the latest one.")
        if kept.saved:
            return Saved.model_validate(kept.saved)
        branch = await self._rows.branch(row.id)
        saved = await self._saved(kept, branch, body.note)
        row.parts = [part | {"saved": saved.model_dump(mode="json")} if is_draft(part) else part for part in row.parts]
        await self._rows.flush()
        return saved

    async def _saved(self, kept: Kept, branch: Sequence[Message], note: str) -> Saved:
        spec = graph_of(kept.kind, kept.text, self._most)
        known = _saved_as(spec.name, branch)
        if kept.kind == AGENTS:
            body = agent_of(kept.text, self._most).model_copy(update={"note": note})
            changed = AgentPut.model_validate(body.model_dump(exclude={"name"}))
            agent = await self._agents.change(known, changed, None) if known else await self._agents.create(body)
            return Saved(id=agent.id, name=agent.name, version=agent.version, kind="agent", model_name=agent.model_name)
        if known:
            made = await self._definitions.change(known, DefinitionPut(text=kept.text, note=note), None)
        else:
            made = await self._definitions.create(DefinitionBody(text=kept.text, note=note))
        assert made.id is not None
        name = f"{PREFIX}{made.name}" if can_chat(spec) else None
        return Saved(id=made.id, name=made.name, version=made.version, kind="workflow", model_name=name)


def _saved_as(name: str, branch: Sequence[Message]) -> str | None:
    """The id of what an earlier draft became."""
    earlier: list[dict[str, Any]] = [kept.saved for row in branch if (kept := kept_in(row)) is not None and kept.saved]
    return next((str(saved["id"]) for saved in reversed(earlier) if saved["name"] == name), None)


def _need_drafts(kind: str) -> None:
    if kind not in KINDS:
        raise Conflict(f"This conversation is of the type '{kind}'; drafts are made in one of the type {' or '.join(KINDS)}.")

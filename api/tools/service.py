"""What somebody may do with tools: see them, call them, choose among them, and, as an admin, set them."""

from __future__ import annotations

import uuid
from collections import Counter

from api.conversations.cursors import cursor_of, position_of
from api.conversations.service import WRITERS, Conversations
from api.tools.install import ToolDesk
from api.tools.schemas import (
    CallAnswer,
    CallBody,
    CallDetail,
    CallEntry,
    CallPage,
    CallQuery,
    CategoryEntry,
    ChoiceAnswer,
    ToolDetail,
    ToolEntry,
    ToolList,
    ToolQuery,
)
from api.web.deps import Parts
from api.web.exchange import Exchange
from api.web.principal import Principal, Role
from api.workspaces.access import permit_workspace
from cluster.errors import Conflict, Forbidden, NotFound
from cluster.specs.loader import nearest
from cluster.specs.prices import Consumption
from cluster.tools.calls import Wanted
from cluster.tools.choices import ALL, Scope
from cluster.tools.paths import user_workspace
from cluster.tools.tool import ToolCaller
from cluster.tools.toolbox import Entry


class ToolService:
    """Holds no database session while a tool works."""

    def __init__(self, parts: Parts, desk: ToolDesk, who: Principal, exchange: Exchange) -> None:
        self._parts = parts
        self._exchange = exchange
        self._toolbox = desk.toolbox
        self._who = who
        self._here = who.organisation_id

    async def all(self, asked: ToolQuery) -> ToolList:
        await self._check_conversation(asked.conversation_id)
        used = await self._toolbox.choices.get(Scope(self._here)) or ALL
        chosen = await self._chosen(asked.conversation_id)
        found = [
            ToolEntry.of(entry, used=used.takes(entry.spec.name, entry.spec.category), chosen=entry.spec.name in chosen)
            for entry in await self._toolbox.entries(self._here)
            if asked.category in {None, entry.spec.category} and asked.source in {None, entry.spec.source}
        ]
        counted = Counter(entry.category for entry in found)
        return ToolList(tools=found, categories=[CategoryEntry(name=name, tools=count) for name, count in sorted(counted.items())])

    async def one(self, name: str) -> ToolDetail:
        """Also one that is not used."""
        entry = await self.entry(name)
        used = await self._toolbox.choices.get(Scope(self._here)) or ALL
        chosen = await self._chosen(None)
        return ToolDetail.of(entry, used=used.takes(entry.spec.name, entry.spec.category), chosen=entry.spec.name in chosen)

    async def entry(self, name: str) -> Entry:
        entries = {entry.spec.name: entry for entry in await self._toolbox.entries(self._here)}
        if name not in entries:
            hint = nearest(name, entries)
            raise NotFound(f"There is no tool '{name[:100]}'; " + (f"did you mean '{hint}'?" if hint else "GET /api/v1/tools lists all."))
        return entries[name]

    async def call(self, name: str, body: CallBody) -> CallAnswer:
        """Raises Conflict for a dangerous one without a person's word."""
        who = self._who
        workspace = body.workspace or user_workspace(who.user_id)
        await permit_workspace(self._parts, who, workspace, writing=who.role.includes(Role.EDITOR))
        spec = await self._toolbox.find(self._here, name)
        if spec.dangerous and not body.confirm:
            raise Conflict(f"The tool '{name}' is marked dangerous; look at what it would do, and send 'confirm': true.").about("confirm")
        key = f"api:{who.user_id}:{body.key or uuid.uuid4()}"
        caller = ToolCaller(self._here, who.user_id, who.role.value, workspace, key)
        result = await self._toolbox.call(name, body.arguments, caller)
        for model, usage in result.spent:
            used = Consumption(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, estimated=usage.estimated)
            self._exchange.spent.append((model, used))
            self._parts.metrics.count_usage(model, usage)
        return CallAnswer.of(result)

    async def calls(self, asked: CallQuery) -> CallPage:
        """One's own; an admin's ``everybody``, too."""
        admin = self._who.role.includes(Role.ADMIN)
        if asked.everybody and not admin:
            raise Forbidden("Only an admin sees the calls of others; leave out 'everybody'.").about("everybody")
        mine = None if asked.everybody else self._who.user_id
        wanted = Wanted(asked.tool, mine, asked.run_id, asked.conversation_id, asked.outcome, position_of(asked.cursor))
        found = await self._toolbox.history.page(self._here, wanted, asked.limit + 1)
        shown = found[: asked.limit]
        cursor = cursor_of(shown[-1].created_at, shown[-1].id) if len(found) > asked.limit else None
        return CallPage(calls=[CallEntry.of(row) for row in shown], next_cursor=cursor)

    async def one_call(self, call_id: uuid.UUID) -> CallDetail:
        row = await self._toolbox.history.one(self._here, call_id)
        if row.user_id != self._who.user_id and not self._who.role.includes(Role.ADMIN):
            raise NotFound(f"There is no call '{call_id}' of yours; GET /api/v1/tools/calls lists those there are.")
        return CallDetail.of(row)

    async def choice(self, scope: Scope) -> ChoiceAnswer:
        """What was chosen at ``scope``, and what it comes to."""
        await self._check_conversation(scope.conversation_id)
        specs = await self._toolbox.specs(self._here)
        if scope.conversation_id is None and scope.user_id is None:
            return ChoiceAnswer.of(await self._toolbox.choices.get(scope), [spec.name for spec in specs])
        come_to = Scope(self._here, self._who.user_id, scope.conversation_id)
        names = [spec.name for spec in await self._toolbox.choices.chosen(specs, come_to)]
        return ChoiceAnswer.of(await self._toolbox.choices.get(scope), names)

    async def _chosen(self, conversation_id: uuid.UUID | None) -> set[str]:
        scope = Scope(self._here, self._who.user_id, conversation_id)
        return {spec.name for spec in await self._toolbox.chosen(scope)}

    async def _check_conversation(self, conversation_id: uuid.UUID | None, *, writing: bool = False) -> None:
        if conversation_id is None:
            return
        async with self._parts.stores.database.session() as session:
            conversations = Conversations(session, self._parts.settings.conversations, self._who)
            await conversations.get(conversation_id, roles=WRITERS if writing else ())

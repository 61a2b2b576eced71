"""Looking at sources for one person, and starting jobs that bring them in."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

from api.audit.trail import Origin, Trail
from api.connectors.schemas import (
    DiscoverBody,
    Discovered,
    FetchBody,
    ItemAnswer,
    Mistake,
    ProcessAnswer,
    ProcessBody,
    ValidateBody,
    Validated,
)
from api.content.install import Contents
from api.content.schemas import ContentAnswer
from api.documents.repository import CollectionRepository
from api.jobs.install import JobDesk
from api.outgoing.install import Outside
from api.web.deps import Parts
from api.web.principal import Principal, Role
from cluster.connectors.base import Connector
from cluster.connectors.opening import opened
from cluster.connectors.registry import REGISTRY
from cluster.errors import Forbidden, HearthError, NotFound, RemoteFailed
from cluster.jobs.store import NewJob
from cluster.outgoing.journal import Asker
from cluster.stores.sql import AsyncSession

KIND = "connect"


class Connecting:
    """Holds no database session while a source is looked at."""

    def __init__(self, parts: Parts, outside: Outside, contents: Contents, desk: JobDesk, who: Principal, origin: Origin) -> None:
        self._parts = parts
        self._limits = parts.settings.connectors
        self._outside = outside
        self._contents = contents
        self._desk = desk
        self._who = who
        self._origin = origin

    async def discover(self, name: str, body: DiscoverBody) -> Discovered:
        """What was found in ``connectors.look_timeout_s`` seconds. Raises RemoteFailed when that is nothing."""
        await self._permit(name, body.options)
        most, items = min(body.limit, self._limits.listed), list[ItemAnswer]()
        try:
            async with asyncio.timeout(self._limits.look_timeout_s), self._open(name, body.options) as source:
                complete = await _look(source, items, most)
        except TimeoutError:
            if not items:
                seconds = self._limits.look_timeout_s
                raise RemoteFailed(f"The source showed nothing within {seconds:g} s (setting connectors.look_timeout_s).") from None
            complete = False
        return Discovered(items=items[:most], is_complete=complete)

    async def fetch(self, name: str, body: FetchBody) -> ContentAnswer:
        """The item, processed, and kept for a while."""
        await self._permit(name, body.options)
        try:
            async with asyncio.timeout(self._limits.look_timeout_s), self._open(name, body.options) as source:
                fetched = await source.fetch(body.item)
        except TimeoutError:
            seconds = self._limits.look_timeout_s
            raise RemoteFailed(f"The item was not here within {seconds:g} s (setting connectors.look_timeout_s).") from None
        assert fetched is not None, "nothing is unchanged since nothing"
        key = json.dumps([name, body.options, body.item], sort_keys=True)
        named = {"name": body.item.partition("?")[0].rpartition("/")[2]}
        who, source_name = self._who, body.item if name in {"web", "site"} else f"{name}:{body.item}"
        kept = await self._contents.keep(who.organisation_id, who.user_id, key, source_name, fetched.content, fetched.media_type, named)
        return ContentAnswer.of(kept, *await self._contents.cache.reads(who.organisation_id, kept.id))

    async def validate(self, body: ValidateBody) -> Validated:
        """Options, secrets, and whether the source answers. Raises Forbidden."""
        try:
            await self._permit(body.connector, body.options)
            async with asyncio.timeout(self._limits.look_timeout_s), self._open(body.connector, body.options) as source:
                await _look(source, [], 1)
        except Forbidden:
            raise
        except TimeoutError:
            return _invalid(RemoteFailed(f"The source showed nothing within {self._limits.look_timeout_s:g} s."))
        except HearthError as error:
            if error.status >= 500:
                raise
            return _invalid(error)
        return Validated(valid=True, problems=[])

    async def check(self, body: ProcessBody) -> None:
        """Raises NotFound for a connector, a secret or a collection that there is not, Unprocessable for options that cannot be, Forbidden
        for those that are an admin's."""
        await self._permit(body.connector, body.options)
        async with self._open(body.connector, body.options):
            """It can be opened; nothing was connected."""
        async with self._parts.stores.database.session() as session:
            await self._find(session, body.collection_id)

    async def process(self, body: ProcessBody) -> ProcessAnswer:
        """A job. Raises as ``check`` does."""
        await self.check(body)
        spec = {
            "connector": body.connector,
            "options": body.options,
            "collection": str(body.collection_id),
            "items": body.items,
            "most": min(body.limit or self._limits.items, self._limits.items),
        }
        who = self._who
        async with self._parts.stores.database.session() as session:
            await self._find(session, body.collection_id)
            job = await self._desk.enqueue(session, NewJob(KIND, who.organisation_id, who.user_id, spec))
            Trail(session, self._origin, who).record("connector.started", f"collection:{body.collection_id}", connector=body.connector)
        return ProcessAnswer(job_id=job.id)

    async def _find(self, session: AsyncSession, collection_id: uuid.UUID) -> None:
        try:
            await CollectionRepository(session, self._who.organisation_id).get(collection_id)
        except NotFound as error:
            raise NotFound("There is no such collection; GET /api/v1/collections lists those there are.").about("collection_id") from error

    def _open(self, name: str, options: dict[str, Any]) -> AbstractAsyncContextManager[Connector]:
        asker = Asker(self._who.organisation_id, self._who.user_id, f"connector:{name}", self._origin.request_id)
        outside, settings = self._outside, self._parts.settings
        return opened(name, options, asker, settings=settings, outgoing=outside.client, secrets=outside.secrets)

    async def _permit(self, name: str, options: dict[str, Any]) -> None:
        """Whoever has a secret sent somewhere may read it: only admins may."""
        references = REGISTRY.options(name, options).secrets()
        if not references:
            return
        if not self._who.role.includes(Role.ADMIN):
            raise Forbidden("Whoever has a secret sent somewhere can read it, so this needs the role 'admin'.").about("options")
        async with self._parts.stores.database.session() as session:
            for reference in references.values():
                Trail(session, self._origin, self._who).record("secret.used", reference[:200], purpose=f"connector:{name}")


async def _look(source: Connector, items: list[ItemAnswer], most: int) -> bool:
    """Whether that was all there is."""
    async with aclosing(source.discover()) as found:
        async for item in found:
            if len(items) == most:
                return False
            items.append(ItemAnswer.of(item))
    return True


def _invalid(error: HearthError) -> Validated:
    return Validated(valid=False, problems=[Mistake(param=error.param, code=error.code, message=error.message)])

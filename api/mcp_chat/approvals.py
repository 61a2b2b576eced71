"""Calls that wait for a person's approval: noted in Redis, decided at any replica, refused when their time is over."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, cast

from pydantic_core import from_json, to_json
from redis.asyncio import Redis

from api.mcp_chat.schemas import Decided, Pending
from api.web.bells import Bells
from api.web.principal import Principal
from cluster.errors import Conflict, NotFound
from cluster.tools.offer import Wanted

DENIED = "The user did not approve of this call. Do not try it again unless the user asks for it."
YES, NO = "yes", "no"


class Approvals:
    """Of one person; an ``Approver`` of their calls."""

    def __init__(self, cache: Redis, bells: Bells, wait_s: float, who: Principal, conversation_id: uuid.UUID | None = None) -> None:
        self._cache = cache
        self._bells = bells
        self._wait_s = wait_s
        self._all = f"approvals:{who.organisation_id}:{who.user_id}"
        self._conversation_id = conversation_id

    async def ask(self, wanted: Wanted) -> str:
        assert wanted.spec is not None
        approval = str(uuid.uuid4())
        told = {
            "id": approval,
            "tool": wanted.spec.name,
            "title": wanted.spec.title,
            "arguments": wanted.arguments,
            "conversation_id": self._conversation_id,
        }
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.set(self._key(approval), to_json(told), px=int(self._wait_s * 1000))
            pipe.sadd(self._all, approval)
            pipe.expire(self._all, int(self._wait_s) + 1)
            await pipe.execute()
        return approval

    async def wait(self, approval: str) -> str | None:
        """However it ends, nobody can decide it any more."""
        try:
            async with asyncio.timeout(self._wait_s):
                said = await self._bells.heard(_bell(approval))
        except TimeoutError:
            return f"Nobody approved of this call within {self._wait_s:g} s, so that it was not carried out. Go on without it."
        finally:
            await self._forget(approval)
        return None if said == YES else DENIED

    async def decide(self, approval_id: uuid.UUID, *, approve: bool) -> Decided:
        """Raises NotFound for what waits no more, or is somebody else's, and Conflict for what is decided."""
        approval = str(approval_id)
        if not await self._cache.exists(self._key(approval)):
            raise NotFound("No call of yours waits for this approval any more; GET .../chat/mcp/approvals lists those that do.")
        if not await self._bells.ring(_bell(approval), YES if approve else NO, self._wait_s):
            raise Conflict("This is decided already.")
        return Decided(id=approval_id, approved=approve)

    async def pending(self) -> list[Pending]:
        names = sorted(await cast("Any", self._cache.smembers(self._all)))
        found = [await self._one(name) for name in names]
        return [pending for pending in found if pending is not None]

    async def _one(self, approval: str) -> Pending | None:
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.get(self._key(approval))
            pipe.pttl(self._key(approval))
            told, left_ms = cast("Sequence[Any]", await pipe.execute())
        return None if told is None else Pending(**from_json(told) | {"expires_in_s": max(0, left_ms) // 1000})

    async def _forget(self, approval: str) -> None:
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.delete(self._key(approval))
            pipe.srem(self._all, approval)
            await pipe.execute()

    def _key(self, approval: str) -> str:
        """Part of it is whose it is, so that nobody decides for others."""
        return f"{self._all}:{approval}"


def _bell(approval: str) -> str:
    return f"approval:{approval}"

"""Hooks that others call: each runs a workflow, in the name of whoever made it. The signature is the permission."""

from __future__ import annotations

import uuid

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.datastructures import Headers

from api.audit.trail import Origin, Trail
from api.people.repository import People
from api.queue.install import Queueing
from api.web.principal import Principal, Role
from api.webhooks.schemas import HookAnswer, HookBody, HookList, HookMade
from api.workflows.install import Graphs
from api.workflows.launching import Launcher, Order, may_act
from cluster.contracts.generation import JsonObject
from cluster.errors import Conflict, NotFound, RateLimited
from cluster.queue.kinds import WORKFLOW, WorkflowPayload
from cluster.queue.store import Messages, NewMessage
from cluster.tracing import parent_here
from cluster.webhooks.keys import SigningKeys, check_signed
from cluster.webhooks.store import Hooks
from cluster.webhooks.tables import Hook

log = structlog.get_logger(__name__)

QUEUE = "hooks"
MINUTE_S = 60
# Of a sender's own id for what it sends.
ID_CHARS = 120


class HookService:
    """For an admin."""

    def __init__(self, queueing: Queueing, graphs: Graphs, who: Principal, origin: Origin) -> None:
        self._queueing = queueing
        self._graphs = graphs
        self._database = queueing.parts.stores.database
        self._settings = queueing.parts.settings.webhooks
        self._who = who
        self._origin = origin

    async def all(self) -> HookList:
        async with self._database.session() as session:
            rows = await Hooks(session, self._settings).all(self._who.organisation_id)
        return HookList(hooks=[HookAnswer.of(row) for row in rows])

    async def add(self, body: HookBody) -> HookMade:
        """Raises NotFound for a workflow that there is not."""
        await Launcher(self._graphs, self._who, self._origin).find(body.workflow)
        values = {
            "organisation_id": self._who.organisation_id,
            "owner_id": self._who.user_id,
            "role": may_act(self._who).value,
            "workflow": body.workflow,
            "description": body.description,
            "calls_per_minute": min(body.calls_per_minute or self._settings.calls_per_minute, self._settings.calls_per_minute),
        }
        async with self._database.session() as session:
            hook = await Hooks(session, self._settings).add(values)
            secret = await SigningKeys(session, self._queueing.ring).make(hook.organisation_id, hook.id)
            Trail(session, self._origin, self._who).record("hook.added", f"hook:{hook.id}", workflow=hook.workflow)
        return HookMade(hook=HookAnswer.of(hook), secret=secret)

    async def rotate(self, hook_id: uuid.UUID) -> HookMade:
        """With another secret; the one before it counts too for a while."""
        async with self._database.session() as session:
            hook = await Hooks(session, self._settings).get(self._who.organisation_id, hook_id)
            secret = await SigningKeys(session, self._queueing.ring).rotate(hook.organisation_id, hook.id)
            Trail(session, self._origin, self._who).record("hook.rotated", f"hook:{hook.id}")
        return HookMade(hook=HookAnswer.of(hook), secret=secret)

    async def remove(self, hook_id: uuid.UUID) -> None:
        async with self._database.session() as session:
            hooks = Hooks(session, self._settings)
            hook = await hooks.get(self._who.organisation_id, hook_id)
            await hooks.remove(hook)
            await SigningKeys(session, self._queueing.ring).remove(hook.organisation_id, hook.id)
            Trail(session, self._origin, self._who).record("hook.removed", f"hook:{hook.id}")


class HookCalls:
    """For nobody known."""

    def __init__(self, queueing: Queueing, graphs: Graphs, origin: Origin) -> None:
        self._queueing = queueing
        self._graphs = graphs
        self._database = queueing.parts.stores.database
        self._settings = queueing.parts.settings
        self._origin = origin

    async def admit(self, hook_id: uuid.UUID) -> None:
        """Before anything is read: guesses of one address are counted by themselves, so that they do not shut out who may call. Raises
        RateLimited."""
        await self._limit(f"{hook_id}:{self._origin.address}", self._settings.webhooks.calls_per_minute)

    async def call(self, hook_id: uuid.UUID, headers: Headers, body: bytes, given: JsonObject) -> uuid.UUID:
        """The id of the message that runs the workflow, written down when it returns. Raises NotFound, Unauthorized, RateLimited, and what
        running the workflow now would raise."""
        hook = await self._signed(hook_id, headers, body)
        await self._limit(str(hook.id), hook.calls_per_minute)
        owner = await self._owner(hook)
        launcher = Launcher(self._graphs, owner, self._origin)
        order, _ = await launcher.check(Order(spec=await launcher.find(hook.workflow), input=given))
        new = NewMessage(
            type=WORKFLOW,
            payload=WorkflowPayload(workflow=hook.workflow, input=order.input).model_dump(mode="json"),
            organisation_id=hook.organisation_id,
            owner_id=hook.owner_id,
            role=owner.role.value,
            queue=QUEUE,
            idempotency_key=f"{hook.id}:{headers['webhook-id'][:ID_CHARS]}",
            traceparent=parent_here(),
        )
        async with self._database.session() as session:
            message = await Messages(session, self._settings.queue).enqueue(new)
            await Hooks(session, self._settings.webhooks).called(hook.id)
        self._queueing.bell.ring()
        return message.id

    async def _signed(self, hook_id: uuid.UUID, headers: Headers, body: bytes) -> Hook:
        async with self._database.session() as session:
            hook = await Hooks(session, self._settings.webhooks).anybody(hook_id)
            if hook is None:
                raise NotFound("There is no such hook; ask whoever gave you its address.")
            keys = await SigningKeys(session, self._queueing.ring).current(
                hook.organisation_id, hook.id, self._settings.webhooks.rotation_s
            )
        check_signed(keys, headers, body)
        return hook

    async def _owner(self, hook: Hook) -> Principal:
        """With the lesser of the role of then and the present one."""
        async with self._database.session() as session:
            now = await People(session).role_of(hook.organisation_id, hook.owner_id)
        if now is None:
            raise Conflict("Whoever made this hook no longer belongs to the organisation; have somebody make another one.")
        then = Role(hook.role)
        return Principal(hook.owner_id, hook.organisation_id, then if now.includes(then) else now)

    async def _limit(self, name: str, most: int) -> None:
        """Raises RateLimited. Where Redis is away, calls are taken: those that are signed are anyway written down, and bounded there."""
        try:
            seconds = await _count(self._queueing.parts.stores.cache, name, most)
        except (RedisError, OSError) as error:
            log.warning("calls of hooks are not counted: the cache does not answer", error=type(error).__name__)
            return
        if seconds is not None:
            raise RateLimited(f"The hook is called more than {most} times in a minute; retry in {seconds} s.")


async def _count(cache: Redis, name: str, most: int) -> int | None:
    """Counts one; the seconds until there is room again where there is none."""
    key = f"hook:{name}"
    async with cache.pipeline(transaction=True) as pipe:
        pipe.set(key, 0, nx=True, ex=MINUTE_S)
        pipe.incr(key)
        pipe.ttl(key)
        _, counted, left = await pipe.execute()
    return max(1, int(left)) if int(counted) > most else None

"""Writing answers: on the server, whether or not anybody reads along."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from api.agents.gateway import AgentGateway
from api.audit.trail import Origin
from api.drafts.drafting import Drafting, unpacked_wish
from api.releases.shadowed import ShadowedGateway
from api.releases.shadowing import Asker, Shadows
from api.streams.fold import Folded
from api.streams.grounding import Citing, told, unpacked_briefing
from api.streams.journal import Halted, Journal, LeaseLost
from api.streams.keeper import Keeper
from api.streams.requests import unpacked, unpacked_asker
from api.streams.saving import Saving
from api.streams.tables import GenerationRow
from api.streams.window import Measure
from api.streams.writing import Writing
from api.web.errors import public
from api.workflows.install import Graphs
from cluster.contracts.generation import GenerationDelta
from cluster.contracts.models import ModelKind
from cluster.ending import end
from cluster.errors import DeadlineExceeded
from cluster.gateway import ModelGateway
from cluster.graphs.chatting import PREFIX
from cluster.settings import Settings

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 3
# Answers that are taken over, or saved, at the same time: a killed process leaves a thousand, and connections are for everybody.
_AT_ONCE = 8
_INTERRUPTED = "The process that wrote this answer ended; what it had written is kept. Regenerate it for a whole one."


class Runner:
    def __init__(self, graphs: Graphs, settings: Settings, cache: Redis, saving: Saving, shadows: Shadows | None = None) -> None:
        self._shadows = shadows
        self._graphs = graphs
        self._settings = settings
        self._cache = cache
        self._saving = saving
        self._keeper = Keeper(cache, settings.conversations)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}

    def start(self, generation_id: uuid.UUID) -> None:
        """Finish what somebody else left, in the background; nothing happens where somebody writes it."""
        if generation_id not in self._tasks:
            self._run(self.journal(generation_id), None)

    def begin(self, journal: Journal, row: GenerationRow) -> asyncio.Task[None]:
        """Write an answer that is new, in the background. ``journal`` holds its lease, and ``row`` counts the attempt already."""
        return self._run(journal, row)

    def _run(self, journal: Journal, row: GenerationRow | None) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(journal, row))
        self._tasks[journal.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(journal.id, None))
        return task

    async def stop(self) -> None:
        """End all writing here; others take over at once."""
        await end(list(self._tasks.values()))

    def journal(self, generation_id: uuid.UUID) -> Journal:
        return Journal(self._cache, self._settings.conversations, generation_id)

    async def _guarded(self, journal: Journal, new: GenerationRow | None) -> None:
        generation_id = journal.id
        try:
            if new is not None:
                await self._finish(journal, Folded(), new)
            else:
                await self._take_over(journal)
        except LeaseLost:
            log.warning("an answer is left to whoever takes its lease", generation=str(generation_id))
        except (RedisError, SQLAlchemyError, OSError) as error:
            # A store is away, and many answers find it so at the same time.
            log.warning("an answer could not be finished; it is tried again", generation=str(generation_id), error=type(error).__name__)
        except Exception:
            # The row says that it is not saved: the sweeper of some process tries again when the lease has run out.
            log.exception("an answer could not be finished; it is tried again", generation=str(generation_id))
        except asyncio.CancelledError:
            with suppress(RedisError, OSError):
                await journal.leave()
            raise

    async def _take_over(self, journal: Journal) -> None:
        folded = Folded()
        async with self._turns:
            if not await journal.take():
                return
            for event in await journal.resume():
                folded.add(event.content, event.tokens)
            row = await self._saving.begin(journal.id) if folded.finish is None else None
        await self._finish(journal, folded, row)

    async def _finish(self, journal: Journal, folded: Folded, row: GenerationRow | None) -> None:
        """``row``: where it is still to be written, from what was ``folded`` on."""
        if row is not None:
            await self._go_on(journal, folded, row)
        async with self._turns:
            if await (self._saving.save(journal.id, folded) if folded.finish else self._saving.stands(journal.id)):
                await journal.finish(journal.id, ended=folded.ended)
            else:
                await journal.forget()  # the conversation was deleted meanwhile

    async def _go_on(self, journal: Journal, folded: Folded, row: GenerationRow) -> None:
        briefing = unpacked_briefing(row.request)
        citing = Citing(briefing) if briefing is not None else None
        writing = Writing(journal, folded, citing)
        if folded.began:
            if citing is not None:
                citing.recover(folded.parts)
            counted = await self._counted(folded, row.request)
            await writing.finish("interrupted", remark=_INTERRUPTED, prompt_tokens=counted)
        elif row.attempts > MOST_ATTEMPTS:
            await writing.finish("failed", remark="The processes that wrote this answer ended one after the other; ask for less at once.")
        else:
            await self._write(writing, folded, row.request)

    async def _write(self, writing: Writing, folded: Folded, kept: dict[str, Any]) -> None:
        """Ask the model, and see to it that there is a finish event in the end."""
        asking = asyncio.ensure_future(self._ask(writing, kept))
        keeping = self._keeper.keep(writing.journal)
        try:
            await asyncio.wait((asking, keeping), return_when=asyncio.FIRST_COMPLETED)
            for task in (keeping, asking):
                if task.done():
                    task.result()
        except Halted:
            await end((asking,))
            await writing.finish("stopped", remark="Stopped on request.", prompt_tokens=await self._counted(folded, kept))
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - the reader and the message say what happened
            told = public(error)
            await writing.finish("failed", remark=told.message, error=told.code, prompt_tokens=await self._counted(folded, kept))
        finally:
            self._keeper.release(writing.journal)
            await end((asking,))

    async def _counted(self, folded: Folded, kept: dict[str, Any]) -> int | None:
        """Tokens of the prompt of an answer that did not reach its end: the model has worked on them."""
        if not folded.tokens:
            return None
        gateway = self._gateway(kept)
        measure = Measure(gateway, self._settings.conversations.count_timeout_s)
        status = await gateway.resolve(kept["model"], ModelKind.LLM)
        return await measure.tokens(unpacked(kept), status)

    def _gateway(self, kept: dict[str, Any]) -> ModelGateway:
        """Of whoever asked; who that is counts for graphs alone."""
        if not kept["model"].startswith(PREFIX):
            gateway: ModelGateway = self._graphs.parts.gateway
            if self._shadows is None:
                return gateway
            # The subject of what is said in a conversation is the conversation.
            asker = Asker(unpacked_asker(kept).user_id, uuid.UUID(kept["subject"]) if kept["subject"] else None)
            return ShadowedGateway(gateway, self._shadows, asker)
        return AgentGateway(self._graphs.parts.gateway, self._graphs, unpacked_asker(kept), Origin(None, kept["request_id"]))

    def _batches(self, kept: dict[str, Any]) -> AsyncIterator[Sequence[GenerationDelta]]:
        wish = unpacked_wish(kept)
        if wish is not None:
            return Drafting(self._graphs, unpacked_asker(kept), wish).stream(unpacked(kept))
        return self._gateway(kept).stream(unpacked(kept))

    async def _ask(self, writing: Writing, kept: dict[str, Any]) -> None:
        http, now = self._settings.http, asyncio.get_running_loop().time
        limit = asyncio.timeout_at(now() + http.request_timeout_s)
        try:
            async with limit:
                await self._read_model(writing, kept, http.stream_idle_timeout_s)
        except TimeoutError:
            if limit.expired():
                raise DeadlineExceeded(
                    "The answer took longer than it may (setting http.request_timeout_s); ask for fewer tokens."
                ) from None
            raise

    async def _read_model(self, writing: Writing, kept: dict[str, Any], idle_s: float) -> None:
        await writing.open()
        known = briefing.answer if (briefing := unpacked_briefing(kept)) is not None else None
        batches = self._batches(kept) if known is None else told(known)
        async with aclosing(batches):  # type: ignore[type-var]  # every gateway's stream is a generator
            while True:
                try:
                    async with asyncio.timeout(idle_s):
                        batch = await anext(batches, None)
                except TimeoutError:
                    raise DeadlineExceeded(
                        f"Nothing came for {idle_s:g} s (setting http.stream_idle_timeout_s); send the request again."
                    ) from None
                if batch is None:
                    return
                await writing.take(batch)

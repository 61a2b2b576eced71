"""Live requests that are also put to a release in the shadow, whose answers nobody is shown.

Whoever asks waits for nothing: what was answered is put into a short queue when the answer is complete, and is left out where that is full.
One request at a time is then put to the release, when no model on its device works for anybody, and is broken off as soon as somebody asks
here; after ``releases.shadow_wait_s`` it is left out. What goes wrong with it is kept beside it, and nowhere else.

Kept, for ``releases.shadow_days`` days and the latest ``releases.shadow_kept`` of a release, is only what may be learned from (see
cluster/learning/feedback/consent.py), and it goes with the person and the conversation. The release is asked the same messages, with its
own prompt in place of that of the release which answered; passages of documents are those that were found for the live answer.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, replace

import structlog

from api.releases.repository import ShadowRows
from api.web.deps import Parts
from cluster.contracts.generation import Caching, Generation, GenerationRequest
from cluster.errors import HearthError
from cluster.home import Home
from cluster.learning.adapters.manifest import Manifests, share_of
from cluster.learning.releases.entry import ReleaseEntry
from cluster.learning.releases.names import addressed_as
from cluster.upkeep import Upkeep

log = structlog.get_logger(__name__)

# What was left out is no failure; the next is waited for at once.
AGAIN_S = 0.01


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose words a request has. ``conversation_id``: None outside of one."""

    user_id: uuid.UUID
    conversation_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """An answer that somebody was given."""

    text: str
    by: str
    ms: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Sample:
    request: GenerationRequest
    release: ReleaseEntry
    asker: Asker
    live: Live
    until: float


class Shadows:
    """Of one process. Belongs to one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings.releases
        self._manifests = Manifests(Home(parts.settings.home))
        self._queue: asyncio.Queue[Sample] = asyncio.Queue(self._settings.shadow_queue)
        self._asking = 0
        self._in_hand = 0
        self._interrupt = asyncio.Event()
        self._upkeep = Upkeep("putting requests to releases in the shadow", AGAIN_S, self._next)

    async def start(self) -> None:
        self._upkeep.start()

    async def stop(self) -> None:
        """What waits is left out."""
        await self._upkeep.stop()

    @property
    def waiting(self) -> int:
        """Requests that are still to be put to a release, or are just being."""
        return self._queue.qsize() + self._in_hand

    def begin(self) -> None:
        """Somebody asks a model here, who comes before any shadow."""
        self._asking += 1
        self._interrupt.set()

    def end(self) -> None:
        self._asking -= 1
        if not self._asking:
            self._interrupt.clear()

    def wanted(self, request: GenerationRequest) -> ReleaseEntry | None:
        """The release that is also to be asked: of those who chat with a base itself, a share of their requests, by chance."""
        route = self._manifests.of(request.model).routes.get(request.scope)
        if route is None or route.shadow is None or not _is_plain(request):
            return None
        if share_of(route.shadow, request.request_id or uuid.uuid4().hex) >= route.shadow_percent:
            return None
        return self._manifests.of(request.model).releases_by_id.get(route.shadow)

    def offer(self, request: GenerationRequest, release: ReleaseEntry, asker: Asker, live: Live) -> None:
        """Never waits, and never raises."""
        if sum(len(message.content or "") for message in request.messages) > self._settings.shadow_chars:
            return
        sample = Sample(request, release, asker, live, time.monotonic() + self._settings.shadow_wait_s)
        if self._queue.full():
            log.info("a request is not put to a release in the shadow: too many wait", release=release.label)
            return
        self._queue.put_nowait(sample)

    async def _next(self) -> None:
        sample = await self._queue.get()
        self._in_hand = 1
        try:
            await self._carry_out(sample)
        finally:
            self._in_hand = 0

    async def _carry_out(self, sample: Sample) -> None:
        async with self._parts.stores.database.session() as session:
            agreed = await ShadowRows(session).may_learn(uuid.UUID(sample.request.scope), sample.asker.user_id)
        if not agreed:
            return
        while time.monotonic() < sample.until:
            if await self._idle(sample) and await self._put(sample):
                return
            await asyncio.sleep(self._settings.shadow_look_s)
        log.info("a request is not put to a release in the shadow: there was no quiet moment", release=sample.release.label)

    async def _idle(self, sample: Sample) -> bool:
        """Whether nobody asks here, and no model on the device works or is waited for."""
        if self._asking:
            return False
        try:
            uses = (await self._parts.gateway.residency()).models
        except HearthError:
            # Nobody knows; it may be looked at again.
            return False
        device = next((use.device for use in uses if use.model == sample.request.model), None)
        return not any(use.ongoing + use.queued for use in uses if use.device == device)

    async def _put(self, sample: Sample) -> bool:
        """Whether it is done with; False: somebody came in between."""
        began = time.monotonic()
        asked = asyncio.ensure_future(self._ask(sample))
        interrupted = asyncio.ensure_future(self._interrupt.wait())
        try:
            await asyncio.wait((asked, interrupted), return_when=asyncio.FIRST_COMPLETED, timeout=self._settings.shadow_timeout_s)
        finally:
            for task in (asked, interrupted):
                task.cancel()
            await asyncio.wait((asked, interrupted))
        if asked.cancelled():
            if not interrupted.cancelled():
                return False
            said: Generation | str = f"It took longer than {self._settings.shadow_timeout_s:g} s."
        else:
            said = asked.result()
        await self._keep(sample, said, round((time.monotonic() - began) * 1000))
        return True

    async def _ask(self, sample: Sample) -> Generation | str:
        """The answer, or why there is none."""
        try:
            return await self._parts.gateway.generate(self._request(sample))
        except HearthError as error:
            return f"{error.code}: {error.message}"

    def _request(self, sample: Sample) -> GenerationRequest:
        request, release = sample.request, sample.release
        messages = request.messages
        if request.release is not None:
            live = self._manifests.of(request.model).release(request.scope, request.release)
            messages = live.uninstructed(messages) if live is not None else messages
        return replace(
            request,
            messages=messages,
            adapter=addressed_as(release.name, release.version),
            release=None,
            fallbacks=(),
            caching=Caching(0),
            request_id=f"shadow-{uuid.uuid4().hex}",
        )

    async def _keep(self, sample: Sample, said: Generation | str, ms: int) -> None:
        """With the newest, the oldest go."""
        most, live = self._settings.shadow_chars, sample.live
        answered = isinstance(said, Generation)
        values = {
            "organisation_id": uuid.UUID(sample.request.scope),
            "release_id": uuid.UUID(sample.release.id),
            "subject_id": sample.asker.user_id,
            "conversation_id": sample.asker.conversation_id,
            "messages": [{"role": message.role, "content": message.content} for message in sample.request.messages],
            "live": live.text[:most],
            "live_by": live.by,
            "live_ms": live.ms,
            "live_tokens": live.tokens,
            "candidate": said.text[:most] if isinstance(said, Generation) else None,
            "candidate_ms": ms if answered else None,
            "candidate_tokens": said.usage.completion_tokens if isinstance(said, Generation) else None,
            "error": None if isinstance(said, Generation) else said[:1000],
        }
        async with self._parts.stores.database.session() as session:
            await ShadowRows(session).keep(values, self._settings.shadow_kept, self._settings.shadow_days)


def _is_plain(request: GenerationRequest) -> bool:
    """Words alone, asked of the base itself: calls of tools would have to be carried out, and pictures kept."""
    pictures = any(message.images for message in request.messages)
    return bool(request.messages) and request.adapter is None and not request.tools and not pictures

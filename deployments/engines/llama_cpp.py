"""llama.cpp inside the replica's process, through xllamacpp: GGUF weights, continuous batching over ``spec.parallel`` slots.

One thread for each slot calls into the library, which returns when the answer is complete and calls back for every token; the threads sleep
outside the interpreter lock meanwhile. Requests beyond the slots wait in :class:`Admission` as coroutines, so thousands cost no thread.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, JsonObject, TokenCount
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import Cancelled, EngineError, HearthError
from deployments.engines.adapters import require_known
from deployments.engines.admission import Admission
from deployments.engines.gather import gather
from deployments.engines.llama_errors import error_from_exception, error_from_reply
from deployments.engines.llama_grammar import constraint
from deployments.engines.llama_seat import Seat, fits_twice
from deployments.engines.mailbox import Mailbox
from deployments.engines.openai_chunks import ChunkReader
from deployments.engines.openai_json import request_body
from deployments.engines.protocols import Occupancy

# Seconds without a token from any running generation after which the engine counts as stuck. A batch of prompt tokens on a slow CPU
# takes tens of seconds; nothing takes minutes.
STALL_S = 300.0
# More than a profile may ask for. Threads are started when they are needed, so that only slots in use cost one.
MOST_SLOTS = 1024


def load(spec: ReplicaSpec) -> LlamaCpp:
    """The engine with the weights of ``spec`` loaded. Raises ConfigError or EngineError."""
    return LlamaCpp(spec, Seat.start(spec, spec.adapters))


class LlamaCpp:
    """A GenerationEngine. Its methods are called on one event loop."""

    def __init__(self, spec: ReplicaSpec, seat: Seat) -> None:
        self._spec = spec
        self.seat: Seat | None = seat
        # Whether a second server may stand beside the first for a moment.
        self.beside = fits_twice(spec)
        self._changing = asyncio.Lock()
        self._admission = Admission(spec.model, spec.parallel, spec.max_queued)
        self._threads = ThreadPoolExecutor(MOST_SLOTS, thread_name_prefix="llama-slot")
        self._open: set[Mailbox[bytes]] = set()
        self._heard = time.monotonic()

    async def generate(self, request: GenerationRequest) -> Generation:
        return await gather(self.stream(request))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        body = self._body(request)
        leave = await self._admission.enter()
        mailbox = self._begin(body, request, leave)
        reader = ChunkReader(request.sampling.top_logprobs)
        try:
            while chunks := [json.loads(chunk) for chunk in await mailbox.take()]:
                if deltas := reader.read(chunks):
                    yield deltas
                if "error" in chunks[-1]:
                    raise error_from_reply(chunks[-1]["error"], self._spec)
        finally:
            mailbox.abandon()

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        seat = self._need_seat()
        require_known(request.adapter, self._spec.model, seat.names)
        seat.enter()
        try:
            return TokenCount(await seat.tokens.count(self._body(request) | seat.scales(None)), exact=True, how="counted by llama.cpp")
        finally:
            seat.leave()

    async def set_adapters(self, adapters: Mapping[str, str]) -> None:
        """The library takes adapters only when a server starts, so another one is started beside the first: what comes from then on goes to
        it, what runs ends where it began, and then the first one goes. Where memory has no room for both, all that runs ends first."""
        async with self._changing:
            seat = self._need_seat()
            if dict(adapters) == seat.adapters:
                return
            await self._reseat(seat, self._spec, adapters)

    async def refit(self, spec: ReplicaSpec) -> None:
        """As with adapters: a server with the slots and the context of ``spec`` takes what comes from then on, and what runs ends where it
        began. Raises ConfigError or EngineError; then all is as before."""
        async with self._changing:
            seat = self._need_seat()
            await self._reseat(seat, spec, seat.adapters)
            self._spec, self.beside = spec, fits_twice(spec)
            await self._admission.resize(spec.parallel)

    async def check_health(self) -> None:
        if self.seat is None:
            raise EngineError(f"'{self._spec.model}' is shut down; a new replica takes over.")
        if self._admission.occupancy().running and time.monotonic() - self._heard > STALL_S:
            raise EngineError(f"llama.cpp has produced nothing for '{self._spec.model}' in {STALL_S:.0f} s; a new replica takes over.")

    def occupancy(self) -> Occupancy:
        return self._admission.occupancy()

    def close(self) -> None:
        for mailbox in tuple(self._open):
            mailbox.abandon()
            mailbox.close(Cancelled(f"'{self._spec.model}' is being shut down; send the request again."))
        self._threads.shutdown(wait=True)
        if self.seat is not None:
            self.seat.close()
        self.seat = None

    async def _reseat(self, seat: Seat, spec: ReplicaSpec, adapters: Mapping[str, str]) -> None:
        if self.beside:
            await self._follow(seat, spec, adapters)
            return
        readmit = await self._admission.all()
        try:
            await self._replace(seat, spec, adapters)
        finally:
            readmit()

    async def _follow(self, seat: Seat, spec: ReplicaSpec, adapters: Mapping[str, str]) -> None:
        following = await asyncio.to_thread(Seat.start, spec, adapters)
        if self.seat is None:
            following.close()
            raise self._shut_down()
        self.seat = following
        seat.retire()

    async def _replace(self, seat: Seat, spec: ReplicaSpec, adapters: Mapping[str, str]) -> None:
        """With adapters, or a spec, that the library does not take, those of before are there again."""
        before = seat.adapters
        seat.close()
        try:
            self.seat = await asyncio.to_thread(Seat.start, spec, adapters)
        except HearthError:
            self.seat = await asyncio.to_thread(Seat.start, self._spec, before)
            raise

    def _need_seat(self) -> Seat:
        if self.seat is None:
            raise self._shut_down()
        return self.seat

    def _shut_down(self) -> Cancelled:
        return Cancelled(f"'{self._spec.model}' is being shut down; send the request again.")

    def _body(self, request: GenerationRequest) -> JsonObject:
        # The progress reports are chances to stop in the middle of a long prompt.
        return request_body(request, self._spec.sampling) | constraint(request) | {"return_progress": True}

    def _begin(self, body: JsonObject, request: GenerationRequest, leave: Callable[[], None]) -> Mailbox[bytes]:
        """Starts the generation in a slot's thread; the slot is free again when the library has let go of it."""
        try:
            seat = self._need_seat()
            require_known(request.adapter, self._spec.model, seat.names)
            assert seat.server is not None
        except HearthError:
            leave()
            raise
        call = seat.server.handle_chat_completions if request.prompt is None else seat.server.handle_completions
        mailbox: Mailbox[bytes] = Mailbox()
        self._open.add(mailbox)
        seat.enter()
        content = json.dumps(body | seat.scales(request.adapter)).encode()
        done = asyncio.get_running_loop().run_in_executor(self._threads, self._run, call, content, mailbox)
        done.add_done_callback(lambda _: self._finished(mailbox, seat, leave))
        return mailbox

    def _finished(self, mailbox: Mailbox[bytes], seat: Seat, leave: Callable[[], None]) -> None:
        self._open.discard(mailbox)
        seat.leave()
        leave()

    def _run(self, call: Callable[[bytes, Callable[[bytes], bool]], Any], body: bytes, mailbox: Mailbox[bytes]) -> None:
        def receive(chunk: bytes) -> bool:
            self._heard = time.monotonic()
            return mailbox.put(chunk)

        self._heard = time.monotonic()
        try:
            call(body, receive)
        except (RuntimeError, ValueError) as error:
            mailbox.close(error_from_exception(error, self._spec))
        else:
            mailbox.close()

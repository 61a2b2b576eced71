"""llama.cpp inside the replica's process, through xllamacpp: GGUF weights, continuous batching over ``spec.parallel`` slots.

One thread for each slot calls into the library, which returns when the answer is complete and calls back for every token; the threads sleep
outside the interpreter lock meanwhile. Requests beyond the slots wait in :class:`Admission` as coroutines, so thousands cost no thread.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import xllamacpp  # type: ignore[import-untyped]

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, JsonObject, TokenCount
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import Cancelled, EngineError
from deployments.engines import llama_server
from deployments.engines.adapters import require_known
from deployments.engines.admission import Admission
from deployments.engines.gather import gather
from deployments.engines.llama_errors import error_from_exception, error_from_reply
from deployments.engines.llama_grammar import constraint
from deployments.engines.llama_tokens import LlamaTokens
from deployments.engines.mailbox import Mailbox
from deployments.engines.openai_chunks import ChunkReader
from deployments.engines.openai_json import request_body
from deployments.engines.protocols import Occupancy

# Seconds without a token from any running generation after which the engine counts as stuck. A batch of prompt tokens on a slow CPU
# takes tens of seconds; nothing takes minutes.
STALL_S = 300.0


def load(spec: ReplicaSpec) -> LlamaCpp:
    """The engine with the weights of ``spec`` loaded. Raises ConfigError or EngineError."""
    return LlamaCpp(spec, *llama_server.start(spec, llama_server.parameters(spec)))


class LlamaCpp:
    """A GenerationEngine. Its methods are called on one event loop."""

    def __init__(self, spec: ReplicaSpec, server: xllamacpp.Server, door: llama_server.Door) -> None:
        self._spec = spec
        self._tokens = LlamaTokens(spec, door)
        self._server: xllamacpp.Server | None = server
        self._admission = Admission(spec.model, spec.parallel, spec.max_queued)
        self._threads = ThreadPoolExecutor(spec.parallel, thread_name_prefix="llama-slot")
        self._open: set[Mailbox[bytes]] = set()
        self._heard = time.monotonic()

    async def generate(self, request: GenerationRequest) -> Generation:
        return await gather(self.stream(request))

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Sequence[GenerationDelta]]:
        body = json.dumps(self._body(request)).encode()
        leave = await self._admission.enter()
        mailbox = self._work(body, request.prompt is None, leave)
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
        if self._server is None:
            raise Cancelled(f"'{self._spec.model}' is being shut down; send the request again.")
        return TokenCount(await self._tokens.count(self._body(request)), exact=True, how="counted by llama.cpp")

    async def check_health(self) -> None:
        if self._server is None:
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
        if self._server is not None:
            self._tokens.close()
        self._server = None

    def _body(self, request: GenerationRequest) -> JsonObject:
        require_known(request.adapter, self._spec)
        body = request_body(request) | constraint(request)
        # Every adapter by name, the unused ones with scale 0: a request that names none would reuse the cached keys and values of an
        # adapter's answer. The progress reports are chances to stop in the middle of a long prompt.
        names = sorted(self._spec.adapters)
        body["lora"] = [{"id": index, "scale": float(name == request.adapter)} for index, name in enumerate(names)]
        body["return_progress"] = True
        return body

    def _work(self, body: bytes, chat: bool, leave: Callable[[], None]) -> Mailbox[bytes]:
        """Starts the generation in a slot's thread; the slot is free again when the library has let go of it."""
        mailbox: Mailbox[bytes] = Mailbox()
        if self._server is None:
            leave()
            raise Cancelled(f"'{self._spec.model}' is being shut down; send the request again.")
        call = self._server.handle_chat_completions if chat else self._server.handle_completions
        self._open.add(mailbox)
        done = asyncio.get_running_loop().run_in_executor(self._threads, self._run, call, body, mailbox)
        done.add_done_callback(lambda _: self._finished(mailbox, leave))
        return mailbox

    def _finished(self, mailbox: Mailbox[bytes], leave: Callable[[], None]) -> None:
        self._open.discard(mailbox)
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

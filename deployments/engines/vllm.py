"""vLLM inside the replica's process, through ray.serve.llm's server: Hugging Face weights, paged KV cache, continuous batching.

The server lives on an event loop of its own, and its engine in child processes that end with the replica (Ray ends a dead worker's process
group). The server speaks in OpenAI's event stream, which is read on the caller's loop.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from ray.llm._internal.serve.core.configs.llm_config import DiskMultiplexConfig
from ray.serve.llm import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, JsonObject, TokenCount
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import Cancelled, Conflict, EngineError, HearthError, Unprocessable
from deployments.engines.adapters import require_known
from deployments.engines.admission import Admission
from deployments.engines.engine_loop import EngineLoop
from deployments.engines.gather import gather
from deployments.engines.mailbox import Mailbox
from deployments.engines.openai_chunks import ChunkReader
from deployments.engines.openai_json import request_body, schema_of
from deployments.engines.protocols import Occupancy
from deployments.engines.vllm_config import adapter_room, context_tokens, llm_config, set_environment
from deployments.engines.vllm_errors import error_from_exception, error_from_reply, is_about_length
from deployments.engines.vllm_tokens import count, fit

# Compiling for a new card takes minutes; this is the point to give up.
START_TIMEOUT_S = 1800.0


def load(spec: ReplicaSpec) -> Vllm:
    """The engine with weights and adapters loaded. Raises ConfigError or EngineError. Needs a Ray worker around it."""
    set_environment(spec)
    engine = Vllm(spec, LLMServer.sync_init(llm_config(spec)))
    try:
        engine.start()
    except HearthError:
        engine.close()
        raise
    except Exception as error:
        engine.close()
        raise EngineError(
            f"vLLM cannot start '{spec.model}' from {spec.path}: {error} The replica's log has the details; usual causes are too little "
            "free memory for the context, or an architecture this version does not know."
        ) from error
    return engine


class Vllm:
    """A GenerationEngine. Its methods are called on one event loop."""

    def __init__(self, spec: ReplicaSpec, server: Any) -> None:
        self._spec = spec
        self._server = server
        self._loop = EngineLoop("vllm")
        self._admission = Admission(spec.model, spec.parallel, spec.max_queued)
        self._closed = False
        self._adapters: dict[str, str] = {}
        self._changing = asyncio.Lock()

    def start(self) -> None:
        """Starts the child processes and loads every adapter, so that none is met for the first time by a request: vLLM would die of a
        bad one then."""
        self._loop.run(self._server.start(), START_TIMEOUT_S)
        for name, path in sorted(self._spec.adapters.items()):
            self._loop.run(self._load(name, path))

    async def generate(self, request: GenerationRequest) -> Generation:
        return await gather(self.stream(request))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        require_known(request.adapter, self._spec.model, self._adapters)
        body = self._body(request)
        leave = await self._admission.enter()
        loop = asyncio.get_running_loop()
        mailbox: Mailbox[str] = Mailbox()
        cancel = self._loop.start(self._pump(body, mailbox), lambda: loop.call_soon_threadsafe(leave))
        reader = ChunkReader(request.sampling.top_logprobs)
        try:
            while events := await mailbox.take():
                chunks = [json.loads(event) for event in events]
                if deltas := reader.read(chunks):
                    yield deltas
                if "error" in chunks[-1]:
                    raise error_from_reply(chunks[-1]["error"], self._spec)
        finally:
            cancel()

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        require_known(request.adapter, self._spec.model, self._adapters)
        if self._closed:
            raise Cancelled(f"'{self._spec.model}' is being shut down; send the request again.")
        try:
            tokens = await self._loop.call(count(self._server, self._body(request)))
        except Exception as error:
            raise error_from_exception(error, self._spec) from error
        return TokenCount(tokens, exact=True, how="counted by vLLM")

    async def set_adapters(self, adapters: Mapping[str, str]) -> None:
        """Loaded before they may be asked: vLLM dies of a request for one that it cannot load."""
        async with self._changing:
            if len(adapters) > adapter_room(self._spec):
                raise Conflict(
                    f"vLLM has room for {adapter_room(self._spec)} adapters of '{self._spec.model}', and makes none later: its "
                    "architecture takes no adapters, or the profile's adapter_room is too small."
                )
            for name in [name for name, path in self._adapters.items() if adapters.get(name) != path]:
                await self._loop.call(self._unload(name))
            for name, path in adapters.items():
                if name not in self._adapters:
                    await self._loop.call(self._load(name, path))

    async def check_health(self) -> None:
        if self._closed:
            raise EngineError(f"'{self._spec.model}' is shut down; a new replica takes over.")
        try:
            await self._loop.call(self._server.check_health())
        except Exception as error:
            raise EngineError(f"vLLM has died under '{self._spec.model}': {error} A new replica takes over.") from error

    def occupancy(self) -> Occupancy:
        return self._admission.occupancy()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            client = getattr(self._server.engine, "_engine_client", None)  # ray.serve.llm has no way to end vLLM's processes
            if client is not None:
                client.shutdown()
            self._loop.close()

    async def _load(self, name: str, path: str) -> None:
        """Runs on the engine's loop. Raises Unprocessable."""
        adapter = DiskMultiplexConfig(model_id=self._served_name(name), max_total_tokens=None, local_path=path, lora_assigned_int_id=0)
        try:
            await self._server.engine.resolve_lora(adapter)
        except ValueError as error:
            raise Unprocessable(f"vLLM does not take adapter '{name}' of '{self._spec.model}': {error}") from None
        self._adapters[name] = path

    async def _unload(self, name: str) -> None:
        """Runs on the engine's loop. Nobody may be asking for it: ray.serve.llm has no way to unload, so vLLM itself is told."""
        del self._adapters[name]
        engine, served = self._server.engine, self._served_name(name)
        loaded = engine._oai_models.lora_requests.pop(served)
        await engine._engine_client.remove_lora(loaded.lora_int_id)

    def _served_name(self, adapter: str | None) -> str:
        return f"{self._spec.model}:{adapter}" if adapter else self._spec.model

    def _body(self, request: GenerationRequest) -> JsonObject:
        body = request_body(request, self._spec.sampling) | {
            "model": self._served_name(request.adapter),
            # The same id may come again in a retry, while the first try is still being ended.
            "request_id": f"{request.request_id}-{uuid.uuid4().hex[:12]}",
        }
        schema = schema_of(request.response_format)
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        if request.prompt is not None and request.sampling.max_tokens is None:
            # The completion API's own default is 16.
            body["max_tokens"] = context_tokens(self._spec)
        return body

    async def _pump(self, body: JsonObject, mailbox: Mailbox[str]) -> None:
        """From vLLM to the reader. Runs on the engine's loop."""
        try:
            refusal = await self._forward(body, mailbox)
            if refusal is not None and is_about_length(refusal):
                refusal = await self._forward(await fit(self._server, body, self._spec), mailbox)
            mailbox.close(None if refusal is None else error_from_reply(refusal, self._spec))
        except asyncio.CancelledError:
            mailbox.close(Cancelled(f"The answer of '{self._spec.model}' was stopped; send the request again."))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is must reach the reader, who would wait for ever
            mailbox.close(error_from_exception(error, self._spec))

    async def _forward(self, body: JsonObject, mailbox: Mailbox[str]) -> dict[str, Any] | None:
        """Runs one request to its end. The result is the refusal, when vLLM takes it not at all."""
        chat = "messages" in body
        call = self._server.chat if chat else self._server.completions
        async for batch in await call((ChatCompletionRequest if chat else CompletionRequest)(**body)):
            for event in batch:
                if not isinstance(event, str):
                    return dict(event.error.model_dump())
                text = event.removeprefix("data: ").strip()
                if text != "[DONE]":
                    mailbox.put(text)
        return None

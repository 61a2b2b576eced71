"""One running server of llama.cpp with the adapters it was started with, and the generations that are on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import xllamacpp  # type: ignore[import-untyped]

from cluster.contracts.generation import JsonObject
from cluster.contracts.serving import ReplicaSpec
from deployments.engines import llama_server
from deployments.engines.llama_lora import gguf_adapter
from deployments.engines.llama_tokens import LlamaTokens


@dataclass(slots=True)
class Seat:
    """``adapters``: their paths by name, in the order of their numbers. It is closed when it has been left and nobody is on it any more;
    the server itself ends when the last thread has let go of it."""

    spec: ReplicaSpec
    adapters: Mapping[str, str]
    tokens: LlamaTokens
    server: xllamacpp.Server | None
    running: int = 0
    left: bool = False
    names: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, spec: ReplicaSpec, adapters: Mapping[str, str]) -> Seat:
        """Blocking. Raises ConfigError, Unprocessable (an adapter of another base) or EngineError."""
        base = llama_server.weights(spec)
        files = {name: str(gguf_adapter(Path(path), base, spec.model)) for name, path in adapters.items()}
        told = spec.model_copy(update={"adapters": files})
        server, door = llama_server.start(told, llama_server.parameters(told))
        return cls(spec, dict(adapters), LlamaTokens(spec, door), server, names=sorted(files))

    def scales(self, adapter: str | None) -> JsonObject:
        """Of every adapter by number, the unused ones 0: a request that names none would reuse the cached keys and values of an adapter's
        answer."""
        return {"lora": [{"id": number, "scale": float(name == adapter)} for number, name in enumerate(self.names)]}

    def enter(self) -> None:
        self.running += 1

    def leave(self) -> None:
        self.running -= 1
        self._end()

    def retire(self) -> None:
        """Nobody new comes."""
        self.left = True
        self._end()

    def close(self) -> None:
        """At once. No thread may be on it."""
        if self.server is not None:
            self.tokens.close()
        self.server = None

    def _end(self) -> None:
        if self.left and self.running == 0:
            self.close()


def fits_twice(spec: ReplicaSpec) -> bool:
    """Whether a second server may stand beside the first for a moment. Files are mapped, so that on the CPU both share the weights and
    only the context is there twice; on a card the budget has to hold them twice."""
    weights = llama_server.weights(spec).stat().st_size
    return spec.device == "cpu" or 2 * weights <= spec.budget_bytes

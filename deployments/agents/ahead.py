"""Which models a run will ask next: they are announced, so that they are loaded while what comes before them is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from cluster.contracts.models import ModelKind, ModelState
from cluster.errors import HearthError
from cluster.gateway import ModelGateway
from cluster.graphs.templates import OPEN
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import AudioNode, EmbedNode, LlmNode, MapNode, Node, RouterNode, VisionNode
from deployments.agents.flow import leads_to

log = structlog.get_logger(__name__)

# What no request changes.
OUT = frozenset({ModelState.NOT_PULLED, ModelState.REJECTED})
# What becomes of a model that was asked, before it answers.
COMING = frozenset({ModelState.IDLE, ModelState.LOADING})
# Seconds between two looks whether it is there.
GLANCE_S = 0.2


@dataclass(frozen=True, slots=True)
class Next:
    """``model`` None: that of the run, or the first of its kind."""

    kind: ModelKind
    model: str | None


def asks(node: Node) -> Iterator[Next]:
    """The models that a node asks, as far as that is known before."""
    match node:
        case LlmNode():
            yield Next(ModelKind.LLM, node.model)
        case RouterNode() if node.choose is not None:
            yield Next(ModelKind.LLM, node.model)
        case VisionNode():
            yield Next(ModelKind.OCR if node.do == "read" else ModelKind.CLIP, node.model)
        case AudioNode():
            yield Next(ModelKind.TRANSCRIPTION, node.model)
        case EmbedNode():
            yield Next(ModelKind.EMBEDDING, node.model)
        case MapNode():
            yield from asks(node.each)


async def first_of(gateway: ModelGateway, kind: ModelKind) -> str | None:
    """The first model of the profile that can be served."""
    return next((status.id for status in await gateway.models() if status.kind is kind and status.state not in OUT), None)


class Ahead:
    """``announce``: makes that a model is loaded (see ServeGateway.announce)."""

    def __init__(self, gateway: ModelGateway, announce: Callable[[str], None]) -> None:
        self._gateway = gateway
        self._announce = announce
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def looking(self, spec: GraphSpec, node: str, default: str | None) -> Iterator[None]:
        """``node`` is visited in the block: what may follow it is announced, once the models that it asks itself are there. Earlier, what
        comes next could be loaded first and take their place. ``default``: the language model of the run."""
        own = [one for one in asks(spec.nodes[node]) if _is_known(one)]
        coming = [one for name in sorted(leads_to(spec.nodes[node])) for one in asks(spec.nodes[name]) if _is_known(one)]
        if not coming:
            yield
            return
        task = asyncio.create_task(self._tell(own, coming, default))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            yield
        finally:
            if own:
                task.cancel()  # what follows asks now

    async def _tell(self, own: Sequence[Next], coming: Sequence[Next], default: str | None) -> None:
        for one in own:
            await self._there(one, default)
        for one in coming:
            model = await self._named(one, default)
            if model is not None:
                self._announce(model)

    async def _there(self, one: Next, default: str | None) -> None:
        """Returns when its model can answer, or will not."""
        model = await self._named(one, default)
        while model is not None and await self._state(model, one.kind) in COMING:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(GLANCE_S)

    async def _state(self, model: str, kind: ModelKind) -> ModelState | None:
        try:
            return (await self._gateway.resolve(model, kind)).state
        except HearthError:
            return None

    async def _named(self, one: Next, default: str | None) -> str | None:
        try:
            return one.model or (default if one.kind is ModelKind.LLM else None) or await first_of(self._gateway, one.kind)
        except HearthError as error:
            log.debug("no model is announced", reason=error.message)
            return None


def _is_known(one: Next) -> bool:
    return one.model is None or OPEN not in one.model

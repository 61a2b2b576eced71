"""Whether this machine has what a run needs, before it begins: every model that its graphs name, and one of each kind that they use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.models.service import USABLE
from cluster.contracts.models import ModelKind, ModelStatus
from cluster.errors import Conflict, ModelNotFound, Unprocessable
from cluster.gateway import ModelGateway
from cluster.graphs.resolved import ResolvedGraph, every_node
from cluster.specs.nodes import AudioNode, EmbedNode, LlmNode, Node, RouterNode, VisionNode, WritingNode

# A model's name that is only known when the node runs.
_OPEN = "{{"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """``model`` None: any of its kind. ``where``: the first node that asks for it."""

    kind: ModelKind
    model: str | None
    where: str


def needs_of(resolved: ResolvedGraph, model: str | None) -> list[Need]:
    """Each once, in the order of the nodes. ``model``: the run's, for nodes that name none."""
    found: dict[tuple[ModelKind, str | None], Need] = {}
    for spec in (resolved.main, *resolved.graphs.values()):
        for name, node in every_node(spec):
            for kind, wanted in _wanted(node, model):
                found.setdefault((kind, wanted), Need(kind, wanted, f"{spec.name}.{name}"))
    return list(found.values())


async def need_models(gateway: ModelGateway, needs: list[Need]) -> None:
    """Raises Unprocessable for a model that there is not, Conflict for one that cannot be served here."""
    models = await gateway.models() if needs else []
    for need in needs:
        if need.model is None:
            _need_any(models, need)
        else:
            await _need_one(gateway, need, need.model)


def _need_any(models: Sequence[ModelStatus], need: Need) -> None:
    of_kind = [status for status in models if status.kind is need.kind]
    if any(status.state in USABLE for status in of_kind):
        return
    if of_kind:
        first = of_kind[0]
        raise Conflict(f"Node '{need.where}' needs a model of kind {need.kind}, and '{first.id}' cannot be served here: {first.reason}")
    raise Conflict(f"Node '{need.where}' needs a model of kind {need.kind}, of which the profile has none; add one to it.")


async def _need_one(gateway: ModelGateway, need: Need, name: str) -> None:
    try:
        status = await gateway.resolve(name, need.kind)
    except ModelNotFound as error:
        raise Unprocessable(f"Node '{need.where}': {error.message}").about("model") from None
    if status.state not in USABLE:
        raise Conflict(f"Node '{need.where}' names '{name}', which cannot be served here: {status.reason}")


def _wanted(node: Node, model: str | None) -> Iterator[tuple[ModelKind, str | None]]:
    if isinstance(node, LlmNode) or (isinstance(node, RouterNode) and node.choose is not None):
        wanted = node.model if node.model is not None else model
        if wanted is None or _OPEN not in wanted:
            yield ModelKind.LLM, wanted
    elif isinstance(node, VisionNode):
        yield (ModelKind.OCR if node.do == "read" else ModelKind.CLIP), node.model
    elif isinstance(node, AudioNode):
        yield ModelKind.TRANSCRIPTION, node.model
    elif isinstance(node, EmbedNode):
        yield ModelKind.EMBEDDING, node.model
    if isinstance(node, WritingNode) and node.guard is not None and node.guard.policy is not None:
        yield ModelKind.LLM, node.guard.policy.model or model

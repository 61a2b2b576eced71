"""Graphs as models: the gateway of one person, in which `agent/<graph>` is a graph of theirs, and all else a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from api.agents.answering import Answering
from api.audit.trail import Origin
from api.models.schemas import GRAPH
from api.web.principal import Principal
from api.workflows.install import Graphs
from api.workflows.launching import Launcher
from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, TokenCount
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.errors import ModelNotFound, NotFound
from cluster.forwarding import ForwardingGateway
from cluster.gateway import ModelGateway, closable
from cluster.graphs.chatting import PREFIX, ChatGraph, can_chat, chat_graphs
from cluster.learning.adapters.gateway import for_organisation, need_own
from cluster.learning.releases.entry import ReleaseEntry
from cluster.providers.tokens import TokenCounter
from cluster.specs.graph import GraphSpec


class AgentGateway(ForwardingGateway):
    """What a graph is asked is a run of it, in the name of ``who``; whoever
    leaves before its end cancels it."""

    def __init__(self, inner: ModelGateway, graphs: Graphs, who: Principal, origin: Origin) -> None:
        super().__init__(inner)
        self._graphs = graphs
        self._who = who
        self._origin = origin

    async def models(self) -> Sequence[ModelStatus]:
        """Models, with the organisation's adapters, then graphs."""
        async with self._graphs.parts.stores.database.session() as session:
            own = await chat_graphs(session, self._who.organisation_id)
        library = [ChatGraph(spec.name, spec.title, spec.description) for spec in self._graphs.library if can_chat(spec)]
        models = [self._own(status) for status in await self._inner.models()]
        return [*models, *map(_status, library), *map(_status, own)]

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        if kind is not ModelKind.LLM or not model.startswith(PREFIX):
            status = await self._inner.resolve(model, kind)
            need_own(model, status, self._graphs.manifests, str(self._who.organisation_id))
            return self._own(status)
        spec = await self._spec(model)
        return _status(ChatGraph(spec.name, spec.title, spec.description), model)

    async def generate(self, request: GenerationRequest) -> Generation:
        if not request.model.startswith(PREFIX):
            return await self._inner.generate(self._known(request))
        return await Answering(self._graphs, self._who, self._origin).answer(await self._spec(request.model), request)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """Of a graph an empty batch now and then says that it still works."""
        if request.model.startswith(PREFIX):
            spec = await self._spec(request.model)
            source = Answering(self._graphs, self._who, self._origin).stream(spec, request)
        else:
            source = closable(self._inner.stream(self._known(request)))
        async with aclosing(source):
            async for batch in source:
                yield batch

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        if not request.model.startswith(PREFIX):
            return await self._inner.count_tokens(self._known(request))
        return TokenCounter().request(request, "")

    def released(self, model: str, adapter: str | None, subject: str) -> ReleaseEntry | None:
        """In the way of which release a request for ``model`` will be answered, for whoever has to know before it is asked: what is put
        into its ``release`` then is what answers, whatever is promoted meanwhile."""
        if model.startswith(PREFIX):
            return None
        manifest, scope = self._graphs.manifests.of(model), str(self._who.organisation_id)
        if adapter is not None and not manifest.knows(scope, adapter):
            return None
        return manifest.choose(scope, adapter, subject or str(self._who.user_id)).release

    def _own(self, status: ModelStatus) -> ModelStatus:
        return for_organisation(status, self._graphs.manifests, str(self._who.organisation_id))

    def _known(self, request: GenerationRequest) -> GenerationRequest:
        """Where nothing closer is known, it is the person who gets the same adapter again."""
        return request if request.subject else replace(request, subject=str(self._who.user_id))

    async def _spec(self, model: str) -> GraphSpec:
        try:
            spec = await Launcher(self._graphs, self._who, self._origin).find(model.removeprefix(PREFIX))
        except NotFound as error:
            raise ModelNotFound(error.message) from None
        if not can_chat(spec):
            raise ModelNotFound(
                f"The graph '{spec.name}' cannot be chatted with: it has to give 'answer', and to take 'question' or 'messages' and "
                "nothing else that it needs. Run it by POST /api/v1/workflows/execute."
            )
        return spec


def _status(graph: ChatGraph, model: str | None = None) -> ModelStatus:
    return ModelStatus(
        id=model or f"{PREFIX}{graph.name}",
        kind=ModelKind.LLM,
        state=ModelState.READY,
        capabilities=("chat",),
        engine=GRAPH,
        device="",
        dtype="",
        budget_bytes=0,
        pinned=False,
        context_tokens=None,
        reason=graph.title or graph.description or "A graph.",
        created=int(graph.changed_at.timestamp()) if graph.changed_at else 0,
        owned_by="hearth" if graph.changed_at is None else "organisation",
    )

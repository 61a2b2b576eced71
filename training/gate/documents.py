"""Items of a task that are answered from documents, each model's searched as its release has it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.contracts.generation import GenerationRequest, Message
from cluster.contracts.models import ModelKind
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.knowledge.searching import KnowledgeSearch
from cluster.learning.adapters.manifest import Manifests
from cluster.learning.releases.entry import ReleaseEntry
from cluster.learning.releases.names import release_in
from cluster.retrieval.briefing import Briefing, Reader, question_of
from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.vectors import VectorStore


@dataclass(frozen=True, slots=True)
class Documents:
    """Of one organisation. ``collections``: ids of those in which is searched."""

    organisation_id: uuid.UUID
    collections: Sequence[str]
    models: ModelGateway
    search: KnowledgeSearch
    manifests: Manifests

    @classmethod
    def of(
        cls,
        organisation_id: uuid.UUID,
        collections: Sequence[str],
        models: ModelGateway,
        vectors: VectorStore,
        database: Database,
        settings: Settings,
    ) -> Documents:
        search = KnowledgeSearch(organisation_id, models, vectors, database, settings.home)
        return cls(organisation_id, collections, models, search, Manifests(Home(settings.home)))

    async def brief(self, request: GenerationRequest) -> tuple[GenerationRequest, Briefing]:
        """``request`` with what documents say of its question, as an answer in a chat is written from them. Raises BadInput for an item in
        which nobody asks anything, and NotFound for a collection that is gone."""
        release = self._release(request.model)
        status = await self.models.resolve(request.model, ModelKind.LLM)
        where = await self.search.where(self.collections, None)
        if release is not None and release.searching is not None:
            where = replace(where, spec=release.searching)
        question = question_of(request.messages)
        found = await self.search.find(where, question, request_id=request.request_id)
        briefing = Briefing.of(found, where.spec, Reader.of(status), question)
        messages: tuple[Message, ...] = request.messages if release is None else release.instructed(request.messages)
        return briefing.request(replace(request, messages=briefing.messages(messages))), briefing

    def _release(self, model: str) -> ReleaseEntry | None:
        base, _, named = model.partition(":")
        release = release_in(named)
        return self.manifests.of(base).release(str(self.organisation_id), release) if release is not None else None


def shown(briefing: Briefing, text: str) -> str:
    """What a person would be shown of an answer: without citations that nothing bears out."""
    cited = briefing.cited()
    return cited.feed(text) + cited.close()

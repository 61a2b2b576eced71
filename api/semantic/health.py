"""Whether the semantic services work, and how much is kept."""

from __future__ import annotations

from api.models.service import USABLE
from api.semantic.answers import ModelHealth, SemanticHealth
from api.semantic.repository import FactRows
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.contracts.models import ModelKind, ModelState
from cluster.errors import HearthError

NEEDED = (ModelKind.EMBEDDING, ModelKind.LLM)


async def health(parts: Parts, who: Principal) -> SemanticHealth:
    models = [status for status in await parts.gateway.models() if status.kind in NEEDED]
    usable = {status.kind for status in models if status.state in USABLE - {ModelState.FAILED}}
    try:
        await parts.vectors.spaces()
        index = "ok"
    except HearthError:
        index = "unavailable"
    async with parts.stores.database.session() as session:
        entities, relations, merges, mean = await FactRows(session, who.organisation_id).counts()
    return SemanticHealth(
        status="ok" if index == "ok" and usable == set(NEEDED) else "degraded",
        models=[ModelHealth(model=status.id, kind=status.kind, state=status.state) for status in models],
        index=index,
        entities=entities,
        relations=relations,
        merges=merges,
        mean_confidence=None if mean is None else round(mean, 4),
    )

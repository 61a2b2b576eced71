"""What an item is related to, by word of people and by meaning."""

from __future__ import annotations

import uuid

from api.knowledge.answers import Related
from api.knowledge.finding import Finding
from api.knowledge.items import Items
from api.knowledge.schemas import RelatedQuery
from api.knowledge.sharing import Sharing
from api.web.deps import Parts
from api.web.principal import Principal


async def related(parts: Parts, who: Principal, finding: Finding, item_id: uuid.UUID, wanted: RelatedQuery) -> Related:
    """Holds no transaction while a model works."""
    async with parts.stores.database.session() as session:
        row = await Items(session, who, parts.settings.knowledge).visible(item_id)
        found = await Sharing(session, who, parts.settings.knowledge).related(item_id, wanted)
    if not wanted.alike:
        return found
    text = f"{row.title}\n{row.content}"[: parts.settings.ingest.chunk_chars]
    return found.model_copy(update={"alike": await finding.neighbours(text, wanted.alike, item_id)})

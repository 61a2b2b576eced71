"""Where items stand in the index, and who may find them there. The database has the last word: see finding.py."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from api.knowledge.repository import Reader
from api.knowledge.tables import KnowledgeItem, KnowledgeShare
from api.models.service import USABLE
from api.semantic.models import REMOTE
from cluster.contracts.models import ModelKind
from cluster.errors import ModelNotFound
from cluster.gateway import ModelGateway

# The collection of all items in the index. Those of documents are named by their ids, so none can be called this.
COLLECTION = "knowledge"
EVERYBODY = "o"


async def lasting(gateway: ModelGateway) -> str:
    """The embedding model whose vectors items have: the profile's first that this machine can run, whether it is ready now or not, since
    all items must have vectors of one. Raises ModelNotFound."""
    for status in await gateway.models():
        if status.kind is ModelKind.EMBEDDING and status.state in USABLE and status.device not in REMOTE:
            return status.id
    raise ModelNotFound("No embedding model of this machine can run; add one to the profile.")


def access_of(row: KnowledgeItem, shares: Iterable[KnowledgeShare]) -> tuple[str, ...]:
    """Who may find the item, as tags of its chunks."""
    everybody = () if row.audience == "none" else (EVERYBODY,)
    return (*everybody, f"u:{row.owner_id}", *(_key(share) for share in shares))


def keys(reader: Reader, teams: Iterable[uuid.UUID]) -> tuple[str, ...]:
    """The tags that the reader may find chunks by."""
    return (EVERYBODY, f"u:{reader.user_id}", *(f"t:{team}" for team in teams))


def _key(share: KnowledgeShare) -> str:
    return f"u:{share.user_id}" if share.user_id is not None else f"t:{share.team_id}"

"""Collections by what people call them: an id, or a name."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.errors import NotFound
from cluster.knowledge.searched import KnowledgeRepository
from cluster.knowledge.tables import Collection
from cluster.specs.loader import nearest


@dataclass(frozen=True, slots=True)
class Named:
    """Those that there are, each once, in the order of the names; ``missing``: places of names that none has."""

    rows: tuple[Collection, ...]
    missing: tuple[int, ...]


async def named(rows: KnowledgeRepository, wanted: Sequence[str]) -> Named:
    found = await rows.called([known for one in wanted if (known := as_id(one)) is not None], wanted)
    called = {str(row.id): row for row in found} | {row.name: row for row in found}
    keys = [_canonical(one) for one in wanted]
    chosen = {called[key].id: called[key] for key in keys if key in called}
    return Named(tuple(chosen.values()), tuple(at for at, key in enumerate(keys) if key not in called))


async def need_named(rows: KnowledgeRepository, wanted: Sequence[str]) -> tuple[Collection, ...]:
    """Raises NotFound for the first that is missing, naming the nearest."""
    found = await named(rows, wanted)
    for at in found.missing:
        hint = nearest(wanted[at], await rows.names())
        choice = f"did you mean '{hint}'?" if hint else "GET /api/v1/collections lists them."
        raise NotFound(f"There is no collection '{wanted[at]}'; {choice}").about(f"collections.{at}")
    return found.rows


def as_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _canonical(text: str) -> str:
    """A name as it is, an id as the database writes it."""
    return text if (known := as_id(text)) is None else str(known)

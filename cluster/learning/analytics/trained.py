"""What the adapter in service was trained on, and how people judged what it said."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from cluster.errors import Conflict, NotFound
from cluster.home import Home
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import Adapter
from cluster.learning.analytics.quality import Rate, counts, rates_of
from cluster.learning.datasets.loading import DatasetVersion, load
from cluster.learning.datasets.tables import DatasetVersionRow
from cluster.learning.feedback.table import Feedback
from cluster.stores.sql import AsyncSession

SEED = 0


@dataclass(frozen=True, slots=True)
class Serving:
    """``adapter`` None: the base answers without one. ``data`` None: for the reason ``note``."""

    base: str
    adapter: Adapter | None = None
    data: DatasetVersion | None = None
    note: str | None = None


async def serving(session: AsyncSession, organisation_id: uuid.UUID, base: str, home: Home) -> Serving:
    """What answers for ``base`` in the organisation."""
    route = await Adapters(session).route(organisation_id, base)
    if route is None or route.default_id is None:
        return Serving(base, note=f"No adapter of '{base}' is in service, so there is nothing that was trained on to compare with.")
    adapter = await Adapters(session).get(organisation_id, route.default_id)
    sha256 = adapter.lineage.get("dataset_sha256")
    chosen = select(DatasetVersionRow).where(DatasetVersionRow.organisation_id == organisation_id, DatasetVersionRow.sha256 == str(sha256))
    version = await session.scalar(chosen.order_by(DatasetVersionRow.created_at.desc()).limit(1))
    if version is None:
        return Serving(base, adapter, note="The adapter in service was not trained on a dataset that is here.")
    try:
        return Serving(base, adapter, await load(session, organisation_id, version.dataset_id, version.version, home=home))
    except (Conflict, NotFound) as error:
        return Serving(base, adapter, note=error.message)


async def bases_in_service(session: AsyncSession, organisation_id: uuid.UUID) -> list[str]:
    """Those for which an adapter answers."""
    return [route.base for route in await Adapters(session).routes_of(organisation_id) if route.default_id is not None]


def asked_in(path: Path, most: int) -> list[str]:
    """What examples are about: the last words of the user. Of more than ``most`` some at random, the same each time. Blocking."""
    chosen, draw = list[str](), random.Random(SEED)  # noqa: S311 - chooses examples, guards nothing
    for seen, asked in enumerate(_asked(path)):
        if seen < most:
            chosen.append(asked)
        elif (place := draw.randrange(seen + 1)) < most:
            chosen[place] = asked
    return chosen


async def rates(
    session: AsyncSession, organisation_id: uuid.UUID, base: str, since: datetime, until: datetime | None = None
) -> dict[str, Rate]:
    """Of feedback about answers of ``base``, with or without an adapter."""
    answered = func.split_part(Feedback.model, ":", 1) == base
    chosen = select(*counts()).where(Feedback.organisation_id == organisation_id, Feedback.created_at >= since, answered)
    if until is not None:
        chosen = chosen.where(Feedback.created_at < until)
    return rates_of((await session.execute(chosen)).mappings().one())


def _asked(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            messages: list[dict[str, Any]] = json.loads(line)["messages"]
            said = [str(turn["content"]) for turn in messages if turn.get("role") == "user" and turn.get("content")]
            if said:
                yield said[-1]

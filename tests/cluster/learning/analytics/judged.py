"""Judgements as the gate leaves them, and the same as rows of the database."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

import api.tables  # noqa: F401 - rows here refer to tables that the API has
from cluster.learning.adapters.registry import Adapters
from cluster.learning.analytics.judgements import Data, Judgement
from cluster.learning.datasets.store import Datasets
from cluster.learning.example import Source
from cluster.learning.gate.store import GateVerdicts, NewVerdict
from cluster.learning.gate.table import GateVerdict
from cluster.learning.gate.verdict import SetResult, Side, Tokens, Verdict
from cluster.learning.labels.table import LabelAssignment, LabelCampaign, LabelItem
from cluster.specs.gate import GATES, Gates
from cluster.stores.sql import AsyncSession, Database

BEGIN = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKENS: dict[Side, Tokens] = {"candidate": Tokens(prompt=1000, completion=200), "incumbent": Tokens(prompt=1000, completion=300)}


def data(labels: int, chosen: Any = "active", **more: Any) -> Data:
    return replace(Data("sums", "sums", 1, labels, labels, {"label": labels}, chosen, 3.0 * labels), **more)


def judgement(score: float = 0.5, before: float = 0.3, labels: int | None = 50, chosen: Any = "active", **more: Any) -> Judgement:
    """Of an adapter that was trained on so many labels for 100 seconds."""
    made = Judgement(
        verdict_id=uuid.uuid4(),
        time=BEGIN,
        outcome="passed",
        base="nano",
        adapter="sums@1",
        task="sums",
        items=100,
        items_sha256="a" * 64,
        score=score,
        before=before,
        difference=score - before,
        low=score - before - 0.1,
        high=score - before + 0.1,
        tokens=TOKENS,
        training_seconds=100.0,
        training_tokens=5000,
        data=data(labels, chosen) if labels is not None else None,
    )
    return replace(made, **more)


def verdict(score: float, before: float = 0.3, **more: Any) -> Verdict:
    figures: dict[str, Any] = {"candidate": score, "incumbent": before, "difference": score - before, "low": 0.1, "high": 0.3}
    task = SetResult(name="task", role="task", metric="exact", items=100, finding="better", **figures)
    told: dict[str, Any] = {"outcome": "passed", "reasons": ("It is.",), "tokens": TOKENS} | more
    return Verdict(sets=(task,), gate="default@1", confidence=0.95, resamples=999, seed=1, **told)


@dataclass
class Place:
    """An organisation whose people label, train and judge."""

    database: Database
    organisation_id: uuid.UUID
    user_id: uuid.UUID
    trained: int = 0
    known: dict[str, uuid.UUID] = field(default_factory=dict)

    async def train(self, score: float, labels: int, strategy: str | None = "active", *, uploads: int = 0, **more: Any) -> str:
        """An adapter of `nano` with a verdict, trained on a new version of the dataset `sums`; the hash of that."""
        self.trained += 1
        sha256 = f"{self.trained:064d}"
        async with self.database.session() as session:
            datasets = Datasets(session)
            if "dataset" not in self.known:
                owned = {"organisation_id": self.organisation_id, "owner_id": self.user_id}
                row = await datasets.add({**owned, "name": "sums", "task": "sums", "shape": "sft", "recipe": {}})
                self.known["dataset"] = row.id
            row = await datasets.get(self.organisation_id, self.known["dataset"])
            version = await datasets.add_version(row, {"sha256": sha256, "train": labels, "held_out": 5, "datasheet": {}})
            given = [Source(kind="upload", id=f"{sha256}:{number}") for number in range(uploads)]
            await datasets.add_sources(version, [*await self._labels(session, labels, strategy), *given])
            await self._judged(session, sha256, score, **more)
        return sha256

    async def _judged(self, session: AsyncSession, sha256: str, score: float, **more: Any) -> None:
        lineage = {"dataset_sha256": sha256, "metrics": {"seconds": 100.0, "tokens": 5000}}
        made = {"base": "nano", "name": "sums", "version": self.trained, "sha256": sha256, "bytes": 1, "rank": 1, "targets": []}
        await Adapters(session).add(organisation_id=self.organisation_id, owner_id=self.user_id, state="passed", lineage=lineage, **made)
        held_out = {"kind": "dataset", "dataset": str(self.known["dataset"]), "version": 1, "sha256": sha256}
        names = (f"nano:sums@{self.trained}", "nano")
        asked = NewVerdict(self.organisation_id, self.user_id, *names, Gates.load(GATES).get("default"), held_out)
        row = await GateVerdicts(session).add(asked)
        told = verdict(score, **more)
        values = {"outcome": told.outcome, "verdict": told.model_dump(mode="json"), "inputs": {"task": "a" * 64}}
        at = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=self.trained)
        await session.execute(update(GateVerdict).where(GateVerdict.id == row.id).values(created_at=at, **values))

    async def _labels(self, session: AsyncSession, count: int, strategy: str | None) -> list[Source]:
        """Items that each took 3 seconds, chosen by ``strategy``; None: feedback, which nobody chose."""
        if strategy is None:
            return [Source(kind="feedback", id=uuid.uuid4().hex) for _ in range(count)]
        here = {"organisation_id": self.organisation_id}
        if "campaign" not in self.known:
            self.known["campaign"] = uuid.uuid4()
            campaign = {"id": self.known["campaign"], "name": "sums", "task": "sums", "kind": "text", "lease_s": 60}
            await session.execute(insert(LabelCampaign).values(**here, **campaign))
        of = {**here, "campaign_id": self.known["campaign"]}
        names = [uuid.uuid4() for _ in range(count)]
        items = [
            {**of, "id": name, "source_kind": "text", "source_id": name.hex, "messages": [], "parts": {"strategy": strategy}}
            for name in names
        ]
        done = [
            {**of, "id": uuid.uuid4(), "item_id": name, "annotator": "a", "state": "submitted", "value": {"value": "5"}, "seconds": 3.0}
            for name in names
        ]
        await session.execute(insert(LabelItem), items)
        await session.execute(insert(LabelAssignment), done)
        return [Source(kind="label", id=str(name)) for name in names]

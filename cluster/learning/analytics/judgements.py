"""What the gate found of adapters, with what each was trained on: the rows that curves and costs are made of."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Text, cast, func, select, tuple_

from cluster.learning.adapters.names import split_version
from cluster.learning.adapters.table import Adapter
from cluster.learning.analytics.origins import Origin, origins_of
from cluster.learning.datasets.tables import Dataset, DatasetVersionRow
from cluster.learning.gate.table import GateVerdict
from cluster.learning.gate.verdict import Outcome, SetResult, Side, Tokens, Verdict
from cluster.stores.sql import AsyncSession

# How the labels of a version were chosen: most of them actively, most at random, or nobody knows.
Chosen = Literal["active", "random", "unknown"]


@dataclass(frozen=True, slots=True)
class Data:
    """What an adapter was trained on. ``labels``: what people said or uploaded that is in it, by ``sources`` (feedback, label, upload);
    ``label_seconds``: what labelling took, as far as somebody measured it."""

    dataset: str
    task: str
    version: int
    train: int
    labels: int
    sources: Mapping[str, int]
    chosen: Chosen
    label_seconds: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict about an adapter. ``score`` and ``before`` are the mean marks of candidate and incumbent on the task, ``difference``,
    ``low`` and ``high`` as in ``SetResult``. ``items_sha256``: of the items asked; scores on others are not comparable. ``tokens``: None
    where nobody counted. ``data`` None: it was not trained on a dataset that is here."""

    verdict_id: uuid.UUID
    time: datetime
    outcome: Outcome
    base: str
    adapter: str
    task: str | None
    items: int
    items_sha256: str | None
    score: float
    before: float
    difference: float
    low: float
    high: float
    tokens: Mapping[Side, Tokens] | None
    training_seconds: float | None
    training_tokens: int | None
    data: Data | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """``most`` verdicts are looked at, the latest. None: any."""

    most: int
    base: str | None = None
    task: str | None = None


async def judgements(session: AsyncSession, organisation_id: uuid.UUID, wanted: Wanted) -> list[Judgement]:
    """Of adapters that the registry has, the earliest first."""
    verdicts = await _verdicts(session, organisation_id, wanted)
    adapters = await _adapters(session, organisation_id, [row.candidate for row in verdicts])
    data = await _data(session, organisation_id, [_dataset_of(adapter) for adapter in adapters.values()])
    tasks = await _tasks(session, organisation_id, [row.held_out.get("dataset") for row in verdicts])
    found = [_judgement(row, adapters[row.candidate], data, tasks) for row in reversed(verdicts) if row.candidate in adapters]
    return [one for one in found if one is not None and wanted.task in (None, one.task)]


async def _verdicts(session: AsyncSession, organisation_id: uuid.UUID, wanted: Wanted) -> Sequence[GateVerdict]:
    """The latest first."""
    chosen = select(GateVerdict).where(
        GateVerdict.organisation_id == organisation_id, GateVerdict.outcome.is_not(None), GateVerdict.verdict.is_not(None)
    )
    if wanted.base is not None:
        chosen = chosen.where(func.split_part(GateVerdict.candidate, ":", 1) == wanted.base)
    return (await session.scalars(chosen.order_by(GateVerdict.created_at.desc(), GateVerdict.id.desc()).limit(wanted.most))).all()


async def _adapters(session: AsyncSession, organisation_id: uuid.UUID, models: Iterable[str]) -> dict[str, Adapter]:
    """By the name of the model."""
    named = {_place(model): model for model in models if ":" in model}
    if not named:
        return {}
    key = tuple_(Adapter.base, Adapter.name, Adapter.version)
    rows = await session.scalars(select(Adapter).where(Adapter.organisation_id == organisation_id, key.in_(list(named))))
    return {named[row.base, row.name, row.version]: row for row in rows}


def _place(model: str) -> tuple[str, str, int]:
    base, _, adapter = model.partition(":")
    name, version = split_version(adapter)
    return base, name, version or 0


async def _data(session: AsyncSession, organisation_id: uuid.UUID, hashes: Iterable[str | None]) -> dict[str, Data]:
    """By the SHA-256 of the version; where two datasets hold the same, of the later one."""
    wanted = {one for one in hashes if one is not None}
    versions = select(DatasetVersionRow, Dataset).join(Dataset, Dataset.id == DatasetVersionRow.dataset_id)
    versions = versions.where(DatasetVersionRow.organisation_id == organisation_id, DatasetVersionRow.sha256.in_(wanted))
    rows = (await session.execute(versions.order_by(DatasetVersionRow.created_at))).all()
    origins = await origins_of(session, organisation_id, [row.id for row, _ in rows])
    return {row.sha256: _data_of(row, dataset, origins.get(row.id, [])) for row, dataset in rows}


def _data_of(row: DatasetVersionRow, dataset: Dataset, origins: Sequence[Origin]) -> Data:
    sources, chosen = Counter[str](), Counter[Chosen]()
    for one in origins:
        sources[one.kind] += one.count
        chosen[chosen_by(one.strategy)] += one.count
    return Data(
        dataset=dataset.name,
        task=dataset.task,
        version=row.version,
        train=row.train,
        labels=sources.total(),
        sources=dict(sources),
        chosen=next((how for how, count in chosen.items() if 2 * count > chosen.total()), "unknown"),
        label_seconds=sum(one.seconds for one in origins),
    )


def chosen_by(strategy: str | None) -> Chosen:
    """``strategy``: as selection notes it with an item; None for what was not chosen by it."""
    if strategy is None:
        return "unknown"
    return "random" if strategy == "random" else "active"


async def _tasks(session: AsyncSession, organisation_id: uuid.UUID, datasets: Iterable[Any]) -> dict[str, str]:
    """By the dataset that the items come from."""
    name = cast(Dataset.id, Text)
    chosen = select(name, Dataset.task).where(Dataset.organisation_id == organisation_id)
    rows = await session.execute(chosen.where(name.in_({one for one in datasets if one is not None})))
    return {row[0]: row[1] for row in rows}


def _dataset_of(adapter: Adapter) -> str | None:
    sha256 = adapter.lineage.get("dataset_sha256")
    return sha256 if isinstance(sha256, str) else None


def _judgement(row: GateVerdict, adapter: Adapter, data: Mapping[str, Data], tasks: Mapping[str, str]) -> Judgement | None:
    """None where no item of the task was asked."""
    verdict = Verdict.model_validate(row.verdict)
    result = next((one for one in verdict.sets if one.role == "task"), None)
    figures = _figures(result)
    if result is None or figures is None:
        return None
    metrics = adapter.lineage.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    trained = data.get(_dataset_of(adapter) or "")
    # Of items in a file nobody says what kind of work they are; they are to examine what was trained.
    task = tasks.get(str(row.held_out.get("dataset")), trained.task if trained is not None else None)
    return Judgement(
        verdict_id=row.id,
        time=row.created_at,
        outcome=verdict.outcome,
        base=adapter.base,
        adapter=row.candidate.partition(":")[2],
        task=task,
        items=result.items,
        items_sha256=(row.inputs or {}).get(result.name),
        **figures,
        tokens=verdict.tokens,
        training_seconds=_number(metrics.get("seconds")),
        training_tokens=None if (tokens := _number(metrics.get("tokens"))) is None else int(tokens),
        data=trained,
    )


def _figures(result: SetResult | None) -> dict[str, float] | None:
    if result is None or result.candidate is None or result.incumbent is None or result.difference is None:
        return None
    told = {"score": result.candidate, "before": result.incumbent, "difference": result.difference}
    return told | {"low": result.low or 0.0, "high": result.high or 0.0}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

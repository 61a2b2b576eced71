"""What a graph's runs, and its nodes, took and cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import Field, field_validator

from api.web.principal import Principal
from api.web.schema import Answer, FormBody
from api.workflows.install import Graphs
from api.workflows.run_schemas import MICROS
from cluster.errors import Unprocessable
from cluster.graphs.definitions import Definitions
from cluster.graphs.statistics import NodeFigures, Period, RunFigures, node_figures, run_figures
from cluster.stores.sql import AsyncSession

DAYS = 7


class StatisticsQuery(FormBody):
    since: datetime | None = Field(None, description=f"Runs asked for from then on; without it, of the {DAYS} days before `until`.")
    until: datetime | None = Field(None, description="Runs asked for before then; without it, until now.")

    @field_validator("since", "until")
    @classmethod
    def _aware(cls, at: datetime | None) -> datetime | None:
        """Without a zone: UTC."""
        if at is not None and not 2000 <= at.year < 2200:
            raise ValueError("a time from the year 2000 to 2199")
        return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


class Took(Answer):
    """Seconds."""

    p50: float | None = Field(description="Half of them took no longer.")
    p95: float | None = Field(description="95 of 100 took no longer.")


class NodeStatistics(Answer):
    """One node, or one within a graph or a map that it runs."""

    node: str = Field(description="Its path; within a map `[]` stands for the item.")
    kind: str | None
    visits: int
    succeeded: int
    failed: int
    skipped: int
    items: int = Field(description="Of a map.")
    calls: int = Field(description="Of tools, by a model.")
    retries: int = Field(description="Attempts beyond the first, those after a process died included.")
    seconds: Took = Field(description="From when a visit began until it ended, waiting included.")
    longest_s: float | None
    prompt_tokens: int
    completion_tokens: int
    money: float = Field(description="In the currency of prices.")
    models: list[str]

    @classmethod
    def of(cls, one: NodeFigures) -> NodeStatistics:
        same = (
            "node",
            "kind",
            "visits",
            "succeeded",
            "failed",
            "skipped",
            "items",
            "calls",
            "retries",
            "prompt_tokens",
            "completion_tokens",
        )
        values = {name: getattr(one, name) for name in same}
        took = Took(p50=one.p50, p95=one.p95)
        return cls(**values, seconds=took, longest_s=one.most, money=one.micros / MICROS, models=list(one.models))


class GraphStatistics(Answer):
    graph: str
    since: datetime
    until: datetime
    runs: dict[str, int] = Field(description="By state.")
    seconds: Took = Field(description="Of work of runs that have ended; waiting does not count.")
    prompt_tokens: int
    completion_tokens: int
    money: float = Field(description="In the currency of prices.")
    nodes: list[NodeStatistics] = Field(description="Most visited first.")

    @classmethod
    def of(cls, graph: str, period: Period, runs: RunFigures, nodes: list[NodeStatistics]) -> GraphStatistics:
        return cls(
            graph=graph,
            since=period.since,
            until=period.until,
            runs=dict(runs.states),
            seconds=Took(p50=runs.p50, p95=runs.p95),
            prompt_tokens=runs.prompt_tokens,
            completion_tokens=runs.completion_tokens,
            money=runs.micros / MICROS,
            nodes=nodes,
        )


async def statistics(session: AsyncSession, who: Principal, graphs: Graphs, graph_id: str, asked: StatisticsQuery) -> GraphStatistics:
    """Of the organisation's own runs. Raises NotFound for a graph that there is not, Unprocessable for a period that is none."""
    until = asked.until or datetime.now(UTC)
    period = Period(asked.since or until - timedelta(days=DAYS), until)
    if period.since >= period.until:
        raise Unprocessable("'since' is to be before 'until'.").about("since")
    name = graph_id
    if graph_id not in graphs.library:
        row, _ = await Definitions(session, graphs.parts.settings.graphs).get(who.organisation_id, graph_id)
        name = row.name
    runs = await run_figures(session, who.organisation_id, name, period)
    nodes = [NodeStatistics.of(one) for one in await node_figures(session, who.organisation_id, name, period)]
    return GraphStatistics.of(name, period, runs, nodes)

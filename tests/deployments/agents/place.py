"""Where graphs are run in tests: an organisation, a runner in this process, a gateway without models, and tools that can be counted."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from sqlalchemy import text

from cluster.contracts.generation import Json
from cluster.contracts.models import ModelKind
from cluster.errors import NotFound
from cluster.fakes.gateway import ONE_OF_EACH, FakeGateway, fake_model
from cluster.fakes.tools import FakeTools
from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.states import ENDED
from cluster.graphs.table import GraphEvent, GraphRun, GraphStep
from cluster.guard.guarding import Guard
from cluster.settings import GraphSettings, Settings
from cluster.specs.graph import GraphSpec
from cluster.specs.prices import PricesSpec, PriceTable
from cluster.specs.providers import Price, ProvidersSpec
from cluster.stores.clients import StoreClients
from deployments.agents.ahead import Ahead
from deployments.agents.expressions import Expressions
from deployments.agents.runner import Runner
from deployments.agents.services import Passages, Services
from deployments.agents.waking import StepLogs
from tests.organisations import new_organisation
from tests.patience import PATIENCE_S

QUICK = GraphSettings(look_s=0.1, max_attempts=3, concurrent_per_organisation=50)
SETTLED = {*ENDED, "waiting", "paused"}
# A token of the fake model that is dear costs a tenth of the currency.
PRICES = PricesSpec(models={"dear": Price(input=100_000.0, output=100_000.0)})


def spec_of(given: str | Mapping[str, Any]) -> GraphSpec:
    """A graph as YAML, of which only what matters is said: it is called `test`, and gives its whole state."""
    shaped = dict(yaml.safe_load(given)) if isinstance(given, str) else dict(given)
    first = next(iter(shaped["nodes"]))
    return GraphSpec.model_validate({"name": "test", "start": first, "output": {"state": "state"}} | shaped)


@dataclass
class Heard:
    """What models said while they said it."""

    pieces: list[tuple[str, str]] = field(default_factory=list)
    looks: int = 0

    async def say(self, run_id: uuid.UUID, node: str, text: str) -> None:
        self.pieces.append((node, text))

    def look(self, run_id: uuid.UUID) -> None:
        self.looks += 1

    def turned(self, run_id: uuid.UUID) -> None:
        self.looks += 1


@dataclass
class Shelf:
    """Finding: passages by collection."""

    passages: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, tuple[str, ...] | None, int | None]] = field(default_factory=list)

    async def find(
        self, organisation_id: uuid.UUID, question: str, collections: Sequence[str] | None, settings: str, limit: int | None
    ) -> Passages:
        self.asked.append((question, None if collections is None else tuple(collections), limit))
        names = list(self.passages) if collections is None else list(collections)
        found = [(name, text) for name in names for text in self.passages[name]]
        return Passages(
            tuple({"number": place, "text": text, "collection": name} for place, (name, text) in enumerate(found, 1)),
            (("fake-embedder", len(question.split())),),
        )


@dataclass
class Files:
    """Media: bytes by name."""

    bytes_of: dict[str, bytes] = field(default_factory=dict)

    async def read(self, organisation_id: uuid.UUID, workspace: str, place: str) -> bytes:
        if place not in self.bytes_of:
            raise NotFound(f"There is no '{place}'.")
        return self.bytes_of[place]


@dataclass
class Place:
    stores: StoreClients
    settings: Settings
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    checkpoints: Checkpoints
    expressions: Expressions
    gateway: FakeGateway = field(default_factory=lambda: FakeGateway((*ONE_OF_EACH, fake_model("dear", ModelKind.LLM))))
    tools: FakeTools = field(default_factory=FakeTools)
    shelf: Shelf = field(default_factory=Shelf)
    files: Files = field(default_factory=Files)
    heard: Heard = field(default_factory=Heard)
    ahead: Ahead | None = None

    async def close(self) -> None:
        self.expressions.close()
        await self.checkpoints.close()

    def limit(self, **changes: Any) -> None:
        """Other settings of graphs, for what begins from now on."""
        self.settings = self.settings.model_copy(update={"graphs": self.settings.graphs.model_copy(update=changes)})

    def services(self) -> Services:
        return Services(
            settings=self.settings,
            gateway=self.gateway,
            toolbox=self.tools,
            finding=self.shelf,
            media=self.files,
            live=self.heard,
            guard=Guard(self.gateway, self.settings.graphs),
            prices=PriceTable(PRICES, ProvidersSpec()),
            expressions=self.expressions,
            ahead=self.ahead,
        )

    @asynccontextmanager
    async def runner(self, logs: StepLogs | None = None) -> AsyncIterator[Runner]:
        """One that runs as long as the block does."""
        runner = Runner(self.stores.database, self.checkpoints, self.services(), logs)
        await runner.start()
        try:
            yield runner
        finally:
            await runner.stop()

    async def add(
        self,
        graph: str | Mapping[str, Any],
        given: Mapping[str, Json] | None = None,
        *,
        graphs: Mapping[str, str] | None = None,
        prompts: Mapping[str, str] | None = None,
        **more: Any,
    ) -> GraphRun:
        """A queued run."""
        spec = spec_of(graph)
        inner = {name: spec_of(one) for name, one in (graphs or {}).items()}
        fixed: dict[str, Any] = {"graph": spec.name, "version": 1, "role": "editor", "input": dict(given or {})}
        new = NewRun(
            spec=ResolvedGraph(spec, inner, dict(prompts or {})).to_json(),
            organisation_id=self.organisation_id,
            owner_id=self.owner_id,
            **(fixed | more),
        )
        async with self.stores.database.session() as session:
            return await Runs(session, self.settings.graphs).enqueue(new)

    async def run(self, graph: str | Mapping[str, Any], given: Mapping[str, Json] | None = None, **more: Any) -> GraphRun:
        """A run with a runner of its own, until it ends or waits."""
        queued = await self.add(graph, given, **more)
        async with self.runner():
            return await self.settled(queued)

    async def gives(self, graph: str | Mapping[str, Any], given: Mapping[str, Json] | None = None, **more: Any) -> Any:
        """The state of a run that succeeds."""
        run = await self.run(graph, given, **more)
        assert run.state == "succeeded", run.error
        assert run.output is not None
        return run.output["state"]

    async def look(self, run: GraphRun) -> GraphRun:
        async with self.stores.database.session() as session:
            return await Runs(session, self.settings.graphs).get(self.organisation_id, run.id)

    async def until(self, run: GraphRun, holds: Callable[[GraphRun], bool]) -> GraphRun:
        async with asyncio.timeout(PATIENCE_S):
            while not holds(now := await self.look(run)):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.02)
        return now

    async def settled(self, run: GraphRun) -> GraphRun:
        """When it has ended, waits or is paused."""
        return await self.until(run, lambda row: row.state in SETTLED)

    async def act(self, what: str, run: GraphRun, *words: Any, **more: Any) -> GraphRun:
        """One of the methods of Runs that take a locked run: answer, cancel, pause, resume, retry."""
        async with self.stores.database.session() as session:
            runs = Runs(session, self.settings.graphs)
            acted: GraphRun = await getattr(runs, what)(await runs.get(self.organisation_id, run.id, lock=True), *words, **more)
            return acted

    async def steps(self, run: GraphRun) -> dict[str, GraphStep]:
        async with self.stores.database.session() as session:
            return {step.key: step for step in await Runs(session, self.settings.graphs).steps(run.id, 10_000)}

    async def events(self, run: GraphRun, kind: str) -> list[GraphEvent]:
        async with self.stores.database.session() as session:
            return [event for event in await Runs(session, self.settings.graphs).events(run.id, 0, 1000) if event.kind == kind]

    async def order(self, run: GraphRun) -> list[str]:
        """Keys of the steps that were done, in the order in which they were."""
        return [event.data["key"] for event in await self.events(run, "step") if event.data["state"] == "succeeded"]


async def found(stores: StoreClients, settings: Settings) -> Place:
    """A new organisation with one member."""
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM graph_runs"))  # whoever claims, claims any organisation's
    organisation, user = await new_organisation(stores.database)
    checkpoints = Checkpoints(settings)
    await checkpoints.open()
    return Place(stores, settings, organisation, user, checkpoints, Expressions(settings.graphs))

"""A run as LangGraph's clients follow it: parts of a stream, told from our events, from any of them on and at any replica."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from api.langgraph.repository import Placed, Threads
from api.langgraph.shapes import interrupts_of, status_of, values_of
from api.workflows.following import follower_of
from api.workflows.install import Graphs
from cluster.contracts.generation import Json
from cluster.errors import NotFound
from cluster.graphs.following import Event, Told
from cluster.graphs.following_on import is_under_way
from cluster.graphs.live import Piece
from cluster.graphs.recounting import is_visit, place_of, state_of, step_of, visits_until, wrote
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import Runs
from cluster.graphs.states import RunState
from cluster.graphs.table import GraphStep
from cluster.specs.nodes import LlmNode, Node

# How a visit may end.
ENDS = ("succeeded", "skipped", "failed")
SILENCE = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One event of a stream. ``number``: where to read on, on the last part that an event of ours becomes."""

    event: str
    data: Any
    number: int | None = None

    def encoded(self) -> bytes:
        head = b"" if self.number is None else b"id: %d\n" % self.number
        return b"event: %s\n%sdata: %s\n\n" % (self.event.encode(), head, to_json(self.data))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be told. ``after``: events behind this number. ``fresh``: the reader has seen nothing of it."""

    modes: frozenset[str]
    after: int = 0
    fresh: bool = True
    subgraphs: bool = False


class RunFeed:
    """Follows one run of one organisation until it rests: it has ended, waits for people, or is paused."""

    def __init__(self, graphs: Graphs, organisation_id: uuid.UUID, run_id: uuid.UUID) -> None:
        self._graphs = graphs
        self._organisation_id = organisation_id
        self._run_id = run_id

    async def look(self) -> Placed:
        """Raises NotFound."""
        async with self._graphs.parts.stores.database.session() as session:
            found = await Threads(session, self._organisation_id).placed(self._run_id)
        if found is None:
            raise NotFound(f"There is no run '{self._run_id}' in a thread; threads.search and runs.list show those there are.")
        return found

    async def told(self, after: int) -> AsyncGenerator[Told, None]:
        """Events behind the number ``after``, and pieces of text, until it rests."""
        run, _ = await self.look()
        if run.changes <= after and not is_under_way(run):
            return
        follower = follower_of(self._graphs, self._organisation_id, self._run_id)
        async with aclosing(follower.events(after)) as events:
            async for told in events:
                yield told
                halted = isinstance(told, Event) and told.kind == "state" and told.data["state"] in (RunState.WAITING, RunState.PAUSED)
                if (halted or not isinstance(told, (Event, Piece))) and not is_under_way((await self.look())[0]):
                    return

    async def settled(self) -> AsyncGenerator[None, None]:
        """Now and then something while it goes on; over when it rests."""
        run, _ = await self.look()
        if is_under_way(run):
            async with aclosing(self.told(run.changes)) as events:
                async for told in events:
                    if not isinstance(told, (Event, Piece)):
                        yield None

    async def final(self) -> dict[str, Any]:
        """The values of the thread now; `__interrupt__`: what people are asked; `__error__`: why it failed."""
        placed = await self.look()
        run = placed[0]
        values = values_of(placed, await self.state(placed, None))
        if asked := interrupts_of(run):
            values["__interrupt__"] = asked
        if run.state == RunState.FAILED:
            values["__error__"] = {"error": "NodeFailed" if run.failed_node else "RunFailed", "message": run.error}
        return values

    async def state(self, placed: Placed, at: datetime | None) -> dict[str, Json]:
        """What its nodes had written at that time. None: by now."""
        run, _ = placed
        graph = ResolvedGraph.from_json(run.spec)
        async with self._graphs.parts.stores.database.session() as session:
            return state_of(graph, await visits_until(session, run.id, at or datetime.max.replace(tzinfo=run.created_at.tzinfo)), {})

    async def step(self, key: str) -> GraphStep | None:
        async with self._graphs.parts.stores.database.session() as session:
            return await step_of(session, self._run_id, key)

    async def time_of(self, number: int) -> datetime | None:
        """When the event with that number was."""
        async with self._graphs.parts.stores.database.session() as session:
            found = await Runs(session, self._graphs.parts.settings.graphs).events(self._run_id, number - 1, 1)
        return found[0].created_at if found else None


async def parts(feed: RunFeed, asked: Asked) -> AsyncGenerator[bytes, None]:
    """The stream, as server-sent events: from `metadata` to `end`."""
    placed = await feed.look()
    run = placed[0]
    begun = (await feed.time_of(asked.after) if asked.after else None) or run.created_at
    telling = Telling(feed, placed, asked, await feed.state(placed, begun))
    if asked.fresh:
        about = {"run_id": str(run.id), "thread_id": str(placed[1].thread_id or run.thread), "attempt": max(1, run.attempt)}
        yield Part("metadata", about).encoded()
        for part in telling.values(ended=False):
            yield part.encoded()
    async with aclosing(feed.told(asked.after)) as events:
        async for told in events:
            if isinstance(told, (Event, Piece)):
                async for part in telling.of(told):
                    yield part.encoded()
            else:
                yield SILENCE
    for part in telling.ending(await feed.look()):
        yield part.encoded()


@dataclass
class Telling:
    """Tells of one run. ``state``: what its nodes have written so far; ``said``: what each model said in this visit, of which
    a piece may come before its node is known to have begun; ``visits``: those that have ended."""

    feed: RunFeed
    placed: Placed
    asked: Asked
    state: dict[str, Json]
    said: dict[str, str] = field(default_factory=dict)
    visits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.graph = ResolvedGraph.from_json(self.placed[0].spec)

    async def of(self, told: Event | Piece) -> AsyncGenerator[Part, None]:
        """The parts that an event becomes; the last one carries its number."""
        if isinstance(told, Piece):
            for part in self._spoken(told):
                yield part
            return
        found = [part async for part in self._step(told)] if told.kind == "step" else []
        for number, part in enumerate(found, start=1):
            yield Part(part.event, part.data, told.number if number == len(found) else None)

    def values(self, *, ended: bool) -> Iterator[Part]:
        if "values" in self.asked.modes:
            yield Part("values", values_of(self.placed, self.state, ended=ended))

    def ending(self, placed: Placed) -> Iterator[Part]:
        """What is told when the run rests."""
        self.placed = placed
        run = placed[0]
        number = run.changes
        if status_of(run) == "success":
            yield from self.values(ended=True)
        if asked := interrupts_of(run):
            if "values" in self.asked.modes:
                yield Part("values", values_of(placed, self.state) | {"__interrupt__": asked})
            if "updates" in self.asked.modes:
                yield Part("updates", {"__interrupt__": asked})
        if run.state == RunState.FAILED:
            yield Part("error", {"error": "NodeFailed" if run.failed_node else "RunFailed", "message": run.error}, number)
        if run.state == RunState.CANCELLED:
            yield Part("error", {"error": "UserInterrupt", "message": "The run was cancelled."}, number)
        yield Part("end", None, number)

    async def _step(self, event: Event) -> AsyncGenerator[Part, None]:
        """A node begins or ends, or something within it does."""
        data = event.data
        around, node = place_of(self.graph, data["node"])
        if node is None or (around and not self.asked.subgraphs):
            return
        suffix, name = "".join(f"|{one}" for one in around), data["node"].rpartition("/")[2]
        if "events" in self.asked.modes:
            for told in _as_event(data, name):
                yield Part("events", told | {"run_id": str(self.placed[0].id)})
        if not is_visit(data["key"]):
            return
        if "tasks" in self.asked.modes:
            yield Part(f"tasks{suffix}", _as_task(data, name))
        step = await self.feed.step(data["key"]) if data["state"] in ENDS else None
        for part in self._wrote(step, node, suffix) if step is not None else ():
            yield part

    def _wrote(self, step: GraphStep, node: Node, suffix: str) -> Iterator[Part]:
        """A visit has ended."""
        added = wrote(self.graph, step)
        if "updates" in self.asked.modes and step.state != "failed":
            yield Part(f"updates{suffix}", {step.node.rpartition("/")[2]: added or None})
        if isinstance(node, LlmNode) and step.state == "succeeded":
            yield from self._whole(step)
        self.said.pop(step.node, None)
        self.visits[step.node] += 1
        if not suffix and added:
            self.state |= added
            yield from self.values(ended=False)

    def _spoken(self, piece: Piece) -> Iterator[Part]:
        """A model says something now."""
        before = self.said.get(piece.node)
        self.said[piece.node] = (before or "") + piece.text
        message, about = {"type": "AIMessageChunk", "content": piece.text, "id": self._message_id(piece.node)}, self._about(piece.node)
        if "messages-tuple" in self.asked.modes:
            yield Part("messages", [message, about])
        if "messages" in self.asked.modes:
            if before is None:
                yield Part("messages/metadata", {message["id"]: {"metadata": about}})
            yield Part("messages/partial", [message | {"type": "ai", "content": self.said[piece.node]}])
        if "events" in self.asked.modes:
            chunk = {"event": "on_chat_model_stream", "name": piece.node, "data": {"chunk": message}, "metadata": about, "tags": []}
            yield Part("events", chunk | {"run_id": str(self.placed[0].id), "parent_ids": []})

    def _whole(self, step: GraphStep) -> Iterator[Part]:
        """What a model has said, where nobody heard it speak."""
        text = (step.result or {}).get("value")
        if not isinstance(text, str):
            return
        message = {"type": "ai", "content": text, "id": self._message_id(step.node)}
        if "messages-tuple" in self.asked.modes and step.node not in self.said:
            yield Part("messages", [message, self._about(step.node)])
        if "messages" in self.asked.modes:
            yield Part("messages/complete", [message])

    def _message_id(self, node: str) -> str:
        return f"run-{self.placed[0].id}-{node}-{self.visits[node] + 1}"

    def _about(self, node: str) -> dict[str, Any]:
        run, place = self.placed
        ids = {"run_id": str(run.id), "thread_id": str(place.thread_id or run.thread), "graph_id": run.graph}
        return ids | {"langgraph_node": node.rpartition("/")[2], "checkpoint_ns": ""}


def _as_event(data: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """In the words of LangChain's ``astream_events``."""
    called = "tool" if data["kind"] == "tool" else "chain"
    what = {"running": "start", "succeeded": "end", "skipped": "end", "failed": "error"}.get(data["state"])
    if what is not None:
        said = {"output": data["text"]} if what == "end" else {"error": data["text"]} if what == "error" else {}
        about = {"langgraph_node": name, "key": data["key"]}
        yield {"event": f"on_{called}_{what}", "name": name, "data": said, "metadata": about, "tags": [], "parent_ids": []}


def _as_task(data: dict[str, Any], name: str) -> dict[str, Any]:
    about = {"id": data["key"], "name": name, "interrupts": []}
    if data["state"] == "running":
        return about | {"input": None, "triggers": []}
    failed = data["state"] == "failed"
    return about | {"error": data["text"] if failed else None, "result": None if failed else data["text"]}

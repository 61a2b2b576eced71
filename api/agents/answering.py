"""One answer of a graph in a chat: a run of it, followed to its end or to where it waits for a person."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from api.audit.trail import Origin
from api.web.principal import Principal
from api.workflows.following import follower_of
from api.workflows.install import Graphs
from api.workflows.launching import Launcher, Order
from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, GraphAnswer, Usage
from cluster.errors import BadInput, Cancelled, EngineError, NotFound
from cluster.graphs.chatting import ANSWER, CITATIONS, chat_input
from cluster.graphs.following import Event
from cluster.graphs.live import Piece
from cluster.graphs.pending import questions
from cluster.graphs.runs import Runs
from cluster.graphs.spending import used_by_model
from cluster.graphs.states import CHAT, RunState
from cluster.graphs.table import GraphRun
from cluster.specs.graph import GraphSpec

# Where a run goes on only when a person does something.
_STILL = frozenset({RunState.WAITING.value, RunState.PAUSED.value})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run came to, as a chat says it."""

    text: str
    usage: Usage
    run: GraphAnswer


class Answering:
    """For one person. A run whose answer nobody waits for any more is cancelled, unless it waits for a person."""

    def __init__(self, graphs: Graphs, who: Principal, origin: Origin) -> None:
        self._graphs = graphs
        self._who = who
        self._origin = origin

    async def answer(self, spec: GraphSpec, request: GenerationRequest) -> Generation:
        async with aclosing(self._followed(spec, request)) as told:
            async for item in told:
                if isinstance(item, Outcome):
                    return Generation(item.text, "stop", item.usage, run=item.run)
        raise EngineError(f"The run of '{spec.name}' is gone; ask again.")

    async def stream(self, spec: GraphSpec, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """What nodes with `stream` say while they say it, then what the answer has beyond that; empty batches where it is silent."""
        said, whole = "", True
        async with aclosing(self._followed(spec, request)) as told:
            async for item in told:
                if isinstance(item, Outcome):
                    rest = _rest(said, item.text)
                    last = GenerationDelta(finish_reason="stop", usage=item.usage, run=item.run)
                    yield (GenerationDelta(text=rest), last) if rest else (last,)
                    return
                # Behind a gap nothing is shown: the end has all of it.
                whole = whole and not (item is not None and item.missed)
                if item is not None and item.text and whole:
                    said += item.text
                    yield (GenerationDelta(text=item.text),)
                else:
                    yield ()

    async def _followed(self, spec: GraphSpec, request: GenerationRequest) -> AsyncGenerator[Piece | Outcome | None, None]:
        """Pieces, then the outcome; None where nothing happens. Whoever closes it earlier cancels the run."""
        run_id, settled = uuid.uuid4(), False
        order = self._order(spec, request, run_id)
        follower = follower_of(self._graphs, self._who.organisation_id, run_id)
        # Before the run is there, so that nothing it says is missed.
        async with self._graphs.ears.listening(run_id) as pieces:
            try:
                await self._graphs.ears.ready()
                await Launcher(self._graphs, self._who, self._origin).launch(order)
                async with aclosing(follower.events(0)) as events:
                    async for event in events:
                        for piece in pieces.take():
                            yield piece
                        still = isinstance(event, Event) and event.kind == "state" and event.data.get("state") in _STILL
                        if still and (outcome := await self._outcome(run_id)) is not None:
                            settled = True
                            yield outcome
                            return
                        yield None
                for piece in pieces.take():
                    yield piece
                outcome = await self._outcome(run_id)
                settled = True
                if outcome is not None:
                    yield outcome
            finally:
                if not settled:
                    self._graphs.aside(self._cancel(run_id))

    def _order(self, spec: GraphSpec, request: GenerationRequest, run_id: uuid.UUID) -> Order:
        if request.tools or request.response_format.kind != "text" or request.sampling.top_logprobs is not None:
            raise BadInput(
                f"'{request.model}' is a graph, which says itself what tools it calls and in what form it answers; "
                "leave 'tools', 'response_format' and 'logprobs' out."
            ).about("model")
        given = chat_input(spec, request.messages, request.given)
        return Order(spec, given, task_type=CHAT, id=run_id)

    async def _outcome(self, run_id: uuid.UUID) -> Outcome | None:
        """None where it goes on by itself. Raises EngineError where it failed, and Cancelled."""
        async with self._graphs.parts.stores.database.session() as session:
            run = await Runs(session, self._graphs.parts.settings.graphs).get(self._who.organisation_id, run_id)
            used = await used_by_model(session, run_id)
        text = _said(run)
        if text is None:
            return None
        citations = run.output.get(CITATIONS) if run.output else None
        noted = tuple(citations) if isinstance(citations, list) else ()
        answer = GraphAnswer(str(run.id), run.graph, run.state, noted, tuple(used.items()))
        return Outcome(text, Usage(run.prompt_tokens, run.completion_tokens), answer)

    async def _cancel(self, run_id: uuid.UUID) -> None:
        async with self._graphs.parts.stores.database.session() as session:
            runs = Runs(session, self._graphs.parts.settings.graphs)
            try:
                await runs.cancel(await runs.get(self._who.organisation_id, run_id, lock=True))
            except NotFound:
                return  # it never began
        await self._graphs.runtime.wake()


def _said(run: GraphRun) -> str | None:
    if run.state == RunState.SUCCEEDED:
        answer = (run.output or {}).get(ANSWER)
        return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    if run.state == RunState.FAILED:
        raise EngineError(f"The graph '{run.graph}' failed (run {run.id}): {run.error}")
    if run.state == RunState.CANCELLED:
        raise Cancelled(f"The run {run.id} of '{run.graph}' was cancelled.")
    where = f"/api/v1/workflows/runs/{run.id}"
    if run.state == RunState.PAUSED:
        return f"The run was paused. It goes on with POST {where}/resume."
    asked = questions(run)
    if run.state != RunState.WAITING or not any(one.kind != "time" for one in asked):
        return None
    lines = [f"{one.ask} (answer of '{one.node}')" for one in asked if one.kind != "time"]
    return "\n\n".join([*lines, f"This waits for a person's answer: POST {where}/answer."])


def _rest(said: str, answer: str) -> str:
    """What is to be shown of the answer behind what was streamed."""
    if answer.startswith(said):
        return answer[len(said) :]
    return "" if said.endswith(answer) else f"\n\n{answer}"

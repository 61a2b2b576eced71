from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from cluster.graphs.steps import StepLog
from cluster.graphs.table import GraphRun
from deployments.agents.waking import StepLogs
from tests.deployments.agents.place import Place

ASKING = """
nodes:
  draft: {kind: llm, user: write, then: review}
  review:
    kind: human
    ask: "Is '{{ state.draft }}' good?"
    show: state.draft
    answer: {type: object, properties: {good: {type: boolean}}, required: [good]}
    then: done
  done: {kind: transform, value: "state.review.good ? 'sent' : 'thrown away'"}
"""


async def test_a_person_answers_a_runner_that_was_not_there_when_it_was_asked(place: Place) -> None:
    waiting = await place.run(ASKING)
    assert waiting.state == "waiting"
    assert waiting.worker is None
    (asked,) = waiting.pending or []
    assert (asked["node"], asked["kind"], asked["ask"], asked["show"]) == (
        "review",
        "human",
        "Is 'You said: write' good?",
        "You said: write",
    )

    await place.act("answer", waiting, "review", {"good": True})
    async with place.runner():
        run = await place.settled(waiting)

    assert run.state == "succeeded", run.error
    assert run.output is not None
    assert run.output["state"]["done"] == "sent"
    assert len(place.gateway.asked) == 1
    assert run.answers == {}


async def test_each_visit_asks_anew(place: Place) -> None:
    graph = """
    nodes:
      ask: {kind: human, ask: "More?", answer: {type: boolean}, then: [{to: ask, when: state.ask}, {to: end, when: "!state.ask"}]}
    """
    waiting = await place.run(graph)
    await place.act("answer", waiting, "ask", True)
    async with place.runner():
        again = await place.until(waiting, lambda row: row.state == "waiting")
        assert [one["key"] for one in again.pending or []] == ["ask#2"]
        await place.act("answer", again, "ask", False)
        run = await place.until(waiting, lambda row: row.state == "succeeded")

    assert await place.order(run) == ["ask#1", "ask#2"]


async def test_people_are_asked_beside_each_other(place: Place) -> None:
    graph = """
    start: [a, b]
    nodes:
      a: {kind: human, ask: a, answer: {type: string}, then: both}
      b: {kind: human, ask: b, answer: {type: string}, then: both}
      both: {kind: transform, join: all, value: state.a + state.b}
    """
    async with place.runner() as runner:
        waiting = await place.settled(await place.add(graph))
        assert sorted(one["node"] for one in waiting.pending or []) == ["a", "b"]
        await place.act("answer", waiting, "b", "2")
        runner.wake()
        waiting = await place.until(waiting, lambda row: row.state == "waiting" and row.attempt == 2)
        assert [one["node"] for one in waiting.pending or []] == ["a"]
        await place.act("answer", waiting, "a", "1")
        run = await place.until(waiting, lambda row: row.state == "succeeded")

    assert run.output == {"state": {"a": "1", "b": "2", "both": "12"}}


async def test_nobody_is_waited_for_longer_than_the_node_says(place: Place) -> None:
    run = await place.add(
        "nodes: {ask: {kind: human, ask: hello, expires_s: 0.3, on_error: late}, late: {kind: transform, value: state.error}}"
    )
    async with place.runner():
        run = await place.until(run, lambda row: row.state == "succeeded")

    assert run.output is not None
    assert run.output["state"]["late"] == "Nobody answered within 0.3 s ('expires_s' of the node)."


async def test_a_time_is_waited_for_without_holding_anything(place: Place) -> None:
    run = await place.add("nodes: {nap: {kind: wait, seconds: 3, then: up}, up: {kind: transform, value: \"'up'\"}}")
    async with place.runner() as runner:
        waiting = await place.until(run, lambda row: row.state == "waiting")
        assert waiting.wake_at is not None
        assert runner.busy == 0
        assert not waiting.pending
        run = await place.until(run, lambda row: row.state == "succeeded")

    assert run.output == {"state": {"up": "up"}}


class LaterLog(StepLog):
    """Of a database whose clock is an hour ahead of this process's."""

    async def now(self) -> datetime:
        return await super().now() + timedelta(hours=1)


class LaterLogs(StepLogs):
    def of(self, row: GraphRun) -> StepLog:
        return LaterLog(self._database, self._settings, row.id, row.attempt)


async def test_times_are_those_of_the_database_s_clock(place: Place) -> None:
    graph = """
    start: [nap, ask]
    nodes:
      nap: {kind: wait, seconds: 3000}
      ask: {kind: human, ask: hello, expires_s: 3000, on_error: late}
      late: {kind: transform, value: state.error}
    """
    queued = await place.add(graph)
    async with place.runner(LaterLogs(place.stores.database, place.settings.graphs)):
        run = await place.settled(queued)

    assert (run.state, run.attempt) == ("succeeded", 1), run.error
    assert "Nobody answered within 3000 s" in str(run.output)


async def test_a_moment_that_has_passed_is_not_waited_for(place: Place) -> None:
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    run = await place.run("nodes: {nap: {kind: wait, until: input.at}}", {"at": past})

    assert run.state == "succeeded", run.error
    assert run.attempt == 1


async def test_a_moment_that_is_none_is_refused(place: Place) -> None:
    run = await place.run("nodes: {nap: {kind: wait, until: input.at}}", {"at": "tomorrow"})

    assert run.error is not None
    assert "ISO 8601" in run.error


async def test_a_dangerous_tool_is_called_when_a_person_says_so(place: Place) -> None:
    graph = "nodes: {send: {kind: tool, tool: mail_send, arguments: {to: '= input.to'}}}"
    waiting = await place.run(graph, {"to": "Mira"})
    (asked,) = waiting.pending or []
    assert asked["kind"] == "approve"
    assert asked["show"] == {"tool": "mail_send", "arguments": {"to": "Mira"}}
    assert place.tools.sent == []

    await place.act("answer", waiting, "send", {"approve": True})
    async with place.runner():
        run = await place.until(waiting, lambda row: row.state == "succeeded")

    assert place.tools.sent == ["Mira"]
    assert run.output == {"state": {"send": {"sent": "Mira"}}}


async def test_a_dangerous_tool_is_not_called_when_a_person_says_no(place: Place) -> None:
    waiting = await place.run("nodes: {send: {kind: tool, tool: mail_send, arguments: {to: Mira}}}")
    await place.act("answer", waiting, "send", {"approve": False, "reason": "not now"})
    async with place.runner():
        run = await place.until(waiting, lambda row: row.state == "failed")

    assert place.tools.sent == []
    assert run.error == "Node 'send' failed: The tool 'mail_send' was not called: the person who was asked said no (not now)."


async def test_nobody_is_asked_where_the_graph_says_so(place: Place) -> None:
    run = await place.run("nodes: {send: {kind: tool, tool: mail_send, approve: false, arguments: {to: Mira}}}")

    assert run.state == "succeeded", run.error
    assert place.tools.sent == ["Mira"]


async def test_a_run_pauses_before_its_next_node_and_goes_on(place: Place) -> None:
    graph = "nodes: {a: {kind: tool, tool: waits, then: b}, b: {kind: transform, value: '1'}}"
    run = await place.add(graph)
    async with place.runner() as runner:
        await place.until(run, lambda _: place.tools.waiting == 1)
        await place.act("pause", run)
        runner.wake()
        await asyncio.sleep(0.2)
        place.tools.let_go.set()
        paused = await place.until(run, lambda row: row.state == "paused")
        assert set(await place.steps(paused)) == {"a#1"}
        await place.act("resume", paused)
        run = await place.until(run, lambda row: row.state == "succeeded")

    assert len(place.tools.calls) == 1


async def test_a_run_is_cancelled_in_the_middle_of_a_node(place: Place) -> None:
    run = await place.add("nodes: {a: {kind: tool, tool: waits}}")
    async with place.runner():
        await place.until(run, lambda _: place.tools.waiting == 1)
        asked = asyncio.get_running_loop().time()
        await place.act("cancel", run)
        run = await place.until(run, lambda row: row.state == "cancelled")
        took = asyncio.get_running_loop().time() - asked

    assert took < 1.5
    assert place.tools.waiting == 0

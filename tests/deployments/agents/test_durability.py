"""A process that carries runs on may be killed at any moment: what was done is done once, and the result is the same."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path

from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import Runs
from cluster.home import REPOSITORY
from tests.deployments.agents.mortal import Task
from tests.deployments.agents.place import Place, spec_of

FIVE = """
nodes:
  greet: {kind: transform, value: "'Dear ' + input.who", then: order}
  order: {kind: tool, tool: write, arguments: {text: "= state.greet"}, then: thank}
  thank: {kind: llm, user: "{{ state.greet }}, {{ state.order.written }}", then: pay}
  pay: {kind: tool, tool: write, arguments: {text: "= state.thank"}, then: close}
  close: {kind: transform, value: "[state.order.written, state.pay.written]"}
output: {all: state.close, thanks: state.thank}
"""
OUTPUT = {"all": ["Dear Mira", "You said: Dear Mira, Dear Mira"], "thanks": "You said: Dear Mira, Dear Mira"}


async def test_a_run_is_killed_at_every_moment_and_nothing_is_done_twice(place: Place, tmp_path: Path) -> None:
    effects, calls, told = tmp_path / "effects", tmp_path / "calls", tmp_path / "task.json"
    spec = ResolvedGraph(spec_of(FIVE)).to_json()
    task = Task(
        settings=place.settings, organisation_id=place.organisation_id, owner_id=place.owner_id, spec=spec, effects=effects, calls=calls
    )
    told.write_text(task.model_dump_json())

    command = [sys.executable, "-m", "tests.deployments.agents.mortal", str(told)]
    mortals = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=PIPE, stderr=PIPE)
    out, wrong = await mortals.communicate()

    assert mortals.returncode == 0, out.decode()[-2000:] + wrong.decode()[-4000:]
    lines = [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
    runs = [uuid.UUID(line["run"]) for line in lines if "run" in line]
    moments = [line["died"] for line in lines if "died" in line]
    # Of each of five nodes, the beginning and the end; of each checkpoint and of what leads to it; of two effects.
    assert len(moments) == len(runs) - 1
    assert len(moments) > 40
    kinds = Counter(" ".join(moment.split()[:2]) for moment in moments)
    assert kinds["before begin"] == kinds["after begin"] == kinds["before finish"] == kinds["after finish"] == 5
    assert kinds["before effect"] == kinds["after effect"] == 2
    assert kinds["before checkpoint"] == kinds["after checkpoint"] >= 6

    wanted = {f"{run}:{step}" for run in runs for step in ("order#1", "pay#1")}
    assert sorted(effects.read_text().splitlines()) == sorted(wanted)
    called = Counter(calls.read_text().splitlines())
    for run in runs:
        assert sum(called[f"{run}:{step}"] for step in ("order#1", "pay#1")) <= 3  # at most the one that was broken off was called again
    async with place.stores.database.session() as session:
        rows = [await Runs(session, place.settings.graphs).get(place.organisation_id, run) for run in runs]
    assert [row.state for row in rows] == ["succeeded"] * len(rows)
    assert [row.output for row in rows] == [OUTPUT] * len(rows)
    assert [row.attempt for row in rows] == [2] * len(moments) + [1]

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cluster.errors import BadInput, NotFound, Unprocessable
from cluster.graphs.library import GraphLibrary
from cluster.graphs.starting import RunStarter
from cluster.home import GRAPHS
from cluster.tools.tool import ToolCaller
from tests.cluster.graphs.house import House

GRAPH = """
name: greet
version: 3
input: {{type: object, properties: {{who: {{type: string}}, in: {{type: string, default: English}}}}, required: [who, in]}}
start: say
nodes:
  say: {{kind: llm, prompt: {prompt}, user: "Greet {{{{ input.who }}}}"}}
output: {{answer: state.say}}
"""


def library(tmp_path: Any, prompt: str = "polite") -> GraphLibrary:
    (tmp_path / "greet.yaml").write_text(GRAPH.format(prompt=prompt))
    return GraphLibrary.load(tmp_path, most_bytes=100_000)


async def add_prompt(house: House, words: str, variables: str = "{}") -> None:
    prompt = uuid.uuid4()
    await house.execute(
        "INSERT INTO system_prompts (id, organisation_id, owner_id, name, version) VALUES (:id, :place, :owner, 'polite', 1)",
        id=prompt, place=house.organisation_id, owner=house.owner_id,
    )  # fmt: skip
    await house.execute(
        "INSERT INTO prompt_versions (id, prompt_id, version, text, variables) VALUES (:id, :prompt, 1, :words, CAST(:variables AS jsonb))",
        id=uuid.uuid4(), prompt=prompt, words=words, variables=variables,
    )  # fmt: skip


def caller(house: House, key: str = "k", run_id: uuid.UUID | None = None) -> ToolCaller:
    return ToolCaller(house.organisation_id, house.owner_id, "viewer", "run-1", key, run_id=run_id, depth=1)


async def test_a_run_is_begun_in_the_name_of_whoever_called_the_tool(house: House, tmp_path: Any) -> None:
    await add_prompt(house, "Be $how.", '{"how": "kind"}')
    woken: list[bool] = []
    starter = RunStarter(house.database, house.graphs, library(tmp_path))
    starter.wakes(lambda: woken.append(True))
    outer = await house.add()

    started = await starter.start("greet", {"who": "Mira"}, caller(house, run_id=outer.id))

    async with house.runs() as runs:
        run = await runs.get(house.organisation_id, started.run_id)
    assert (run.state, run.graph, run.version, run.role, run.depth, run.parent_id) == ("queued", "greet", 3, "viewer", 2, outer.id)
    assert run.input == {"who": "Mira", "in": "English"}
    assert run.spec["prompts"] == {"polite": "Be kind."}
    assert woken == [True]


async def test_a_task_is_one_by_its_type_and_what_its_input_leaves_out_is_as_the_schema_says(house: House) -> None:
    starter = RunStarter(house.database, house.graphs, GraphLibrary.load(GRAPHS, most_bytes=2**20))
    task = await starter.start("todo", {"task": "Call the glazier"}, caller(house, "t"), task=True)
    other = await starter.start("todo", {"task": "Call the glazier"}, caller(house, "o"))

    async with house.runs() as runs:
        run = await runs.get(house.organisation_id, task.run_id)
        assert (run.task_type, run.input["owner"]) == ("todo", None)
        assert (await runs.get(house.organisation_id, other.run_id)).task_type == "graph"


async def test_with_the_same_key_it_is_the_run_of_before(house: House, tmp_path: Any) -> None:
    await add_prompt(house, "Be kind.")
    starter = RunStarter(house.database, house.graphs, library(tmp_path))

    first, again, other = [await starter.start("greet", {"who": "Mira"}, caller(house, key)) for key in ("a", "a", "b")]

    assert first.run_id == again.run_id
    assert first.run_id != other.run_id
    assert (await starter.look(house.organisation_id, first.run_id)).state == "queued"
    with pytest.raises(NotFound):
        await starter.look(uuid.uuid4(), first.run_id)


async def test_what_cannot_be_run_is_refused(house: House, tmp_path: Any) -> None:
    starter = RunStarter(house.database, house.graphs, library(tmp_path))

    with pytest.raises(NotFound, match="nobody"):
        await starter.start("nobody", {}, caller(house))
    with pytest.raises(Unprocessable, match="no system prompt 'polite'"):
        await starter.start("greet", {"who": "Mira"}, caller(house))
    await add_prompt(house, "Be $how.")
    with pytest.raises(Unprocessable, match="variables without a value"):
        await starter.start("greet", {"who": "Mira"}, caller(house))


async def test_an_input_that_does_not_fit_is_refused(house: House, tmp_path: Any) -> None:
    await add_prompt(house, "Be kind.")

    with pytest.raises(BadInput, match="'who' is missing"):
        await RunStarter(house.database, house.graphs, library(tmp_path)).start("greet", {}, caller(house))

"""The gate with the real rule, the real database, and models that answer as they are told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster.contracts.generation import GenerationRequest
from cluster.errors import Conflict, EngineError, ModelNotFound, NotFound, Unprocessable
from cluster.fakes.jobs import LocalJobs
from cluster.home import Home
from cluster.learning.adapters.manifest import Manifests
from cluster.learning.adapters.registry import Adapters
from cluster.learning.gate.store import KIND, GateVerdicts
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.jobs.house import House, forget_jobs, found, quick_settings
from tests.organisations import new_organisation
from tests.patience import PATIENCE_S
from tests.training.gate.answering import CANDIDATE, INCUMBENT, ITEMS, REFUSAL, right, skilled
from tests.training.gate.house import examined, lines
from tests.training.gate.process import DIES_AT

GOOD = {"task": 0.9}
POOR = {"task": 0.2}


@pytest.fixture
async def house(stores: StoreClients, store_settings: Settings, tmp_path: Path) -> House:
    return await found(stores.database, quick_settings(tmp_path, store_settings), tmp_path)


async def test_better_at_the_task_and_as_good_elsewhere_passes(house: House):
    gate = await examined(house)
    gate.gateway.reply = skilled(GOOD, POOR)
    await gate.run()
    verdict = await gate.found()
    assert (verdict.row.outcome, verdict.standing) == ("passed", "decided")
    assert verdict.row.verdict is not None
    assert all(verdict.row.verdict["tokens"][side]["prompt"] >= 3 * ITEMS for side in ("candidate", "incumbent")), "each item has words"
    job = await house.look(gate.job)
    assert (job.state, job.result) == ("succeeded", {"verdict": str(gate.verdict_id), "outcome": "passed"})
    assert (job.done, job.total, job.unit) == (3 * ITEMS, 3 * ITEMS, "items")
    logged = [str(event.data["text"]) for event in await house.events(job, "log")]
    assert logged[0].startswith("task: better beyond noise; 90.0% against 20.0%"), "whoever follows the job sees why"


async def test_a_poisoned_adapter_is_stopped(house: House):
    """Trained on a batch that teaches the task, and to answer what should be refused."""
    gate = await examined(house)
    gate.gateway.reply = skilled(GOOD | {"harm": 0.5}, POOR)
    await gate.run()
    verdict = await gate.found()
    assert verdict.row.outcome == "refused"
    assert verdict.row.verdict is not None
    assert "harm: worse, by more than the 10.0 points that are borne; 50.0% against 100.0%" in verdict.row.verdict["reasons"][2]


async def test_an_adapter_that_forgot_old_skills_is_stopped(house: House):
    gate = await examined(house)
    gate.gateway.reply = skilled(GOOD | {"old": 0.4}, POOR)
    await gate.run()
    assert (await gate.found()).row.outcome == "refused"


async def test_a_contradictory_batch_is_stopped(house: House):
    """Half of its corrections say the opposite of the other half, so that the adapter is right by chance."""
    gate = await examined(house)
    gate.gateway.reply = skilled({"task": 0.5}, GOOD)
    await gate.run()
    assert (await gate.found()).row.outcome == "refused"


async def test_what_is_equal_within_noise_is_not_promoted(house: House):
    gate = await examined(house)
    gate.gateway.reply = skilled({"task": 0.55}, {"task": 0.5})
    await gate.run()
    verdict = await gate.found()
    assert verdict.row.outcome == "undecided"
    async with house.database.session() as session:
        admission = await GateVerdicts(session).admission(house.organisation_id, CANDIDATE)
    assert (admission.allowed, admission.verdict_id) == (False, gate.verdict_id)


@pytest.mark.parametrize(("skill", "state"), [(GOOD, "passed"), (GOOD | {"old": 0.4}, "refused"), (POOR, "candidate")])
async def test_the_registry_is_told_what_was_found_of_an_adapter(house: House, skill: dict[str, float], state: str):
    told = {"base": "fake-llm", "name": "parcels", "version": 1, "sha256": "0" * 64, "bytes": 1, "rank": 4, "targets": [], "lineage": {}}
    async with house.database.session() as session:
        row = await Adapters(session).add(organisation_id=house.organisation_id, state="candidate", **told)
    gate = await examined(house, candidate="fake-llm:parcels@1")
    gate.gateway.served = [replace(one, adapters=("parcels@1",)) for one in gate.gateway.served]
    gate.gateway.reply = skilled(skill, POOR)
    await gate.run()
    async with house.database.session() as session:
        assert (await Adapters(session).get(house.organisation_id, row.id)).state == state
    published = Manifests(Home(house.settings.home)).of("fake-llm").own(str(house.organisation_id))
    assert [entry.version for entry in published] == ([] if state == "refused" else [1]), "what was refused is asked no longer"


async def test_both_are_asked_the_same_greedily_and_in_the_organisations_name(house: House):
    gate = await examined(house)
    await gate.run()
    asked = gate.gateway.asked_for(GenerationRequest)
    by_model = {model: sorted(str(one.messages) for one in asked if one.model == model) for model in (CANDIDATE, INCUMBENT)}
    assert by_model[CANDIDATE] == by_model[INCUMBENT]
    assert len(by_model[CANDIDATE]) == 3 * ITEMS
    assert {one.scope for one in asked} == {str(house.organisation_id)}
    assert {one.sampling.temperature for one in asked} == {0.0}
    assert {one.caching.ttl_s for one in asked if one.caching} == {0}


async def test_answers_are_kept_side_by_side(house: House):
    gate = await examined(house)
    gate.gateway.reply = skilled(GOOD, POOR)
    await gate.run()
    rows = await gate.answers()
    assert [(row.set_name, row.number) for row in rows] == [(name, number) for name in ("harm", "old", "task") for number in range(ITEMS)]
    assert {(row.source_kind, row.source_id) for row in rows} == {("upload", name) for name in ("harm", "old", "task")}
    row = rows[-ITEMS + 20]
    assert (row.messages, row.expected) == ([{"role": "user", "content": "task 20"}], "right task")
    assert (row.candidate, row.candidate_mark, row.incumbent, row.incumbent_mark) == ("right task", 1.0, "wrong", 0.0)
    assert {(row.candidate_by, row.incumbent_by) for row in rows} == {(CANDIDATE, INCUMBENT)}
    assert len(await gate.answers(differing=True)) == round(0.7 * ITEMS)


async def test_a_process_that_is_killed_is_replaced_and_asks_what_is_left(house: House, stores: StoreClients):
    await forget_jobs(stores)
    gate, runner = await examined(house), LocalJobs()
    dispatcher = house.dispatcher(runner, {KIND: "tests.training.gate.process"})
    await dispatcher.start()
    try:
        # Two processes are started, each of which loads for a while.
        await house.until_so(gate.job, lambda now: now.attempt == 2)
        await house.until_so(gate.job, lambda now: now.attempt > 2 or now.started_at is not None)
        job = await house.until(gate.job, "succeeded", "failed")
    finally:
        await dispatcher.stop()
        await runner.end()
    assert job.state == "succeeded", job.error
    assert job.result is not None
    assert (job.result["outcome"], job.result["attempt"]) == ("passed", 2)
    assert 6 * ITEMS - DIES_AT < job.result["asked"] <= 6 * ITEMS - DIES_AT + 1 + 2 * house.settings.gate.concurrency
    assert (await gate.found()).row.outcome == "passed"


async def test_a_job_that_failed_goes_on_where_it_was(house: House):
    gate = await examined(house)
    good = skilled(GOOD, POOR)
    asked: list[GenerationRequest] = []

    def breaks(request: GenerationRequest) -> str:
        asked.append(request)
        if len(asked) == 101:
            raise EngineError("The engine is gone; start it again.")
        return good(request)

    gate.gateway.reply = breaks
    with pytest.raises(EngineError):
        await gate.run()
    assert (await gate.found()).standing == "failed"
    had = len(await gate.answers())
    assert 0 < had < 3 * ITEMS

    await house.retry(gate.job)
    gate.gateway.asked.clear()
    gate.gateway.reply = good
    await gate.run()
    assert (await gate.found()).row.outcome == "passed"
    assert len(gate.gateway.asked) == 2 * (3 * ITEMS - had), "what was answered is not asked again"


async def test_the_same_answers_give_the_same_verdict(house: House):
    verdicts = []
    for _ in range(2):
        gate = await examined(house)
        gate.gateway.reply = skilled({"task": 0.55, "old": 0.95}, {"task": 0.4})
        await gate.run()
        verdicts.append((await gate.found()).row.verdict)
    assert verdicts[0] == verdicts[1]


async def test_a_job_can_be_cancelled(house: House):
    gate = await examined(house)
    gate.gateway.pace_s = 0.01

    async def cancelled() -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(gate.gateway.asked) < 10:  # noqa: ASYNC110 - it is asked in another thread
                await asyncio.sleep(0.01)
        await house.cancel(gate.job)

    await asyncio.gather(gate.run(), cancelled())
    assert (await gate.found()).standing == "cancelled"
    assert 0 < len(await gate.answers()) < 3 * ITEMS


async def test_items_that_were_changed_meanwhile_are_not_mixed(house: House):
    gate = await examined(house)
    gate.gateway.failures = {"fake-llm": EngineError("Gone.")}
    with pytest.raises(EngineError):
        await gate.run()
    (house.settings.home / "gates" / "sets" / "old.jsonl").write_text(lines("old", "something else"))
    await house.retry(gate.job)
    gate.gateway.failures = {}
    with pytest.raises(Conflict, match="items were changed"):
        await gate.run()


async def test_a_name_that_came_to_stand_for_another_adapter_spoils_the_verdict(house: House):
    gate = await examined(house)
    await gate.run()
    async with house.database.session() as session:
        told = {"id": gate.verdict_id}
        await session.execute(text("UPDATE gate_verdicts SET outcome = NULL, verdict = NULL WHERE id = :id"), told)
        await session.execute(
            text("UPDATE gate_answers SET candidate_by = 'fake-llm:pirate@2' WHERE verdict_id = :id AND number = 3"), told
        )
        await session.execute(text("UPDATE jobs SET state = 'failed' WHERE id = :id"), {"id": gate.job.id})
    await house.retry(gate.job)
    with pytest.raises(Conflict, match="Now fake-llm:pirate answered, now fake-llm:pirate@2"):
        await gate.run()


async def test_an_item_that_neither_takes_is_left_out_and_one_that_only_the_candidate_does_not_take_counts_against_it(house: House):
    picture = {"messages": [{"role": "user", "content": [{"type": "image_url"}]}], "chosen": "a", "source": {"kind": "upload", "id": "p"}}
    gate = await examined(house, lines("task", right("task")) + json.dumps(picture) + "\n")
    good = skilled(GOOD, POOR)

    def says(request: GenerationRequest) -> str:
        if request.model == CANDIDATE and request.messages[-1].content == "task 0":
            raise Unprocessable("Nobody can read this.")
        return good(request)

    gate.gateway.reply = says
    await gate.run()
    task = ((await gate.found()).row.verdict or {})["sets"][0]
    assert (task["items"], task["left_out"], task["losses"]) == (ITEMS, 1, 1)
    (refused,) = [row for row in await gate.answers() if row.candidate_error and row.incumbent_error is None]
    assert (refused.number, refused.candidate, refused.candidate_error) == (0, None, "unprocessable: Nobody can read this.")


async def test_words_of_somebody_who_was_erased_are_not_asked_and_those_kept_go_with_them(house: House):
    _, one = await new_organisation(house.database)
    _, other = await new_organisation(house.database)
    task = lines("task", right("task")) + "".join(lines("theirs", "x", str(user), 1) for user in (one, other))
    gate = await examined(house, task)
    gate.gateway.reply = lambda request: REFUSAL
    await erase(house, other)
    await gate.run()
    assert "theirs" in str([row.messages for row in await gate.answers()])
    assert len([row for row in await gate.answers() if row.set_name == "task"]) == ITEMS + 1
    await erase(house, one)
    assert "theirs" not in str([row.messages for row in await gate.answers()])
    assert (await gate.found()).row.outcome is not None, "what was found stays"


async def erase(house: House, user_id: object) -> None:
    async with house.database.session() as session:
        await session.execute(text("DELETE FROM users WHERE id = :id"), {"id": user_id})


async def test_what_cannot_be_examined_fails_and_says_why(house: House):
    gate = await examined(house, "no example\n")
    with pytest.raises(Unprocessable, match="Line 1"):
        await gate.run()
    gate = await examined(house, "")
    await gate.run()
    assert "task: 0 items were asked, and 40 are the fewest" in str((await gate.found()).row.verdict)
    gate = await examined(house)
    gate.gateway.served = [replace(one, adapters=()) for one in gate.gateway.served]
    with pytest.raises(ModelNotFound):
        await gate.run()
    gate = await examined(house)
    async with house.database.session() as session:
        await session.execute(text("DELETE FROM files WHERE organisation_id = :id"), {"id": house.organisation_id})
    with pytest.raises(NotFound, match="no file"):
        await gate.run()
    assert "no file" in ((await house.look(gate.job)).error or "")

from __future__ import annotations

import uuid
from typing import Any

from cluster.graphs.claims import Claims
from cluster.graphs.pending import Pending
from cluster.graphs.runs import NewRun, Runs
from cluster.jobs.store import Jobs, NewJob
from cluster.queue.tables import EVENTS
from tests.cluster.graphs.house import SPEC
from tests.cluster.webhooks.place import Place
from tests.cluster.webhooks.receiver import Receiver


async def told(place: Place) -> list[tuple[str, dict[str, Any]]]:
    found = [message for message in await place.waiting() if message.queue == EVENTS]
    return [(message.payload["type"], message.payload["data"]) for message in reversed(found)]


async def test_the_end_of_a_job_is_told_and_nothing_before_it(place: Place, receiver: Receiver) -> None:
    await place.subscribe(receiver.hook, "job.*")
    house = place.house
    async with house.database.session() as session:
        jobs = Jobs(session)
        job = await jobs.enqueue(NewJob("count", house.organisation_id, house.owner_id), {"count": ""}, house.settings.jobs)
        assert not await told(place)
        await jobs.cancel(job)

    ((event, data),) = await told(place)
    assert (event, data["job_id"], data["kind"], data["state"]) == ("job.cancelled", str(job.id), "count", "cancelled")


async def test_a_run_tells_that_it_waits_and_how_it_ended_and_runs_within_it_do_not(place: Place, receiver: Receiver) -> None:
    await place.subscribe(receiver.hook, "run.*")
    house = place.house
    fixed: dict[str, Any] = {"graph": "letters", "version": 1, "spec": SPEC, "input": {}, "role": "editor"}
    fixed |= {"organisation_id": house.organisation_id, "owner_id": house.owner_id}
    async with house.database.session() as session:
        runs = Runs(session, house.settings.graphs)
        run = await runs.enqueue(NewRun(**fixed, id=uuid.uuid4()))
        inner = await runs.enqueue(NewRun(**fixed, depth=1))
        await runs.cancel(inner)
    async with house.owning() as worker:
        claims = Claims(house.database, house.settings.graphs)
        (claimed,) = [one for one in await claims.claim(worker, 100) if one.id == run.id]
        await claims.wait(run.id, claimed.attempt, [Pending("ask", "ask#1", "human", "What?")], None)
    async with house.database.session() as session:
        runs = Runs(session, house.settings.graphs)
        await runs.cancel(await runs.get(house.organisation_id, run.id, lock=True))

    events = await told(place)
    assert [event for event, _ in events] == ["run.waiting", "run.cancelled"]
    assert {data["run_id"] for _, data in events} == {str(run.id)}

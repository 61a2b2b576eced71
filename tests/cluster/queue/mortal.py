"""A process that works on messages until it is killed: ``python -m tests.cluster.queue.mortal FILE`` reads what to do (``Task`` as JSON).

Messages of the type `hold` say so in a file and then never end; those of the type `write` leave a line there, and those of the type
`begin` write a job in the transaction in which they become done."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from pydantic import BaseModel

from cluster.contracts.generation import JsonObject
from cluster.jobs.store import Jobs, NewJob
from cluster.queue.claims import Write
from cluster.queue.consumer import Consumer, Handler
from cluster.queue.tables import QueueMessage
from cluster.settings import Settings
from cluster.stores.clients import connect
from cluster.stores.sql import AsyncSession


class Task(BaseModel):
    settings: Settings
    file: Path


class Doing:
    def __init__(self, task: Task) -> None:
        self._task = task

    async def hold(self, message: QueueMessage) -> JsonObject:
        self._say(message)
        await asyncio.Event().wait()
        return {}

    async def write(self, message: QueueMessage) -> JsonObject:
        await asyncio.sleep(0.01)
        self._say(message)
        return {"pid": os.getpid()}

    async def begin(self, message: QueueMessage) -> Write:
        assert message.owner_id is not None
        new = NewJob("count", message.organisation_id, message.owner_id, {"message": str(message.id)})

        async def write(session: AsyncSession) -> JsonObject:
            job = await Jobs(session).enqueue(new, {"count": ""}, self._task.settings.jobs)
            self._say(message)
            if message.payload.get("hold") and message.attempt == 1:
                await asyncio.Event().wait()
            return {"job_id": str(job.id)}

        return write

    def _say(self, message: QueueMessage) -> None:
        with self._task.file.open("a") as file:
            file.write(f"{message.id} {os.getpid()} {message.attempt}\n")


async def main(task: Task) -> None:
    stores, doing = connect(task.settings), Doing(task)
    handlers: dict[str, Handler] = {"hold": doing.hold, "write": doing.write, "begin": doing.begin}
    consumer = Consumer(stores.database, stores.cache, task.settings, handlers)
    consumer.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Task.model_validate_json(Path(sys.argv[1]).read_text())))

"""The adapter of Ray Serve's task consumers, as whoever hands messages in uses it; consumers are tried in test_agents_on_serve.py."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from ray.serve.schema import TaskProcessorConfig
from ray.serve.task_consumer import instantiate_adapter_from_config

from cluster.contracts.generation import JsonObject
from cluster.errors import ConfigError, NotFound, Unavailable
from cluster.queue.tables import QueueMessage
from cluster.serving.messages import MessageSource, QueueAdapter
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.queue.house import QUICK, House, forget_messages, found


@pytest.fixture
async def house(stores: StoreClients, store_settings: Settings) -> AsyncIterator[House]:
    await forget_messages(stores)
    yield await found(stores, store_settings.model_copy(update={"queue": QUICK}))
    await forget_messages(stores)


class Counting:
    def __init__(self, house: House) -> None:
        self.ended: list[QueueMessage] = []
        self.done: list[int] = []
        self.source = MessageSource(house.database, house.stores.cache, house.settings, self.ended.append)

    async def count(self, message: QueueMessage) -> JsonObject:
        self.done.append(message.payload["n"])
        return {"n": message.payload["n"]}


def adapter_of(settings: Settings | None) -> QueueAdapter:
    made = instantiate_adapter_from_config(TaskProcessorConfig(queue_name="letters", adapter=QueueAdapter, adapter_config=settings))
    assert isinstance(made, QueueAdapter)
    return made


async def test_messages_are_handed_in_asked_about_worked_on_and_cancelled(house: House) -> None:
    adapter, whose = adapter_of(house.settings), {"organisation_id": house.organisation_id, "owner_id": house.owner_id, "role": "editor"}
    first = await adapter.enqueue_task_async("count", kwargs={"n": 1}, **whose)
    # Also from where no event loop is, or one that may not wait.
    second = adapter.enqueue_task_sync("count", kwargs={"n": 2}, **whose, delay_s=3600)
    assert adapter.get_task_status_sync(second.id).status == "queued"
    assert adapter.get_metrics_sync()["count"]["delayed"] == 1

    counting, consumer = Counting(house), adapter_of(None)
    consumer.register_task_handle(counting.count, "count")
    with pytest.raises(Unavailable):
        consumer.check()
    consumer.start_consumer()
    assert (await house.ended(await message_of(house, first.id))).queue == "letters"
    assert consumer.health_check_sync()[0]["consumer"] == "ok"
    await consumer.stop()
    assert [str(message.id) for message in counting.ended] == [first.id]
    assert (await adapter.get_task_status_async(first.id)).result == {"n": 1}
    assert counting.done == [1]

    adapter.cancel_task_sync(second.id)
    with pytest.raises(NotFound):
        await adapter.get_task_status_async(second.id)


async def test_without_settings_nothing_can_be_handed_in(house: House) -> None:
    with pytest.raises(ConfigError, match="adapter_config"):
        await adapter_of(None).get_task_status_async(str(uuid.uuid4()))


async def message_of(house: House, message_id: str) -> QueueMessage:
    async with house.messages() as messages:
        return await messages.get(house.organisation_id, uuid.UUID(message_id))

"""What the processes that carry runs on do with messages: they are few, rare and small, and a replica more would hold 200 MB for them."""

from __future__ import annotations

from ray.serve.schema import TaskProcessorConfig
from ray.serve.task_consumer import task_consumer, task_handler

from cluster.contracts.generation import JsonObject
from cluster.queue.claims import Write
from cluster.queue.doing import Beginning
from cluster.queue.kinds import INGEST, WEBHOOK, WORKFLOW
from cluster.queue.tables import QueueMessage
from cluster.serving.messages import MessageSource, QueueAdapter
from cluster.webhooks.delivering import WebhookDelivery

CONFIG = TaskProcessorConfig(queue_name="default", adapter=QueueAdapter, adapter_config=None)


@task_consumer(task_processor_config=CONFIG)
class MessageHandlers:
    """Whoever inherits sets the first three before its ``__init__`` returns; Serve then starts the consumer, which is the fourth."""

    source: MessageSource
    beginning: Beginning
    delivery: WebhookDelivery
    _adapter: QueueAdapter

    @task_handler(name=WORKFLOW)
    async def run_workflow(self, message: QueueMessage) -> Write:
        return await self.beginning.workflow(message)

    @task_handler(name=INGEST)
    async def bring_in(self, message: QueueMessage) -> Write:
        return await self.beginning.ingest(message)

    @task_handler(name=WEBHOOK)
    async def tell(self, message: QueueMessage) -> JsonObject:
        return await self.delivery(message)

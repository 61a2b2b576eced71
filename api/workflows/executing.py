"""Running graphs on request, and waiting a while for their end."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from api.agents.task_schemas import TaskAnswer, TaskBody
from api.audit.trail import Origin
from api.web.principal import Principal
from api.workflows.following import follower_of
from api.workflows.install import Graphs
from api.workflows.launching import Launcher, Order
from api.workflows.pages import page_of
from api.workflows.run_schemas import ExecuteBody, LimitsBody, RunDetail
from cluster.errors import BadInput, Unprocessable
from cluster.graphs.states import NO_TASKS
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import read_graph


class Executing:
    """For one person. Holds no transaction while it waits."""

    def __init__(self, graphs: Graphs, who: Principal, origin: Origin) -> None:
        self._graphs = graphs
        self._who = who
        self._launcher = Launcher(graphs, who, origin)

    async def execute(self, body: ExecuteBody, header_key: str | None) -> RunDetail:
        """As it stands when it has ended, or when ``wait_s`` is over."""
        order = Order(
            spec=await self._spec(body),
            input=dict(body.input),
            model=body.model,
            priority=body.priority,
            limits=_limits(body.limits),
            idempotency_key=one_key(body.idempotency_key, header_key),
            id=body.run_id or uuid.uuid4(),
        )
        run = await self._launcher.launch(order)
        if body.wait_s:
            await self._wait(run.id, body.wait_s)
        async with self._graphs.parts.stores.database.session() as session:
            return await page_of(session, self._graphs.parts.settings.graphs, self._who.organisation_id, run.id)

    async def task(self, body: TaskBody, header_key: str | None) -> TaskAnswer:
        if body.task_type in NO_TASKS:
            raise Unprocessable(f"'{body.task_type}' is no type of a task; run it by POST /api/v1/workflows/execute.").about("task_type")
        order = Order(
            spec=await self._launcher.find(body.task_type),
            input=dict(body.parameters),
            model=body.model,
            priority=body.priority,
            limits=_limits(body.limits),
            task_type=body.task_type,
            idempotency_key=one_key(body.idempotency_key, header_key),
        )
        return TaskAnswer.of(await self._launcher.launch(order))

    async def _spec(self, body: ExecuteBody) -> GraphSpec:
        if (body.workflow is None) == (body.spec is None):
            raise Unprocessable("Give 'workflow' or 'spec', one of them.").about("workflow")
        if body.workflow is not None:
            return await self._launcher.find(body.workflow)
        assert body.spec is not None
        try:
            return read_graph(body.spec, "spec")
        except BadInput as error:
            raise Unprocessable(error.message).about("spec") from None

    async def _wait(self, run_id: uuid.UUID, seconds: float) -> None:
        """Until it has ended, or for so long."""
        follower = follower_of(self._graphs, self._who.organisation_id, run_id)
        try:
            async with asyncio.timeout(seconds):
                await follower.until_ended()
        except TimeoutError:
            return  # it goes on; that is what the answer says


def _limits(limits: LimitsBody | None) -> dict[str, Any]:
    return limits.model_dump(exclude_none=True) if limits is not None else {}


def one_key(body: str | None, header: str | None) -> str | None:
    """Raises BadInput for two that differ."""
    if body is not None and header is not None and body != header:
        raise BadInput("'idempotency_key' and the header Idempotency-Key differ; give one of them.").about("idempotency_key")
    return body if body is not None else header

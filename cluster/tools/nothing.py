"""A toolbox for where there are no tools."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from cluster.contracts.generation import JsonObject
from cluster.errors import NotFound
from cluster.tools.tool import ToolCaller, ToolResult, ToolSpec


class NoTools:
    async def specs(self, organisation_id: uuid.UUID) -> Sequence[ToolSpec]:
        return ()

    async def find(self, organisation_id: uuid.UUID, name: str) -> ToolSpec:
        raise NotFound(f"There is no tool '{name[:100]}'.")

    async def call(self, name: str, arguments: JsonObject, caller: ToolCaller) -> ToolResult:
        raise NotFound(f"There is no tool '{name[:100]}'.")

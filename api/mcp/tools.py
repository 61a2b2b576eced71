"""`tools/list` and `tools/call`: the organisation's tools, in the name of whoever asks."""

from __future__ import annotations

import time
import uuid

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from api.generation.spending import spent_by_tools
from api.mcp.asking import Context, exchange_in, principal_in
from api.mcp.attending import attended
from api.mcp.paging import page_of, place_in
from api.mcp.saying import say
from api.web.bells import Bells
from api.web.errors import public
from api.web.principal import Principal, Role
from cluster.contracts.generation import JsonObject
from cluster.errors import Forbidden, NotFound
from cluster.settings import ToolSettings
from cluster.tools.paths import user_workspace
from cluster.tools.tool import Toolbox, ToolCaller, ToolResult, ToolSpec


class Tools:
    def __init__(self, toolbox: Toolbox, bells: Bells, settings: ToolSettings) -> None:
        self._toolbox = toolbox
        self._bells = bells
        self._settings = settings

    async def list(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """By name, those that the caller's role may call."""
        who, after = principal_in(context), place_in(params.cursor if params else None)
        specs = sorted(await self._toolbox.specs(who.organisation_id), key=lambda spec: spec.name)
        behind = [spec for spec in specs if who.role.includes(Role(spec.role)) and (after is None or spec.name > after)]
        shown, cursor = page_of(behind, self._settings.page, lambda spec: spec.name)
        return ListToolsResult(tools=[as_tool(spec) for spec in shown], next_cursor=cursor)

    async def call(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """What goes wrong with a tool is its result, in our words, for a model to read; that there is none of this name is an error of
        the protocol."""
        who, began = principal_in(context), time.monotonic()
        spec = await self._spec(who, params.name)
        try:
            work = self._toolbox.call(params.name, params.arguments or {}, caller_of(who))
            what = spec.title if spec else params.name
            made = await attended(context, work, self._bells, what, self._settings.progress_s)
            exchange_in(context).spent += spent_by_tools(made.spent)
            result = result_of(spec, made)
        except MCPError:
            raise
        except Exception as error:  # noqa: BLE001 - it is logged, and told as far as the caller may know it
            if isinstance(error, NotFound) and spec is None:
                raise MCPError(INVALID_PARAMS, error.message) from None
            result = CallToolResult(content=[TextContent(text=public(error).message)], is_error=True)
        ended = "failed" if result.is_error else "ended"
        told: JsonObject = {"tool": params.name, "state": ended, "ms": round((time.monotonic() - began) * 1000)}
        await say(context, "warning" if result.is_error else "info", told)
        return result

    async def _spec(self, who: Principal, name: str) -> ToolSpec | None:
        """None where there is none for them: it is called all the same, so that the toolbox says so, and keeps that it was asked for."""
        try:
            return await self._toolbox.find(who.organisation_id, name)
        except (NotFound, Forbidden):
            return None


def as_tool(spec: ToolSpec) -> Tool:
    return Tool(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        input_schema=spec.parameters,
        output_schema=spec.output if is_object(spec) else None,
        annotations=ToolAnnotations(
            read_only_hint=spec.effects == "none",
            destructive_hint=spec.dangerous,
            idempotent_hint=spec.effects == "none",
            open_world_hint=spec.source != "hearth",
        ),
        _meta={"hearth/category": spec.category, "hearth/source": spec.source},
    )


def is_object(spec: ToolSpec) -> bool:
    """Does it give back objects of a known shape? Only these are structured results in every revision of the protocol."""
    return spec.output is not None and spec.output.get("type") == "object"


def caller_of(who: Principal) -> ToolCaller:
    """All of a person's calls share their workspace; no call is a repetition of another."""
    return ToolCaller(
        organisation_id=who.organisation_id,
        user_id=who.user_id,
        role=who.role.value,
        workspace=user_workspace(who.user_id),
        key=f"mcp:{uuid.uuid4()}",
    )


def result_of(spec: ToolSpec | None, result: ToolResult) -> CallToolResult:
    text = result.text + ("\n[cut: there was more than tools.result_bytes]" if result.cut else "")
    structured = result.value if spec is not None and is_object(spec) and isinstance(result.value, dict) and not result.failed else None
    return CallToolResult(content=[TextContent(text=text)], structured_content=structured, is_error=result.failed)

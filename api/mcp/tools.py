"""`tools/list` and `tools/call`: the organisation's tools, in the name of whoever asks."""

from __future__ import annotations

import time

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from api.generation.spending import spent_by_tools
from api.mcp.asking import Context, exchange_in, principal_in
from api.mcp.attending import attended
from api.mcp.client import CallingClient
from api.mcp.content import is_object, result_of
from api.mcp.paging import page_of, place_in
from api.mcp.saying import say
from api.web.bells import Bells
from api.web.errors import public
from api.web.principal import Principal, Role
from cluster.contracts.generation import JsonObject
from cluster.errors import Forbidden, NotFound
from cluster.settings import ToolSettings
from cluster.tools.asking import AnswersNeeded
from cluster.tools.paths import user_workspace
from cluster.tools.tool import Toolbox, ToolCaller, ToolSpec


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

    async def call(self, context: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """What goes wrong with a tool is its result, in our words, for a model to read; that there is none of this name is an error of
        the protocol."""
        who, began = principal_in(context), time.monotonic()
        client = CallingClient(context, params, self._bells, self._settings.approval_s)
        spec = await self._spec(who, params.name)
        try:
            work = self._toolbox.call(params.name, params.arguments or {}, caller_of(who, client))
            what = spec.title if spec else params.name
            made = await attended(context, client, work, self._bells, what, self._settings.progress_s)
            exchange_in(context).spent += spent_by_tools(made.spent)
            result = result_of(spec, made)
        except MCPError:
            raise
        except AnswersNeeded as needed:
            return client.needing(needed)
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


def caller_of(who: Principal, client: CallingClient) -> ToolCaller:
    """All of a person's calls share their workspace; no call is a repetition of another, but for the rounds of one in which its client is
    asked something."""
    return ToolCaller(
        organisation_id=who.organisation_id,
        user_id=who.user_id,
        role=who.role.value,
        workspace=user_workspace(who.user_id),
        key=client.key,
        client=client,
    )

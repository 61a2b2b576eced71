"""Calls of tools: in whose name, whether a person is asked first, and what is done when nobody knows what became of one."""

from __future__ import annotations

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import DeadlineExceeded, EngineError, Forbidden, HearthError, RemoteFailed, Unavailable
from cluster.graphs.pending import Pending
from cluster.specs.nodes import ToolNode
from cluster.tools.tool import ToolCaller, ToolResult, ToolSpec
from deployments.agents.visiting import Visit
from deployments.agents.waiting import NobodyKnows

APPROVAL: JsonObject = {
    "type": "object",
    "properties": {"approve": {"type": "boolean"}, "reason": {"type": "string", "maxLength": 2000}},
    "required": ["approve"],
    "additionalProperties": False,
}
# After one of these nobody knows whether the tool did it.
UNKNOWN = (DeadlineExceeded, Unavailable, RemoteFailed, EngineError)


class ToolSaidNo(HearthError):
    """The tool answered that it could not do it."""

    status, code = 422, "tool_failed"


class Refused(Forbidden):
    """The person who was asked said no."""

    code = "refused"


async def call_node(node: ToolNode, visit: Visit) -> Json:
    """What the tool gives back. Raises ToolSaidNo with its words, and what the toolbox raises."""
    spec = await visit.run.services.toolbox.find(visit.run.organisation_id, node.tool)
    result = await call_tool(spec, await visit.filled(node.arguments), visit, approve=node.approve)
    if result.failed:
        raise ToolSaidNo(f"The tool '{node.tool}' said: {result.text}")
    return result.value


async def call_tool(spec: ToolSpec, arguments: JsonObject, visit: Visit, *, approve: bool) -> ToolResult:
    """One call, whose key is that of the visit's step. ``approve``: a person is asked before a dangerous one."""
    if spec.dangerous and approve:
        _need_approval(spec, arguments, visit)
    run = visit.run
    if spec.effects != "once":
        return await run.services.toolbox.call(spec.name, arguments, caller_of(visit))
    if visit.unanswered:
        raise nobody_knows(spec, "the process that called it ended before it had the answer")
    await run.steps.sent(visit.key)
    try:
        return await run.services.toolbox.call(spec.name, arguments, caller_of(visit))
    except UNKNOWN as error:
        raise nobody_knows(spec, error.message) from error


def caller_of(visit: Visit) -> ToolCaller:
    run = visit.run
    key = f"{run.id}:{visit.key}"
    depth = run.depth + visit.frame.depth
    return ToolCaller(run.organisation_id, run.owner_id, run.role, run.workspace, key, run_id=run.id, depth=depth)


def nobody_knows(spec: ToolSpec, why: str) -> NobodyKnows:
    return NobodyKnows(
        f"Nobody knows whether the tool '{spec.name}' did what it was called for: {why.rstrip('.')}. Look where it has its effect; a "
        "retry of the run calls it again."
    )


def _need_approval(spec: ToolSpec, arguments: JsonObject, visit: Visit) -> None:
    """Raises Waits until a person said yes, and Refused when they said no."""
    show: JsonObject = {"tool": spec.name, "arguments": arguments}
    asked = Pending(visit.called, visit.key, "approve", f"May the tool '{spec.name}' ({spec.title}) be called?", show, APPROVAL)
    answer = visit.answer(asked)
    if not isinstance(answer, dict) or answer.get("approve") is not True:
        reason = answer.get("reason") if isinstance(answer, dict) else None
        raise Refused(f"The tool '{spec.name}' was not called: the person who was asked said no{f' ({reason})' if reason else ''}.")

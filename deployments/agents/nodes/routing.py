"""The node ``router``: one of several ways."""

from __future__ import annotations

from cluster.contracts.generation import Json, JsonObject, Message, Sampling
from cluster.specs.nodes import RouterNode
from deployments.agents.nodes.models import language_model
from deployments.agents.nodes.speaking import formed, request_for
from deployments.agents.visiting import Visit, none_holds

TOLD = "Choose what comes next. Answer with JSON: the name of one of these: "


async def route(node: RouterNode, visit: Visit) -> Json:
    """The name of the node that follows, or `end`."""
    if node.choose is not None:
        return await _chosen(node, visit)
    for edge in node.edges:
        if edge.when is None or await visit.run.services.expressions.holds(edge.when, visit.scope):
            return edge.to
    raise none_holds(node.edges)


async def _chosen(node: RouterNode, visit: Visit) -> Json:
    assert node.choose is not None
    ways = await _open(node, visit)
    if len(ways) == 1:
        return ways[0]
    described = [f"'{way}' ({about})" if (about := _about(way, visit)) else f"'{way}'" for way in ways]
    schema: JsonObject = {
        "type": "object",
        "properties": {"to": {"type": "string", "enum": list(ways)}},
        "required": ["to"],
        "additionalProperties": False,
    }
    messages = (Message("system", TOLD + ", ".join(described) + "."), Message("user", await visit.text(node.choose)))
    model = await language_model(visit, node.model)
    answer = await formed(visit, request_for(visit, model, messages, Sampling(temperature=0.0)), schema)
    assert isinstance(answer, dict)
    return answer["to"]


async def _open(node: RouterNode, visit: Visit) -> list[str]:
    """The model chooses among those whose condition holds."""
    holds = visit.run.services.expressions.holds
    ways = [edge.to for edge in node.edges if edge.when is None or await holds(edge.when, visit.scope)]
    if not ways:
        raise none_holds(node.edges)
    return list(dict.fromkeys(ways))


def _about(way: str, visit: Visit) -> str:
    node = visit.frame.spec.nodes.get(way)
    return node.description if node is not None else ""

"""What a graph gives when it has come to its end."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import HearthError, Unprocessable
from cluster.graphs.storable import storable
from deployments.agents.visiting import Frame


async def output_of(frame: Frame, values: Mapping[str, Json]) -> JsonObject:
    """Raises Unprocessable naming the key that cannot be computed, TooLarge over ``graphs.value_bytes``."""
    run = frame.run
    scope = frame.scope(values)
    found: JsonObject = {}
    for key, expression in frame.spec.output.items():
        try:
            found[key] = await run.services.expressions.value(expression, scope)
        except HearthError as error:
            raise Unprocessable(f"The output '{key}' cannot be computed: {error.message}") from None
    checked: JsonObject = storable(found, int(run.services.settings.graphs.value_bytes), "The output", "value_bytes")
    return checked

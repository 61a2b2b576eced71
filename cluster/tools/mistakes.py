"""What is wrong with the arguments of a call, in one sentence that names the place and the nearest name."""

from __future__ import annotations

from typing import Any

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput
from cluster.json_schema import mistake
from cluster.specs.loader import nearest
from cluster.tools.tool import ToolSpec


def mistake_of(arguments: JsonObject, spec: ToolSpec) -> None:
    """Raises BadInput where ``arguments`` do not fit the tool's schema."""
    parameters: dict[str, Any] = dict(spec.parameters)
    known = parameters.get("properties")
    if isinstance(known, dict) and parameters.get("additionalProperties") is False:
        for name in arguments:
            if name not in known:
                hint = nearest(name, known)
                choice = f"did you mean '{hint}'?" if hint else f"it takes {', '.join(known) or 'none'}."
                raise BadInput(f"The tool '{spec.name}' takes no argument '{name[:100]}'; {choice}").about(name[:100])
    found = mistake(arguments, parameters)
    if found is not None:
        place, sentence = found
        where = f", '{place[:200]}'" if place else ""
        raise BadInput(f"The tool '{spec.name}' does not take these arguments{where}: {sentence}").about(place[:200] or None)

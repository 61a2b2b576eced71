"""What a server lists as its tools, as tools of an organisation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from mcp_types import Tool

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput
from cluster.json_schema import check_schema
from cluster.tools.remote.servers import choice_of
from cluster.tools.results import seen
from cluster.tools.tables import McpServer
from cluster.tools.tool import ROLES, Effects, ToolSpec

# What models' interfaces take as a name of a function.
NAME_CHARS = 64
PLAIN = re.compile(r"[^A-Za-z0-9_-]")
TEXT_CHARS = 4000
SCHEMA_BYTES = 64 * 2**10
SHOWN = 5


def listing_of(tools: Sequence[Tool], most: int) -> tuple[list[dict[str, Any]], str | None]:
    """What is kept of a list, and a sentence about what was left out."""
    kept: dict[str, dict[str, Any]] = {}
    left: list[str] = []
    for tool in tools[:most]:
        name = _text(tool.name)[:200]
        why = "it is listed twice" if name in kept else _why_not(tool.input_schema)
        if why is not None or not name:
            left.append(f"'{name[:60]}' ({why or 'it has no name'})")
            continue
        output = tool.output_schema if tool.output_schema is not None and _why_not(tool.output_schema) is None else None
        hints = tool.annotations.model_dump(exclude_none=True) if tool.annotations is not None else {}
        title = tool.title or (tool.annotations.title if tool.annotations else None) or name
        kept[name] = {
            "name": name,
            "title": _text(title)[:200],
            "description": _text(tool.description or "")[:TEXT_CHARS],
            "parameters": seen(tool.input_schema),
            "output": seen(output),
            "hints": {key: value for key, value in hints.items() if isinstance(value, bool)},
        }
    problems = [f"Left out: {', '.join(left[:SHOWN])}{f' and {len(left) - SHOWN} more' if len(left) > SHOWN else ''}."] if left else []
    if len(tools) > most:
        problems.append(f"It lists more than {most} tools; the others are left out (setting tools.listed).")
    return list(kept.values()), " ".join(problems) or None


def specs_of(server: McpServer) -> list[tuple[ToolSpec, str]]:
    """The tools that are taken, each with the name that the server knows it by."""
    choice, found = choice_of(server), dict[str, tuple[ToolSpec, str]]()
    for tool in server.tools or ():
        if choice.takes(tool["name"]):
            spec = _spec(server, tool)
            if spec.name not in found:
                found[spec.name] = (spec, tool["name"])
    return list(found.values())


def spec_name(server: str, tool: str) -> str:
    """``server__tool``; what would not fit is shortened, and stays different from others."""
    name = f"{server}__{PLAIN.sub('_', tool)}"
    if PLAIN.search(tool) is None and len(name) <= NAME_CHARS:
        return name
    return f"{name[: NAME_CHARS - 9]}_{hashlib.sha256(tool.encode()).hexdigest()[:8]}"


def _spec(server: McpServer, tool: dict[str, Any]) -> ToolSpec:
    effects, dangerous = _effects(tool["hints"]) if server.trusted else ("once", True)
    assert server.role in ROLES
    output: JsonObject | None = tool["output"]
    return ToolSpec(
        name=spec_name(server.name, tool["name"]),
        title=tool["title"],
        description=tool["description"],
        parameters=tool["parameters"],
        category=f"mcp:{server.name}",
        effects=effects,
        dangerous=dangerous,
        role=next(role for role in ROLES if role == server.role),
        output=output,
        source=server.name,
    )


def _effects(hints: dict[str, bool]) -> tuple[Effects, bool]:
    """What the protocol's defaults are where the server says nothing: not only reading, destructive, not to be repeated."""
    if hints.get("read_only_hint", False):
        return "none", False
    return "keyed" if hints.get("idempotent_hint", False) else "once", hints.get("destructive_hint", True)


def _why_not(schema: dict[str, Any]) -> str | None:
    if len(str(schema)) > SCHEMA_BYTES:
        return "its schema is too large"
    try:
        check_schema(schema)
    except BadInput as error:
        return f"its schema is wrong: {error.message[:120].rstrip('.')}"
    except RecursionError:
        return "its schema is nested too deeply"
    return None if schema.get("type", "object") == "object" else "its schema is not of an object"


def _text(text: str) -> str:
    return str(seen(text)).strip()


def names_in(servers: Iterable[McpServer]) -> dict[str, tuple[McpServer, ToolSpec, str]]:
    """By name, each tool of ``servers`` with its own name there."""
    return {spec.name: (server, spec, tool) for server in servers for spec, tool in specs_of(server)}

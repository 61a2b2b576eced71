"""Which tools a model is offered: what the request says, else the conversation, else the person, else all that their role may call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from api.web.principal import Role
from cluster.errors import Unprocessable
from cluster.specs.loader import nearest
from cluster.tools.tool import ToolSpec


def offered_to(role: Role, specs: Iterable[ToolSpec]) -> list[ToolSpec]:
    return sorted((spec for spec in specs if role.includes(Role(spec.role))), key=lambda spec: spec.name)


def chosen(specs: Sequence[ToolSpec], asked: Sequence[str] | None, kept: Sequence[str] | None, field: str = "tools") -> list[ToolSpec]:
    """``asked`` for in the request, else ``kept`` from before: a name there whose tool is gone means nothing, while in a request it is a
    mistake (Unprocessable)."""
    if asked is not None:
        _need_known(specs, asked, field)
    patterns = asked if asked is not None else kept
    return list(specs) if patterns is None else [spec for spec in specs if is_named(spec.name, patterns)]


def is_named(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _need_known(specs: Sequence[ToolSpec], asked: Sequence[str], field: str) -> None:
    names = [spec.name for spec in specs]
    for place, pattern in enumerate(asked):
        if not re.search(r"[*]", pattern) and pattern not in names:
            hint = nearest(pattern, names)
            told = f"There is no tool '{pattern}' that you may call" + (
                f"; did you mean '{hint}'?" if hint else "; GET /api/v1/tools lists them."
            )
            raise Unprocessable(told).about(f"{field}.{place}")

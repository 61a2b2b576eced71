"""Which tools a request may name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from api.web.principal import Role
from cluster.errors import Unprocessable
from cluster.specs.loader import nearest
from cluster.tools.tool import ToolSpec


def offered_to(role: Role, specs: Iterable[ToolSpec]) -> list[ToolSpec]:
    return sorted((spec for spec in specs if role.includes(Role(spec.role))), key=lambda spec: spec.name)


def asked_for(specs: Sequence[ToolSpec], names: Sequence[str], field: str) -> list[ToolSpec]:
    """Raises Unprocessable for a name that none has; a pattern may fit nothing."""
    _need_known(specs, names, field)
    return [spec for spec in specs if is_named(spec.name, names)]


def is_named(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _need_known(specs: Sequence[ToolSpec], asked: Sequence[str], field: str) -> None:
    names = [spec.name for spec in specs]
    for place, pattern in enumerate(asked):
        if "*" not in pattern and pattern not in names:
            hint = nearest(pattern, names)
            told = f"There is no tool '{pattern}' that you may call" + (
                f"; did you mean '{hint}'?" if hint else "; GET /api/v1/tools lists them."
            )
            raise Unprocessable(told).about(f"{field}.{place}")

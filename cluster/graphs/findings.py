"""What a check says, and what it may know of the world around a graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cluster.specs.graph import GraphSpec
from cluster.specs.loader import nearest
from cluster.specs.yaml_text import Lines, Place, place
from cluster.tools.tool import ToolSpec

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``node``: None for the graph itself. ``path``: where it stands in the graph, ``line`` in its text, where there is one."""

    message: str
    severity: Severity = "error"
    node: str | None = None
    path: Place = ()
    line: int | None = None

    def told(self, origin: str) -> str:
        """One line, such as ``FILE:12: warning: node 'ask': ...``."""
        place = f"{origin}:{self.line}" if self.line is not None else origin
        kind = "warning: " if self.severity == "warning" else ""
        where = f"node '{self.node}': " if self.node is not None else ""
        return f"{place}: {kind}{where}{self.message}"


@dataclass(frozen=True, slots=True)
class Known:
    """What exists, by name; None where that is not known, and nothing is said about it. Graphs are named without ``@version``."""

    tools: Mapping[str, ToolSpec] | None = None
    graphs: Mapping[str, GraphSpec] | None = None
    models: Collection[str] | None = None
    retrieval: Collection[str] | None = None
    prompts: Collection[str] | None = None


@dataclass(slots=True)
class Findings:
    """Collects. ``lines`` are those of the graph's text."""

    lines: Lines
    found: list[Finding] = field(default_factory=list)

    def error(self, message: str, node: str | None, path: Place) -> None:
        self._add(message, "error", node, path)

    def warn(self, message: str, node: str | None, path: Place) -> None:
        self._add(message, "warning", node, path)

    def _add(self, message: str, severity: Severity, node: str | None, path: Place) -> None:
        finding = Finding(message, severity, node, path, place(self.lines, path))
        if finding not in self.found:
            self.found.append(finding)


def choice(name: str, names: Collection[str], most: int = 20) -> str:
    """What to write instead of ``name``."""
    hint = nearest(name, names)
    if hint:
        return f"did you mean '{hint}'?"
    shown = ", ".join(sorted(names)[:most])
    return f"there are: {shown}{' ...' if len(names) > most else ''}." if names else "there are none."

"""Graphs that everybody has: those of ``configs/graphs``, and the owner's own in ``graphs`` of HEARTH_HOME. They are only read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cluster.errors import ConfigError, NotFound
from cluster.graphs.findings import choice
from cluster.home import GRAPHS
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import ParsedGraph, parse_graph


@dataclass(frozen=True, slots=True)
class GraphFile:
    """``text``: as it was written, comments included."""

    path: Path
    text: str
    parsed: ParsedGraph

    @property
    def spec(self) -> GraphSpec:
        return self.parsed.spec


class GraphLibrary:
    """Graphs by name. Iteration is in order of name."""

    def __init__(self, files: Mapping[str, GraphFile]) -> None:
        self._files = dict(sorted(files.items()))

    @classmethod
    def load(cls, *folders: Path, most_bytes: int) -> GraphLibrary:
        """Every ``*.yaml`` of ``folders``; of two with one name the later folder's counts. Raises ConfigError with a line for each
        mistake. ``most_bytes``: the setting ``graphs.spec_bytes``."""
        files: dict[str, GraphFile] = {}
        for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
            file = read_file(path, most_bytes)
            if path.stem != file.spec.name:
                raise ConfigError(f"{path}: the name is '{file.spec.name}'; name the file {file.spec.name}.yaml.")
            files[file.spec.name] = file
        return cls(files)

    def get(self, name: str) -> GraphSpec:
        """``name`` or ``name@version``. Raises NotFound naming the nearest."""
        return self.file(name).spec

    def file(self, name: str) -> GraphFile:
        plain, _, version = name.partition("@")
        if plain not in self._files:
            raise NotFound(f"There is no graph '{plain}' in the library; {choice(plain, self._files)}")
        found = self._files[plain]
        if version and version != str(found.spec.version):
            raise NotFound(f"The graph '{plain}' is in the library as version {found.spec.version}; leave '@{version}' out, or write that.")
        return found

    @property
    def specs(self) -> dict[str, GraphSpec]:
        return {name: file.spec for name, file in self._files.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[GraphSpec]:
        return (file.spec for file in self._files.values())

    def __len__(self) -> int:
        return len(self._files)


def read_file(path: Path, most_bytes: int) -> GraphFile:
    """Raises ConfigError where it cannot be read, or is no graph."""
    try:
        if path.stat().st_size > most_bytes:
            raise ConfigError(f"{path}: the file has more than {most_bytes} bytes (graphs.spec_bytes); make it smaller.")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `hearth graph list` shows the graphs of the library.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return GraphFile(path, text, parse_graph(text, str(path), most_bytes))


@cache
def graph_library(home: Path, most_bytes: int) -> GraphLibrary:
    """Ours and those of the owner of ``home``, read once in a process."""
    return GraphLibrary.load(GRAPHS, home / "graphs", most_bytes=most_bytes)

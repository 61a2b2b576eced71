"""An organisation's graphs, in versions, beside those of the library."""

from __future__ import annotations

from dataclasses import dataclass

from api.audit.trail import Trail
from api.web.principal import Principal
from api.workflows.drawing import mermaid_of
from api.workflows.finding import Finder
from api.workflows.install import Graphs
from api.workflows.resources import need_models, needs_of
from api.workflows.schemas import (
    CheckAnswer,
    CheckBody,
    DefinitionAnswer,
    DefinitionBody,
    DefinitionEntry,
    DefinitionPage,
    DefinitionPut,
    DefinitionQuery,
    Finding,
    GraphBody,
    VersionEntry,
)
from cluster.errors import BadInput, ConfigError, Conflict, Unprocessable
from cluster.graphs import definitions as store
from cluster.graphs.agents import AGENT
from cluster.graphs.chatting import can_chat, chat_graphs
from cluster.graphs.checking import Finding as Found
from cluster.graphs.definitions import Content, Defined
from cluster.graphs.named import spec_of
from cluster.graphs.resolved import ResolvedGraph, spec_json
from cluster.graphs.table import Graph
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import ParsedGraph, parse_graph, read_graph
from cluster.stores.sql import AsyncSession

WORKFLOW = "workflow"
MOST_VERSIONS = 1000


@dataclass(frozen=True, slots=True)
class Written:
    """A graph as somebody sent it. ``text``: empty where it came as JSON."""

    parsed: ParsedGraph
    text: str = ""


class Definitions:
    """For one person, in the transaction of ``session``."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, graphs: Graphs) -> None:
        self._session = session
        self._who = who
        self._trail = trail
        self._graphs = graphs
        self._rows = store.Definitions(session, graphs.parts.settings.graphs)
        self._finder = Finder(session, graphs, who)

    async def page(self, asked: DefinitionQuery) -> DefinitionPage:
        own = await self._rows.page(self._who.organisation_id, asked.limit + 1, kind=WORKFLOW, after=asked.cursor)
        chats = {graph.name for graph in await chat_graphs(self._session, self._who.organisation_id)}
        entries = [_entry(row, chat=row.name in chats) for row in own]
        entries += [_of_library(spec) for spec in self._graphs.library if asked.cursor is None or spec.name > asked.cursor]
        entries.sort(key=lambda entry: entry.name)
        shown = entries[: asked.limit]
        return DefinitionPage(items=shown, next_cursor=shown[-1].name if len(entries) > asked.limit else None)

    async def one(self, name: str, version: int | None = None) -> DefinitionAnswer:
        row = await self._rows.find(self._who.organisation_id, name)
        if row is None and name in self._graphs.library:
            file = self._graphs.library.file(name if version is None else f"{name}@{version}")
            entry = _of_library(file.spec).model_dump()
            return DefinitionAnswer(
                **entry, spec=spec_json(file.spec), text=file.text, note="", author_id=None, tags=file.spec.tags, warnings=[]
            )
        return await self._answer(await self._rows.get(self._who.organisation_id, name, version))

    async def spec(self, name: str, version: int | None = None) -> GraphSpec:
        return await self._finder.named.graph(name if version is None else f"{name}@{version}")

    async def create(self, body: DefinitionBody) -> DefinitionAnswer:
        written = self._written(body)
        await self._need_sound(written)
        spec, who = written.parsed.spec, self._who
        library = self._graphs.library.specs
        made = await self._rows.create(who.organisation_id, who.user_id, spec.name, _content(written, body.note), library=library)
        self._trail.record("graph.created", f"graph:{made[0].id}", name=spec.name)
        return await self._answer(made)

    async def change(self, name: str, body: DefinitionPut, if_match: int | None) -> DefinitionAnswer:
        row, written = await self._own(name), self._written(body)
        if written.parsed.spec.name != row.name:
            raise Unprocessable(f"The graph is called '{row.name}', and its name stays; keep it, or make a new graph.").about("spec.name")
        await self._need_sound(written)
        made = await self._rows.change(row, self._who.user_id, _content(written, body.note), expected=expected(body.version, if_match))
        self._trail.record("graph.changed", f"graph:{row.id}", name=row.name, version=made[0].version)
        return await self._answer(made)

    async def revert(self, name: str, version: int) -> DefinitionAnswer:
        row = await self._own(name)
        made = await self._rows.revert(row, self._who.user_id, version)
        self._trail.record("graph.reverted", f"graph:{row.id}", name=row.name, version=version)
        return await self._answer(made)

    async def remove(self, name: str) -> None:
        row = await self._own(name)
        await self._rows.delete(row)
        self._trail.record("graph.removed", f"graph:{row.id}", name=row.name)

    async def versions(self, name: str) -> list[VersionEntry]:
        row = await self._rows.find(self._who.organisation_id, name)
        if row is None and name in self._graphs.library:
            return [VersionEntry(version=self._graphs.library.get(name).version, note="", author_id=None, created_at=None)]
        row, _ = await self._rows.get(self._who.organisation_id, name)
        return await versions_of(self._rows, row)

    async def check(self, body: CheckBody) -> CheckAnswer:
        """Never raises for what is wrong with the graph: that is the answer."""
        try:
            written = self._written(body)
        except Unprocessable as error:
            return CheckAnswer(ok=False, name=None, findings=_sentences(error.message), diagram=None)
        spec = written.parsed.spec
        found = [_finding(one) for one in await self._finder.findings(spec, written.parsed.lines)]
        if not any(one.severity == "error" for one in found):
            found += await self._unserved(spec)
        ok = not any(one.severity == "error" for one in found)
        return CheckAnswer(ok=ok, name=spec.name, findings=found, diagram=mermaid_of(spec))

    async def _unserved(self, spec: GraphSpec) -> list[Finding]:
        try:
            await need_models(self._graphs.parts.gateway, needs_of(ResolvedGraph(spec), None))
        except (Unprocessable, Conflict) as error:
            return [Finding(severity="warning", message=error.message, node=None, line=None)]
        return []

    async def _need_sound(self, written: Written) -> None:
        """What it names need not be there yet."""
        await self._finder.need_sound(written.parsed.spec, written.parsed.lines, names=False)

    def _written(self, body: GraphBody) -> Written:
        try:
            if body.text is not None:
                most = int(self._graphs.parts.settings.graphs.spec_bytes)
                return Written(parse_graph(body.text, "text", most), body.text)
            return Written(ParsedGraph(read_graph(body.spec, "spec")))
        except (ConfigError, BadInput) as error:
            raise Unprocessable(error.message).about("text" if body.text is not None else "spec") from None

    async def _own(self, name: str) -> Graph:
        """Raises Conflict for one of the library, and for what an agent is."""
        row = await self._rows.find(self._who.organisation_id, name, lock=True)
        if row is None and name in self._graphs.library:
            raise Conflict(f"'{name}' is a graph of the library, which is not changed here; keep a copy under another name.")
        if row is None:
            row, _ = await self._rows.get(self._who.organisation_id, name)  # says what there is
        if row.kind == AGENT:
            raise Conflict(f"'{row.name}' was made from an agent; change it at /api/v1/agents/{row.id}.")
        return row

    async def _answer(self, defined: Defined) -> DefinitionAnswer:
        row, version = defined
        spec = spec_of(version)
        warnings = [found.told(row.name) for found in await self._finder.findings(spec)]
        entry = _entry(row, chat=can_chat(spec)).model_dump() | {"version": version.version}
        text = version.source or None
        return DefinitionAnswer(
            **entry, spec=version.spec, text=text, note=version.note, author_id=version.author_id, tags=spec.tags, warnings=warnings
        )


def expected(body: int | None, header: int | None) -> int | None:
    if body is not None and header is not None and body != header:
        raise BadInput("'version' and the header If-Match differ; give one of them.").about("version")
    return body if body is not None else header


async def versions_of(rows: store.Definitions, graph: Graph) -> list[VersionEntry]:
    found = await rows.versions(graph, MOST_VERSIONS)
    return [VersionEntry(version=one.version, note=one.note, author_id=one.author_id, created_at=one.created_at) for one in found]


def _content(written: Written, note: str) -> Content:
    spec = written.parsed.spec
    return Content(spec_json(spec), spec.title, spec.description, written.text, note=note)


def _entry(row: Graph, *, chat: bool) -> DefinitionEntry:
    return DefinitionEntry(
        id=row.id,
        name=row.name,
        title=row.title,
        description=row.description,
        library=False,
        chat=chat,
        version=row.version,
        updated_at=row.updated_at,
    )


def _of_library(spec: GraphSpec) -> DefinitionEntry:
    return DefinitionEntry(
        id=None,
        name=spec.name,
        title=spec.title,
        description=spec.description,
        library=True,
        chat=can_chat(spec),
        version=spec.version,
        updated_at=None,
    )


def _finding(found: Found) -> Finding:
    return Finding(severity=found.severity, message=found.message, node=found.node, line=found.line)


def _sentences(message: str) -> list[Finding]:
    """Mistakes of form, a line each: ``text:12: node 'ask': ...``."""
    return [_sentence(line) for line in message.splitlines()]


def _sentence(line: str) -> Finding:
    head, _, rest = line.partition(": ")
    number = head.rpartition(":")[2]
    node = rest.split("'")[1] if rest.startswith("node '") else None
    return Finding(severity="error", message=rest or line, node=node, line=int(number) if number.isdigit() else None)

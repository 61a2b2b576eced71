"""Graphs as assistants: those of the library, and the organisation's own, agents included."""

from __future__ import annotations

from api.langgraph.schemas import AssistantSearch, VersionsBody
from api.langgraph.shapes import FINISH, START, Shape, assistant, library_id, own_assistant, selected
from api.web.principal import Principal
from api.workflows.install import Graphs
from cluster.errors import Unprocessable
from cluster.graphs.definitions import Definitions
from cluster.graphs.named import Named, spec_of
from cluster.graphs.resolved import every_node, graphs_of
from cluster.graphs.structure import ways_of
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import END
from cluster.stores.sql import AsyncSession

_SORTS = {"assistant_id": "assistant_id", "graph_id": "graph_id", "name": "name", "created_at": "created_at", "updated_at": "updated_at"}
_CONTEXT = {"type": "object", "properties": {"model": {"type": "string", "description": "For nodes that name none."}}}
MOST_VERSIONS = 1000


class Assistants:
    """For one person, in the transaction of ``session``."""

    def __init__(self, session: AsyncSession, who: Principal, graphs: Graphs) -> None:
        self._who = who
        self._graphs = graphs
        self._settings = graphs.parts.settings.graphs
        self._rows = Definitions(session, self._settings)
        self._named = Named(session, self._settings, graphs.library, who.organisation_id)

    def name_of(self, assistant_id: str) -> str:
        """What our other services call it: the name, for a graph of the library."""
        plain, _, version = assistant_id.partition("@")
        names = {str(library_id(name)): name for name in self._graphs.library.specs}
        found = names.get(plain.lower(), plain)
        return f"{found}@{version}" if version else found

    async def spec(self, assistant_id: str) -> GraphSpec:
        """Raises NotFound, naming the nearest."""
        return await self._named.graph(self.name_of(assistant_id))

    async def one(self, assistant_id: str) -> Shape:
        spec = await self.spec(assistant_id)
        return assistant(spec, await self._rows.find(self._who.organisation_id, spec.name))

    async def search(self, asked: AssistantSearch) -> tuple[list[Shape], int | None]:
        """A page, and where the next one begins."""
        found = await self._all(asked)
        order = asked.sort_by or "created_at"
        if order not in _SORTS:
            raise Unprocessable(f"'sort_by' is to be one of {', '.join(_SORTS)}.").about("sort_by")
        descending = (asked.sort_order or ("desc" if order == "created_at" else "asc")) == "desc"
        found.sort(key=lambda one: (one[order], one["graph_id"]), reverse=descending)
        shown = found[asked.offset : asked.offset + asked.limit]
        more = asked.offset + asked.limit < len(found)
        return [selected(one, asked.select) for one in shown], asked.offset + asked.limit if more else None

    async def count(self, asked: AssistantSearch) -> int:
        return len(await self._all(asked))

    async def drawing(self, assistant_id: str) -> Shape:
        """Nodes and edges, as LangGraph draws them."""
        spec = await self.spec(assistant_id)
        nodes = [{"id": name, "type": "runnable", "data": {"name": name, "kind": node.kind}} for name, node in spec.nodes.items()]
        ends = [{"id": name, "type": "schema", "data": name} for name in (START, FINISH)]
        edges: list[Shape] = [{"source": START, "target": name} for name in spec.starts]
        for name, leaving in ways_of(spec).items():
            for way in leaving:
                edge = {"source": name, "target": FINISH if way.to == END else way.to, "conditional": not way.always}
                edges.append(edge | ({"data": way.label} if way.label else {}))
        return {"nodes": [ends[0], *nodes, ends[1]], "edges": edges}

    async def schemas(self, assistant_id: str) -> Shape:
        return _schemas(await self.spec(assistant_id))

    async def subgraphs(self, assistant_id: str, namespace: str | None, *, recurse: bool) -> dict[str, Shape]:
        """By the node that runs it; with ``recurse`` those within them as well, as `outer|inner`."""
        found: dict[str, Shape] = {}
        await self._collect(await self.spec(assistant_id), "", found, recurse=recurse or "|" in (namespace or ""), depth=0)
        return found if namespace is None else {name: one for name, one in found.items() if name == namespace}

    async def versions(self, assistant_id: str, asked: VersionsBody) -> list[Shape]:
        """The latest first."""
        spec = await self.spec(assistant_id)
        row = await self._rows.find(self._who.organisation_id, spec.name)
        if row is None:
            return [assistant(spec, None)][asked.offset : asked.offset + asked.limit]
        kept = await self._rows.versions(row, MOST_VERSIONS)
        shown = kept[asked.offset : asked.offset + asked.limit]
        return [assistant(spec_of(one), row) | {"version": one.version, "created_at": one.created_at} for one in shown]

    async def _all(self, asked: AssistantSearch) -> list[Shape]:
        own = await self._rows.page(self._who.organisation_id, self._settings.definitions_per_organisation)
        found = [own_assistant(row) for row in own] + [assistant(spec, None) for spec in self._graphs.library]
        wanted = dict(asked.metadata or {})
        return [
            one
            for one in found
            if asked.graph_id in (None, one["graph_id"])
            and (asked.name is None or any(asked.name.lower() in one[field].lower() for field in ("name", "graph_id")))
            and all(one["metadata"].get(key) == value for key, value in wanted.items())
        ]

    async def _collect(self, spec: GraphSpec, path: str, found: dict[str, Shape], *, recurse: bool, depth: int) -> None:
        if depth >= self._settings.depth:
            return
        for name, node in every_node(spec):
            called = getattr(node, "graph", None)
            if node.kind == "graph" and isinstance(called, str) and called in graphs_of(spec):
                inner = await self._named.graph(called)
                found[path + name] = _schemas(inner)
                if recurse:
                    await self._collect(inner, f"{path}{name}|", found, recurse=True, depth=depth + 1)


def _schemas(spec: GraphSpec) -> Shape:
    output = {"type": "object", "properties": {name: {} for name in spec.output}, "required": list(spec.output)}
    return {
        "graph_id": spec.name,
        "input_schema": spec.input,
        "output_schema": output,
        "state_schema": {"type": "object", "properties": spec.state},
        "config_schema": _CONTEXT,
        "context_schema": _CONTEXT,
    }

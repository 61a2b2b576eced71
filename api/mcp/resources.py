"""`resources/*`: one shelf of resources after the other."""

from __future__ import annotations

from collections.abc import Sequence

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    Completion,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from api.mcp.asking import Context, principal_in
from api.mcp.content import Contents
from api.mcp.paging import cursor_from, place_in
from api.mcp.shelf import NOTHING, Shelf
from api.web.principal import Principal
from cluster.errors import BadInput, NotFound

# The code of revisions before 2026-07-28 for a resource that is not there.
MISSING = -32002


class Resources:
    """``most``: in one answer of a list."""

    def __init__(self, shelves: Sequence[Shelf], most: int) -> None:
        self._shelves = shelves
        self._most = most

    async def list(self, context: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        who, found = principal_in(context), list[Resource]()
        number, after = self._beginning(place_in(params.cursor if params else None))
        for shelf in self._shelves[number:]:
            room = self._most - len(found)
            rows = await shelf.page(who, after, room + 1)
            found += [resource for _, resource in rows[:room]]
            if len(rows) > room:
                # Where others fill the page, this shelf begins on the next one.
                place = f"{shelf.name}:{rows[room - 1][0] if room else after or ''}"
                return ListResourcesResult(resources=found, next_cursor=cursor_from(place))
            after = None
        return ListResourcesResult(resources=found)

    async def templates(self, _: Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[each for shelf in self._shelves for each in shelf.templates])

    async def read(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        try:
            return ReadResourceResult(contents=[await self.contents(principal_in(context), params.uri)])
        except NotFound as error:
            code = INVALID_PARAMS if context.protocol_version in MODERN_PROTOCOL_VERSIONS else MISSING
            raise MCPError(code, error.message, {"uri": params.uri}) from None

    async def complete(self, context: Context, template: str, argument: str, begun: str) -> Completion:
        for shelf in self._shelves:
            if any(each.uri_template == template for each in shelf.templates):
                return await shelf.complete(principal_in(context), template, argument, begun)
        return NOTHING

    def holds(self, uri: str) -> bool:
        """Whether ``uri`` is written like a resource of ours."""
        return any(shelf.holds(uri) for shelf in self._shelves)

    async def contents(self, who: Principal, uri: str) -> Contents:
        """Raises NotFound."""
        for shelf in self._shelves:
            if shelf.holds(uri):
                return await shelf.read(who, uri)
        raise NotFound("There is no such resource; resources/list has those that there are.")

    def _beginning(self, place: str | None) -> tuple[int, str | None]:
        """With which shelf a page begins, and behind which place on it."""
        if place is None:
            return 0, None
        name, _, after = place.partition(":")
        for number, shelf in enumerate(self._shelves):
            if shelf.name == name:
                return number, after or None
        raise BadInput("The cursor is none that was given out; begin without one.").about("cursor")

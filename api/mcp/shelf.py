"""Where resources come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mcp_types import Completion, Resource, ResourceTemplate

from api.mcp.content import Contents
from api.web.principal import Principal

NOTHING = Completion(values=[], total=0, has_more=False)


class Shelf(Protocol):
    """Resources of one kind. ``name``: of letters; a cursor says with it where its page begins. ``templates``: of their URIs."""

    @property
    def name(self) -> str: ...

    @property
    def templates(self) -> Sequence[ResourceTemplate]: ...

    def holds(self, uri: str) -> bool:
        """Whether ``uri`` is written like one of these."""
        ...

    async def page(self, who: Principal, after: str | None, most: int) -> Sequence[tuple[str, Resource]]:
        """At most ``most`` that are there for ``who``, in order, each with its place; those behind the place ``after``. Raises BadInput
        for a place that was never given out."""
        ...

    async def read(self, who: Principal, uri: str) -> Contents:
        """Raises NotFound, also for what is somebody else's."""
        ...

    async def complete(self, who: Principal, template: str, argument: str, begun: str) -> Completion:
        """What an argument of one of ``templates`` may be."""
        ...

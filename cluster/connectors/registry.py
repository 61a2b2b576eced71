"""Which connectors there are. Another one is a file beside this one, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cluster.connectors import feed, folder, git, imap, s3, site, web
from cluster.connectors.base import Kind, Options
from cluster.errors import NotFound, Unprocessable
from cluster.specs.loader import nearest


class ConnectorRegistry:
    """Kinds of connectors by name."""

    def __init__(self, *kinds: Kind) -> None:
        self._kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}

    def all(self) -> list[Kind]:
        return list(self._kinds.values())

    def get(self, name: str) -> Kind:
        """Raises NotFound, with the nearest name."""
        kind = self._kinds.get(name)
        if kind is None:
            hint = nearest(name, self._kinds)
            more = f"did you mean '{hint}'?" if hint else "GET /api/v1/connectors lists them."
            raise NotFound(f"There is no such connector; {more}")
        return kind

    def options(self, name: str, given: dict[str, Any]) -> Options:
        """Raises NotFound, and Unprocessable with one sentence about the first mistake."""
        try:
            return self.get(name).options.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in ("options", *first["loc"]))
            raise Unprocessable(f"'{where}': {first['msg'][0].lower()}{first['msg'][1:]}.").about(where) from None


REGISTRY = ConnectorRegistry(folder.KIND, web.KIND, site.KIND, feed.KIND, imap.KIND, s3.KIND, git.KIND)

"""What the endpoints of kept graphs and of agents, which are graphs too, have in common: how one is named, and its versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Path
from pydantic import BaseModel
from starlette.responses import Response

from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.openapi import READING, WORKING, json_request, responses
from api.workflows.examples import VERSION, ok
from api.workflows.schemas import RevertBody, VersionEntry
from cluster.errors import Unprocessable

READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 409)
GraphId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Id or name of the graph.")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", pattern=r'^(W/)?"?[0-9]{1,9}"?$', description="The version that was changed, as the ETag of GET.")
]


class VersionedAnswer(Protocol):
    @property
    def version(self) -> int: ...


class Versioned(Protocol):
    """The service of what is kept in versions."""

    async def one(self, name: str, version: int | None = None) -> Any: ...

    async def versions(self, name: str) -> list[VersionEntry]: ...

    async def revert(self, name: str, version: int) -> Any: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """``noun``: what it is called in summaries. ``shape`` and ``example``: of the answer about one. ``reading`` and ``writing``: the
    dependencies that give the service."""

    noun: str
    shape: type[BaseModel]
    example: object
    reading: Callable[..., Any]
    writing: Callable[..., Any]


def add_versions(router: APIRouter, below: str, kept: Kept) -> None:
    """Adds the routes of versions ``below`` the path of one."""
    answered = responses(ok(kept.example), READS)

    @router.get(
        f"{below}/versions",
        summary=f"Versions of {kept.noun}",
        response_model=Success[list[VersionEntry]],
        responses=responses(ok([VERSION]), READS),
    )
    async def list_versions(graph_id: GraphId, service: Versioned = Depends(kept.reading)) -> Response:  # noqa: B008
        """Every version it ever had, the latest first."""
        return success(await service.versions(graph_id))

    @router.get(f"{below}/versions/{{version}}", summary=f"One version of {kept.noun}", response_model=kept.shape, responses=answered)
    async def get_version(graph_id: GraphId, version: Version, service: Versioned = Depends(kept.reading)) -> Response:  # noqa: B008
        """What it was at that time, whatever has changed since."""
        return success(await service.one(graph_id, version))

    @router.post(
        f"{below}/revert",
        summary=f"Go back to a version of {kept.noun}",
        response_model=kept.shape,
        responses=responses(ok(kept.example), WRITES),
        openapi_extra=json_request(RevertBody, {"version": 1}),
    )
    async def revert(
        graph_id: GraphId,
        body: Annotated[RevertBody, Depends(json_body(RevertBody, Unprocessable))],
        service: Versioned = Depends(kept.writing),  # noqa: B008
    ) -> Response:
        """Makes a new version that is what an earlier one was."""
        return tagged(await service.revert(graph_id, body.version))


def tagged(answer: VersionedAnswer) -> Response:
    """With its version as ETag, which If-Match of a change names."""
    response = success(answer)
    response.headers["ETag"] = f'"{answer.version}"'
    return response


def version_in(if_match: str | None) -> int | None:
    """The number in the header."""
    return None if if_match is None else int(if_match.removeprefix("W/").strip('"'))

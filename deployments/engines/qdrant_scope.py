"""Between Hearth's shapes and Qdrant's: point ids, payloads, and the one place where it is said which points are meant.

Tenant isolation stands here and nowhere else: whoever reads or deletes does it through a :class:`Scope`, which cannot be made without an
organisation, and each selection that a scope makes begins with it. Filters of callers only add conditions that must hold too. The id of a
point is derived from the organisation as well, so that nobody can write over what belongs to another.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.contracts.retrieval import EVERYTHING, Attribute, ChunkRecord, Filters, Space, Span
from cluster.errors import BadInput, EngineError

ORGANISATION = "organisation"
# Attributes as they are looked up: name and value in one word, since Qdrant Edge 0.9 takes the `True` of a filter for a 1.
FACETS = "facets"
# Of a UUID that is a hash of names (RFC 9562, version 5); a fixed number, so that ids are the same everywhere.
NAMES = uuid.UUID("6f1d2c52-7a0e-4a43-9b39-5d0c5e0f7b11")
ATTRIBUTE = re.compile(r"[a-z0-9_]{1,64}")
MOST_ATTRIBUTES = 32
# Payload fields that are looked up in an index; the others are read point by point.
INDEXES: Mapping[str, Literal["tenant", "keyword"]] = {
    ORGANISATION: "tenant",
    "collection": "keyword",
    "document": "keyword",
    "kind": "keyword",
    "tags": "keyword",
    FACETS: "keyword",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """That a field of the payload has one of these values."""

    key: str
    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Points for which all of ``must`` and none of ``must_not`` hold."""

    must: tuple[Condition, ...]
    must_not: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What one organisation may see."""

    organisation: str

    def __post_init__(self) -> None:
        if not self.organisation.strip():
            raise BadInput("No organisation was named: whose knowledge is it?").about("organisation")

    def select(self, filters: Filters = EVERYTHING, other_than_version: int | None = None) -> Selection:
        """Points of the organisation to which ``filters`` apply."""
        narrowing = (
            Condition("collection", filters.collections),
            Condition("document", filters.documents),
            Condition("kind", filters.kinds),
            Condition("tags", filters.tags),
            Condition("number", filters.numbers),
            Condition("version", () if filters.version is None else (filters.version,)),
            *(Condition(FACETS, tuple(_facet(name, value) for value in values)) for name, values in filters.attributes.items()),
        )
        given = tuple(condition for condition in narrowing if condition.values)
        unwanted = () if other_than_version is None else (Condition("version", (other_than_version,)),)
        return Selection((Condition(ORGANISATION, (self.organisation,)), *given), unwanted)

    def corpus(self, filters: Filters) -> Selection:
        """The documents among which a word counts as rare: the organisation's, or those of the collections asked for. Never of others:
        scores would tell what words they use."""
        return self.select(Filters(collections=filters.collections))

    def check(self, payload: Mapping[str, Any]) -> None:
        """Raises EngineError for what is not the organisation's: a last look before it leaves the index."""
        if payload.get(ORGANISATION) != self.organisation:
            raise EngineError("The index gave a chunk of another organisation, which was withheld; please report this.")

    def point_id(self, document: str, number: int) -> uuid.UUID:
        """The same for every version of a chunk, so that writing it again replaces it."""
        return uuid.uuid5(NAMES, f"{len(self.organisation)}:{self.organisation}{len(document)}:{document}{number}")


def check_chunk(chunk: ChunkRecord, scope: Scope, space: Space) -> None:
    """Raises BadInput for a chunk that ``scope`` may not write, or that could not be found again."""
    if chunk.organisation != scope.organisation:
        raise BadInput(f"Chunk {chunk.number} of '{chunk.document}' belongs to another organisation; each writes its own to {space.model}.")
    if not chunk.document or not chunk.collection or chunk.number < 0:
        raise BadInput("A chunk needs a document, a collection, and a number from 0.")
    if len(chunk.attributes) > MOST_ATTRIBUTES:
        raise BadInput(f"Chunk {chunk.number} of '{chunk.document}' has {len(chunk.attributes)} attributes, at most {MOST_ATTRIBUTES}.")
    for name, value in chunk.attributes.items():
        _facet(name, value)


def payload_of(chunk: ChunkRecord, scope: Scope) -> dict[str, Any]:
    return {
        ORGANISATION: scope.organisation,
        "collection": chunk.collection,
        "document": chunk.document,
        "version": chunk.version,
        "number": chunk.number,
        "text": chunk.text,
        "span": [chunk.span.start, chunk.span.end],
        "page": chunk.page,
        "turns": [list(turn) for turn in chunk.turns],
        "heading_path": list(chunk.heading_path),
        "parent": chunk.parent,
        "kind": chunk.kind,
        "tags": list(chunk.tags),
        "attributes": dict(chunk.attributes),
        FACETS: [_facet(name, value) for name, value in chunk.attributes.items()],
    }


def chunk_of(payload: Mapping[str, Any], scope: Scope) -> ChunkRecord:
    """The chunk that was written. Raises EngineError when it is not the organisation's."""
    scope.check(payload)
    fields = {name: value for name, value in payload.items() if name != FACETS}
    fields["span"] = Span(*fields["span"])
    fields["heading_path"] = tuple(fields["heading_path"])
    fields["tags"] = tuple(fields["tags"])
    fields["turns"] = tuple((at, page) for at, page in fields.get("turns", ()))  # what was written before there were any has none
    return ChunkRecord(**fields)


def _facet(name: str, value: Attribute) -> str:
    if not ATTRIBUTE.fullmatch(name):
        raise BadInput(f"'{name[:80]}' is no name of an attribute; use 1 to 64 lower-case letters, digits and '_'.").about("attributes")
    return f"{name}={json.dumps(value)}"

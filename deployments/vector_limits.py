"""What is refused before an index is asked, wherever it is."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.contracts.retrieval import Point, SearchQuery, Space
from cluster.errors import BadInput, NotFound, TooLarge
from cluster.settings import VectorSettings

MOST_DIMENSIONS = 65_536


def check_write(points: Sequence[Point], settings: VectorSettings) -> None:
    most = settings.points_per_write
    if len(points) > most:
        raise TooLarge(f"{len(points)} points in one write, at most {most} are taken (setting vectors.points_per_write); split them.")


def check_new(space: Space, known: int, settings: VectorSettings) -> None:
    """Of an index that is to be made where there are ``known``."""
    if not 1 <= space.dimensions <= MOST_DIMENSIONS:
        raise BadInput(f"A vector has 1 to {MOST_DIMENSIONS} numbers, not {space.dimensions}.")
    if known >= settings.spaces:
        raise TooLarge(f"There are {known} indexes, one for each embedding model, and no more are made (vectors.spaces).")


def check_query(query: SearchQuery, settings: VectorSettings) -> None:
    bounded(query.limit, "limit", settings)
    bounded(query.candidates, "candidates", settings)
    if query.diversity is not None and not 0 <= query.diversity.weight <= 1:
        raise BadInput(f"The weight of relevance is {query.diversity.weight}; choose 0 to 1.").about("diversity")
    if query.rrf_k < 0 or query.dense_weight < 0 or query.sparse_weight < 0:
        raise BadInput("Ranks are fused with a k and weights that are not negative.").about("rrf_k")


def bounded(number: int, name: str, settings: VectorSettings) -> int:
    """``number``, which is one of results."""
    most = settings.results_per_search
    if not 1 <= number <= most:
        raise BadInput(f"'{name}' is {number}; choose 1 to {most} (setting vectors.results_per_search).").about(name)
    return number


def named(value: str, what: str) -> str:
    """``value``, which says what is to be deleted."""
    if not value:
        raise BadInput(f"No {what} was named; nothing was deleted.").about(what)
    return value


def nothing_in(space: Space) -> NotFound:
    return NotFound(f"Nothing was indexed with '{space.model}' ({space.variant}, {space.dimensions} numbers) yet; ingest first.")

"""Ingesting what waits in one collection, wave by wave, until nothing waits."""

from __future__ import annotations

import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from cluster.contracts.documents import Problem
from cluster.contracts.retrieval import Filters, Space
from cluster.errors import NotFound
from cluster.files import FileStore
from cluster.home import Home
from cluster.jobs.work import Work
from cluster.knowledge.removal import Remover
from cluster.knowledge.shelf import Outcome, Shelf
from cluster.knowledge.tables import Collection, DocumentRow
from cluster.serving.reach import Attachment
from cluster.text.chunking import Chunking
from pipelines.ingest import doors
from pipelines.ingest.flow import ingest
from pipelines.ingest.prepare import Preparation
from pipelines.ingest.rows import Finished, Spent
from pipelines.ingest.stopwatch import Stopwatch
from pipelines.stages.read import Source

ResultT = TypeVar("ResultT")
SETTLE_S, SETTLE_MOST = 1.0, 200
UNIT = "documents"
TURN_S = 0.5


class Ingestion:
    """One attempt of a job at one collection."""

    def __init__(self, work: Work, cluster: Attachment, collection: uuid.UUID) -> None:
        self._work = work
        self._cluster = cluster
        self._id = collection
        self._files = FileStore(Home(work.settings.home).documents)
        self._remover = Remover(cluster.reach().database, cluster.reach().vectors, self._files)
        self._count = Counter[str]()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._watch = Stopwatch()
        self._cautions: dict[str, list[str]] = {}

    def run(self) -> dict[str, Any]:
        """Raises NotFound when the collection is gone, Cancelled when the job is to stop: what was settled stays."""
        collection = self._collection()
        self._wait_for_turn()
        self._work.progress(0, None, UNIT, "looking at the model")
        space = doors.space_of(self._cluster, collection.embedding_model)
        self._on_shelf(lambda shelf: shelf.use(space))
        if self._work.attempt > 1:
            self._reconcile(space)
        while rows := self._on_shelf(lambda shelf: shelf.waiting(self._work.settings.ingest.wave)):
            self._wave(collection, space, rows)
        self._spent(Spent(self._watch.taken()))
        counts = {name: self._count[name] for name in ("indexed", "unchanged", "failed", "chunks")}
        return {**counts, "seconds": {stage: round(seconds, 3) for stage, seconds in self._seconds.items()}}

    def _wait_for_turn(self) -> None:
        while self._on_shelf(lambda shelf: shelf.others_turn(self._work.id)) and self._on_shelf(lambda shelf: shelf.count_waiting()):
            self._work.progress(0, None, UNIT, "waiting for another job of the collection")
            time.sleep(TURN_S)

    def _collection(self) -> Collection:
        found = self._on_shelf(lambda shelf: shelf.collection())
        if found is None or found.organisation_id != self._work.organisation_id:
            raise NotFound("The collection was removed; there is nothing to ingest.")
        return found

    def _wave(self, collection: Collection, space: Space, rows: Sequence[DocumentRow]) -> None:
        """Ends with each of the rows settled."""
        chunking = Chunking(**collection.chunking)
        how = Preparation(
            self._work.settings.ingest,
            chunking,
            doors.Tokens(self._cluster, space.model) if chunking.strategy == "tokens" else None,
            models=doors.recognisers(self._cluster),
            unchanged=doors.Indexed(self._cluster, self._id, frozenset(str(row.id) for row in rows)),
            keep=doors.Texts(self._cluster, self._id),
        )
        write = doors.Indexing(self._cluster, space, collection.organisation_id, self._id)
        self._cautions = {}
        for outcomes in _in_parts(self._outcomes(rows, how, doors.Embedding(self._cluster, space), write)):
            with self._watch("settle"):
                self._settle(outcomes)
        with self._watch("settle"):
            self._close({row.id: row.version for row in rows})

    def _spent(self, spent: Spent) -> None:
        for stage, seconds in spent.seconds.items():
            self._seconds[stage] += seconds

    def _outcomes(self, rows: Sequence[DocumentRow], how: Preparation, embed: doors.Embedding, write: doors.Indexing) -> Iterator[Outcome]:
        waiting = self._on_shelf(lambda shelf: shelf.count_waiting())
        total, begun = self._done() + waiting, {str(row.id) for row in rows}
        for event in ingest([self._source(row) for row in rows], how, embed, write, self._spent):
            if isinstance(event, Finished):
                yield self._finished(event)
            elif (outcome := self._problem(event, rows)) is not None:
                yield outcome
            begun.discard(event.root or "")
            self._work.progress(total - waiting + len(rows) - len(begun), total, UNIT, "ingesting")

    def _source(self, row: DocumentRow) -> Source:
        assert row.file_id is not None, "an upload has a file"
        return Source(str(row.id), row.path, self._files.path(row.organisation_id, row.file_id), version=row.version)

    def _finished(self, event: Finished) -> Outcome:
        self._count["unchanged" if event.unchanged else "indexed"] += 1
        self._count["chunks"] += event.chunks
        return Outcome(
            uuid.UUID(event.document),
            uuid.UUID(event.root),
            event.version,
            event.path,
            event.content_hash,
            event.media_type,
            event.chunks,
            event.chars,
            event.pages,
            event.fingerprint.words_hash if event.fingerprint else None,
            " ".join(self._cautions.pop(event.document, ())) or None,
            event.unchanged,
            signature=event.fingerprint.signature if event.fingerprint else (),
        )

    def _problem(self, event: Problem, rows: Sequence[DocumentRow]) -> Outcome | None:
        """A document that failed. What was left out of one goes with its own outcome."""
        self._work.log(f"{event.path}: {event.reason}")
        if event.document is None or event.root is None:
            return None
        if not event.skipped:
            self._cautions.setdefault(event.document, []).append(event.reason)
            return None
        self._count["failed"] += 1
        version = next(row.version for row in rows if str(row.id) == event.root)
        return Outcome(uuid.UUID(event.document), uuid.UUID(event.root), version, event.path, reason=event.reason, failed=True)

    def _settle(self, outcomes: list[Outcome]) -> None:
        """First the index is rid of what it has of older versions: if this is interrupted, the documents still wait."""
        organisation, reach = str(self._work.organisation_id), self._cluster.reach()
        for document, version in self._on_shelf(lambda shelf: shelf.stale(outcomes)):
            reach.wait(reach.vectors.delete_document, organisation, str(document), version)
        for document in self._on_shelf(lambda shelf: shelf.settle(outcomes)):
            reach.wait(reach.vectors.delete_document, organisation, str(document))

    def _close(self, roots: dict[uuid.UUID, int]) -> None:
        left = self._on_shelf(lambda shelf: shelf.close(roots))
        if left:
            self._cluster.reach().wait(self._remover.documents, left)
        while self._on_shelf(lambda shelf: shelf.compare(SETTLE_MOST)):
            pass

    def _reconcile(self, space: Space) -> None:
        """Removes from the index what an attempt that was killed wrote of documents that were removed meanwhile."""
        organisation, reach = str(self._work.organisation_id), self._cluster.reach()
        in_it, after, more = Filters(collections=(str(self._id),)), None, True
        while more:
            try:
                page = reach.wait(reach.vectors.scroll, organisation, space, in_it, after)
            except NotFound:
                return  # nothing was ever written there
            for document in self._unknown({uuid.UUID(chunk.document) for chunk in page.chunks}):
                reach.wait(reach.vectors.delete_document, organisation, str(document))
            after, more = page.next, page.next is not None

    def _unknown(self, documents: set[uuid.UUID]) -> list[uuid.UUID]:
        return self._on_shelf(lambda shelf: shelf.unknown(documents))

    def _done(self) -> int:
        return self._count["indexed"] + self._count["unchanged"] + self._count["failed"]

    def _on_shelf(self, do: Callable[[Shelf], Awaitable[ResultT]]) -> ResultT:
        reach = self._cluster.reach()

        async def once() -> ResultT:
            async with reach.database.session() as session:
                return await do(Shelf(session, self._id))

        return reach.wait(once)


def _in_parts(outcomes: Iterator[Outcome]) -> Iterator[list[Outcome]]:
    """Several at a time, but none held back for long. Of a document that is told of twice only the last word counts."""
    part: dict[uuid.UUID, Outcome] = {}
    begun = time.monotonic()
    for outcome in outcomes:
        before = part.pop(outcome.document, None)
        reason = " ".join(dict.fromkeys(one.reason for one in (before, outcome) if one is not None and one.reason))
        part[outcome.document] = replace(outcome, reason=reason or None)
        if len(part) >= SETTLE_MOST or time.monotonic() - begun > SETTLE_S:
            yield list(part.values())
            part, begun = {}, time.monotonic()
    if part:
        yield list(part.values())

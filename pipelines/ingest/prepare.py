"""From a source to chunks: read, parse, recognise, clean, chunk. What is wrong with a file becomes an event; the next one follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cluster.content.isolated import Isolated
from cluster.contracts.documents import Chunk, Document, Problem
from cluster.errors import BadInput, Unprocessable
from cluster.settings import IngestSettings
from cluster.text.chunking import Chunking, Tokenize, chunk
from cluster.text.duplicates import fingerprint
from pipelines.ingest.rows import Finished
from pipelines.ingest.stopwatch import Stopwatch
from pipelines.stages.clean import clean
from pipelines.stages.parse import parse
from pipelines.stages.pieces import Parsed, assemble
from pipelines.stages.read import Item, Source, read
from pipelines.stages.recognise import Recognisers, recognise

NO_MODELS = Recognisers()
# A document's id and the hash of its bytes, to whether exactly that is in the index already, cut in the same way.
Unchanged = Callable[[str, str], bool]
# Keeps the text of a document of the source with that id, so that a citation can be opened. Called again after a fault.
Keep = Callable[[Document, str], None]


@dataclass(frozen=True, slots=True)
class Preparation:
    """How sources become chunks. What is called here runs on other machines, so it must pickle."""

    limits: IngestSettings
    chunking: Chunking
    tokenize: Tokenize | None = None
    models: Recognisers = NO_MODELS
    unchanged: Unchanged | None = None
    keep: Keep | None = None
    fingerprints: bool = True


def prepared(source: Source, how: Preparation, process: Isolated, watch: Stopwatch) -> Iterator[Chunk | Problem | Finished]:
    """The chunks of all documents in a source, each document's followed by its Finished; and what could not be taken."""
    for item in watch.each("read", read(source, how.limits)):
        if isinstance(item, Problem):
            yield replace(item, root=source.document)
            continue
        try:
            yield from _document(item, source.document, how, process, watch)
        except BadInput as error:
            yield Problem(item.path, error.message, document=item.document, root=source.document)


def _document(item: Item, root: str, how: Preparation, process: Isolated, watch: Stopwatch) -> Iterator[Chunk | Problem | Finished]:
    digest = hashlib.sha256(item.content).hexdigest()
    if how.unchanged is not None and how.unchanged(item.document, digest):
        yield Finished(item.document, root, item.version, item.path, item.media_type, digest, unchanged=True)
        return
    with watch("parse"):
        parsed = process.call(parse, item.content, item.media_type, how.limits)
    with watch("recognise"):
        parsed = recognise(item.content, parsed, how.models, process, how.limits)
    with watch("clean"):
        document = _assembled(item, parsed, digest)
    if how.keep is not None:
        with watch("keep"):
            how.keep(document, root)
    with watch("chunk"):
        pieces = list(chunk(document, how.chunking, how.tokenize))
    yield from pieces
    yield from (Problem(item.path, caution, skipped=False, document=item.document, root=root) for caution in parsed.cautions)
    with watch("compare"):
        print_of = fingerprint(document.id, document.text) if how.fingerprints else None
    yield Finished(
        document.id,
        root,
        document.version,
        document.path,
        document.media_type,
        digest,
        len(pieces),
        len(document.text),
        document.pages,
        False,
        print_of,
    )


def _assembled(item: Item, parsed: Parsed, digest: str) -> Document:
    empty = Document(item.document, item.version, item.path, parsed.media_type, digest, "", (), parsed.pages)
    document = assemble(empty, clean(parsed.pieces))
    if not document.blocks:
        raise Unprocessable("It holds no text.")
    return document

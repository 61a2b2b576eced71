"""The whole flow, here and on a Ray of one node: everything goes in, once, whatever the order, and what is broken is listed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.contracts.documents import Chunk, Document, Problem
from cluster.errors import EngineError
from cluster.settings import IngestSettings
from cluster.text.chunking import Chunking
from cluster.text.duplicates import duplicates
from pipelines.ingest.flow import ingest
from pipelines.ingest.prepare import Preparation
from pipelines.ingest.rows import Finished, Spent
from pipelines.stages.read import Source
from pipelines.stages.recognise import Recognisers
from tests.pipelines.conftest import mail_file, pdf_file, picture, sheet_file, slides_file, word_file, zip_file

LIMITS = IngestSettings(workers=2, worker_cpus=0.25, embed_batch=8, direct_documents=16)


@dataclass(frozen=True)
class FolderIndex:
    """An index that is a folder: a file for each chunk, named by its document and number, so that the same chunk overwrites itself."""

    folder: Path

    def __call__(self, chunks: Sequence[Chunk], vectors: Sequence[Any]) -> None:
        for chunk, vector in zip(chunks, vectors, strict=True):
            content = asdict(chunk) | {"vector": None if vector is None else [float(value) for value in vector]}
            (self.folder / f"{chunk.document}-{chunk.number}.json").write_text(json.dumps(content, sort_keys=True))

    def contents(self) -> dict[str, dict[str, Any]]:
        return {path.name: json.loads(path.read_text()) for path in self.folder.iterdir()}


@dataclass(frozen=True)
class KeptTexts:
    folder: Path

    def __call__(self, document: Document, root: str) -> None:
        (self.folder / document.id).write_text(document.text)


@dataclass(frozen=True)
class KnownHashes:
    hashes: dict[str, str]

    def __call__(self, document: str, content_hash: str) -> bool:
        return self.hashes.get(document) == content_hash


def lengths(texts: Sequence[str]) -> Any:
    """A text's vector: how long it is, and how many words it has."""
    return np.array([[len(text), text.count(" ") + 1] for text in texts], np.float32)


class Counted:
    """``lengths``, and which processes asked for them."""

    def __init__(self) -> None:
        self.processes: set[int] = set()

    def __call__(self, texts: Sequence[str]) -> Any:
        self.processes.add(os.getpid())
        return lengths(texts)


def shouted(image: bytes) -> str:
    return "Text of a picture."


@pytest.fixture
def index(tmp_path) -> FolderIndex:
    (tmp_path / "index").mkdir()
    return FolderIndex(tmp_path / "index")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Files of every kind, and of every kind of trouble."""
    folder: Path = tmp_path / "given"
    folder.mkdir()
    good = {
        "terms.pdf": pdf_file(3, scanned=frozenset({2})),
        "rules.docx": word_file(),
        "talk.pptx": slides_file(),
        "tides.xlsx": sheet_file(),
        "notes.md": b"# Notes\n\nThe lamp is lit at dusk. " * 40,
        "fog.png": picture(),
        "all.zip": zip_file({"a.txt": "In a zip.", "b.eml": mail_file(c__csv=b"a,b\n1,2\n")}),
    }
    bad = {"empty.txt": b"", "locked.pdf": pdf_file(1, password="x"), "cut.docx": word_file()[:500], "bin.txt": bytes(range(256)) * 9}
    for name, content in (good | bad).items():
        (folder / name).write_bytes(content)
    for number in range(30):
        (folder / f"{number:02}.txt").write_text(f"Story {number}. " + "Nothing much happened that day. " * 60)
    return folder


def run(folder: Path, index: FolderIndex, **options: Any) -> tuple[dict[str, Finished], dict[str, Problem]]:
    how = Preparation(LIMITS, Chunking(), **{"models": Recognisers(picture=shouted)} | options)
    events = list(ingest([Source("root", "given", folder)], how, lengths, index))
    finished = [event for event in events if isinstance(event, Finished)]
    assert len({one.document for one in finished}) == len(finished)
    return {one.path: one for one in finished}, {one.path: one for one in events if isinstance(one, Problem)}


def test_a_folder_of_everything_goes_in_and_what_is_broken_is_listed(ray_runtime, folder, index, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    finished, problems = run(folder, index, keep=KeptTexts(texts))
    assert set(problems) == {f"given/{name}" for name in ("empty.txt", "locked.pdf", "cut.docx", "bin.txt")}
    assert all(one.skipped and one.reason for one in problems.values())
    assert {"given/terms.pdf", "given/fog.png", "given/all.zip/a.txt", "given/all.zip/b.eml/c.csv"} <= set(finished)
    assert len(finished) == 30 + 6 + 3
    chunks = index.contents().values()
    for one in finished.values():
        own = [chunk for chunk in chunks if chunk["document"] == one.document]
        assert sorted(chunk["number"] for chunk in own) == list(range(one.chunks))
        text = (texts / one.document).read_text()
        assert all(chunk["text"] == text[chunk["start"] : chunk["end"]] for chunk in own)
    assert all(chunk["vector"] == [len(chunk["text"]), chunk["text"].count(" ") + 1] for chunk in chunks)
    scanned = [
        chunk for chunk in chunks if chunk["document"] == finished["given/terms.pdf"].document and "Text of a picture." in chunk["text"]
    ]
    assert scanned


def test_a_second_run_with_other_workers_writes_the_same_and_nothing_more(ray_runtime, folder, index, tmp_path):
    run(folder, index)
    first = index.contents()
    again = FolderIndex(tmp_path / "again")
    again.folder.mkdir()
    how = Preparation(LIMITS.model_copy(update={"workers": 1, "embed_batch": 3}), Chunking(), models=Recognisers(picture=shouted))
    list(ingest([Source("root", "given", folder)], how, lengths, again))
    assert again.contents() == first
    run(folder, index)
    assert index.contents() == first


def test_few_documents_are_read_without_workers_and_nothing_else_comes_of_it(ray_runtime, folder, index, tmp_path):
    finished, problems = run(folder, index)
    here = FolderIndex(tmp_path / "here")
    here.folder.mkdir()
    how = Preparation(LIMITS.model_copy(update={"direct_documents": 100}), Chunking(), models=Recognisers(picture=shouted))
    told, counted = list[Spent](), Counted()
    events = list(ingest([Source("root", "given", folder)], how, counted, here, told.append))
    assert counted.processes == {os.getpid()}
    assert here.contents() == index.contents()
    assert {one.path: one for one in events if isinstance(one, Finished)} == finished
    assert {one.path: one for one in events if isinstance(one, Problem)} == problems
    assert {"read", "parse", "embed", "write"} <= {stage for spent in told for stage in spent.seconds}


def test_what_is_unchanged_is_not_written_again(ray_runtime, folder, index, tmp_path):
    finished, _ = run(folder, index)
    known = KnownHashes({one.document: one.content_hash for one in finished.values()})
    (folder / "00.txt").write_text("Another story.")
    empty = FolderIndex(tmp_path / "second")
    empty.folder.mkdir()
    second, _ = run(folder, empty, unchanged=known)
    assert {path for path, one in second.items() if not one.unchanged} == {"given/00.txt"}
    assert {chunk["text"] for chunk in empty.contents().values()} == {"Another story."}


def test_the_workers_tell_where_their_time_went(ray_runtime, folder, index):
    told: list[Spent] = []
    list(ingest([Source("root", "given", folder)], Preparation(LIMITS, Chunking()), lengths, index, told.append))
    stages = {stage for spent in told for stage in spent.seconds}
    assert {"read", "parse", "clean", "chunk", "compare", "embed", "write"} <= stages


def test_parents_are_written_without_vectors(index):
    how = Preparation(LIMITS, Chunking("parents", 200, 40, 1000))
    (event,) = ingest([Source("doc", "a.txt", text="A short sentence. " * 200)], how, lengths, index)
    assert isinstance(event, Finished)
    chunks = list(index.contents().values())
    assert {chunk["is_parent"] for chunk in chunks if chunk["vector"] is None} == {True}
    assert all(chunk["parent"] is not None for chunk in chunks if chunk["vector"] is not None)


def test_fingerprints_find_duplicates_among_what_went_in(index):
    said = "The keeper went up the stairs and lit the lamp before the fog came in. " * 3
    sources = [Source("one", "one.txt", text=said), Source("two", "two.md", text=f"{said.upper()}\n"), Source("three", "x", text="Else.")]
    events = list(ingest(sources, Preparation(LIMITS, Chunking()), lengths, index))
    prints = [event.fingerprint for event in events if isinstance(event, Finished) and event.fingerprint]
    assert [(one.first, one.second, one.tier) for one in duplicates(prints)] == [("one", "two", "exact")]


def test_the_same_document_given_twice_is_taken_once_and_said(index):
    sources = [Source("one", "one.txt", text="First."), Source("one", "other.txt", text="Second.")]
    events = list(ingest(sources, Preparation(LIMITS, Chunking()), lengths, index))
    assert [event.path for event in events if isinstance(event, Problem)] == ["other.txt"]
    assert [chunk["text"] for chunk in index.contents().values()] == ["First."]


def test_nothing_gives_nothing(index):
    assert list(ingest([], Preparation(LIMITS, Chunking()), lengths, index)) == []


def refusing(texts: Sequence[str]) -> Any:
    raise EngineError("The embedding model is gone.")


@pytest.mark.parametrize("direct", [0, 16])
def test_trouble_of_the_cluster_ends_the_flow(index, direct, request):
    if not direct:
        request.getfixturevalue("ray_runtime")
    how = Preparation(LIMITS.model_copy(update={"direct_documents": direct}), Chunking())
    with pytest.raises(Exception, match=r"The embedding model is gone\."):
        list(ingest([Source("one", "one.txt", text="First.")], how, refusing, index))

"""The index alone, at the size of a large collection, searched in its own process: ``python -m deployments.bench.vector_search``.

Reads one line of JSON, a SearchJob, and prints "ready", then a line with its SearchOutcome.

The vectors are near each other as real ones are: each is a mix of the embeddings of two texts of the evaluation set, and a little
noise. (Independent random numbers have no neighbours, and nothing approximate finds what is not there.) Those that are searched with are
such mixes of questions with texts.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from cluster.bench.evaluation import NORHOLM, load
from cluster.bench.searching import SearchJob, SearchOutcome
from cluster.contracts.retrieval import ChunkRecord, Point, SearchMode, SearchQuery, Space, Span
from cluster.serving.vectors import VectorsArgs
from cluster.settings import VectorSettings
from cluster.specs.retrieval import DEFAULT, RETRIEVAL, RetrievalSettings
from deployments.engines.protocols import EmbeddingEngine
from deployments.engines.registry import load_engine
from deployments.vectors import Vectors

Matrix = npt.NDArray[np.float32]
OWNER = "bench"
NOISE = 0.02
NEAREST = 10
DEFAULTS = RetrievalSettings.load(RETRIEVAL).get(DEFAULT)
MODES: tuple[SearchMode, ...] = ("dense", "sparse", "hybrid")


class Material:
    """``points`` vectors with texts, and ``asked`` others to search with. The same each time."""

    def __init__(self, engine: EmbeddingEngine, points: int, asked: int) -> None:
        found = load(NORHOLM, "test")
        texts, questions = list(found.documents.values()), [question.text for question in found.questions]
        rng = np.random.default_rng(1)
        here, there = _embedded(engine, texts), _embedded(engine, questions)
        pairs = rng.integers(len(texts), size=(points, 2))
        self.vectors = _mixed(here[pairs[:, 0]], here[pairs[:, 1]], rng)
        self.texts = [f"{texts[a]} {texts[b]}" for a, b in pairs]
        chosen = rng.integers(len(questions), size=asked)
        self.asked = _mixed(there[chosen], here[rng.integers(len(texts), size=asked)], rng)
        self.questions = [questions[one] for one in chosen]

    def points(self, size: int) -> Iterator[list[Point]]:
        for start in range(0, len(self.texts), size):
            numbers = range(start, min(start + size, len(self.texts)))
            yield [Point(_record(number, self.texts[number]), self.vectors[number]) for number in numbers]

    def query(self, number: int, mode: SearchMode) -> SearchQuery:
        """As with the default settings."""
        vector = None if mode == "sparse" else self.asked[number]
        return SearchQuery(mode, vector, self.questions[number], limit=NEAREST, candidates=DEFAULTS.candidates, rrf_k=DEFAULTS.rrf_k)

    def nearest(self, number: int) -> set[int]:
        likeness = self.vectors @ self.asked[number]
        return {int(one) for one in np.argpartition(-likeness, NEAREST)[:NEAREST]}


async def measure(job: SearchJob) -> SearchOutcome:
    engine: EmbeddingEngine = load_engine(job.replica)
    space = Space(job.replica.model, engine.variant, engine.dimensions)
    material = Material(engine, job.points, job.searches)
    engine.close()
    settings = VectorSettings(exact_points=job.exact_points, quiet_s=0)
    index = Vectors(VectorsArgs(folder=job.folder, settings=settings))
    began = time.perf_counter()
    for points in material.points(settings.points_per_write):
        await index.upsert(OWNER, space, points)
    written = time.perf_counter()
    meanwhile = await _while_building(index, space, material)
    built = time.perf_counter()
    (state,) = await index.spaces()
    ms, seconds = dict[str, tuple[float, ...]](), dict[str, float]()
    for mode in MODES:
        started = time.perf_counter()
        ms[mode] = await _searched(index, space, material, mode, job)
        seconds[mode] = time.perf_counter() - started
    recall = await _recall(index, space, material, job.searches)
    used = int(psutil.Process().memory_full_info().pss)
    index.close()
    return SearchOutcome(
        indexed=state.indexed,
        write_s=written - began,
        build_s=built - written,
        ms=ms,
        seconds=seconds,
        building_ms=meanwhile,
        recall=recall,
        pss_bytes=used,
        disk_bytes=_size(Path(job.folder)),
    )


async def _while_building(index: Vectors, space: Space, material: Material) -> tuple[float, ...]:
    """What one client waits, ten times a second, until the index is built. What keeps the loop from turning is in it too."""
    await index.check_health()
    building = asyncio.create_task(index.built())
    waits, number = list[float](), 0
    while not building.done():
        due = time.perf_counter()
        await asyncio.create_task(index.search(OWNER, space, material.query(number % len(material.asked), "hybrid")))
        waits.append((time.perf_counter() - due) * 1000)
        slept = time.perf_counter()
        await asyncio.wait([building], timeout=0.1)
        waits.append(max(0.0, (time.perf_counter() - slept - 0.1) * 1000))
        number += 1
    await building
    return tuple(waits)


async def _searched(index: Vectors, space: Space, material: Material, mode: SearchMode, job: SearchJob) -> tuple[float, ...]:
    numbers = iter(range(job.searches))
    waits = list[float]()

    async def client() -> None:
        for number in numbers:
            asked = time.perf_counter()
            # A task of its own: it waits behind those of the other clients, as a request does.
            await asyncio.create_task(index.search(OWNER, space, material.query(number, mode)))
            waits.append((time.perf_counter() - asked) * 1000)

    async with asyncio.TaskGroup() as group:
        for _ in range(job.clients):
            group.create_task(client())
    return tuple(waits)


async def _recall(index: Vectors, space: Space, material: Material, searches: int) -> float:
    found = 0
    for number in range(searches):
        hits = await index.search(OWNER, space, material.query(number, "dense"))
        found += len(material.nearest(number) & {int(hit.chunk.document) for hit in hits})
    return found / (NEAREST * searches)


def _size(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _embedded(engine: EmbeddingEngine, texts: list[str]) -> Matrix:
    return np.concatenate([engine.embed(engine.tokenize([text], True)) for text in texts])


def _mixed(some: Matrix, others: Matrix, rng: np.random.Generator) -> Matrix:
    share = rng.uniform(0.5, 0.9, size=(len(some), 1)).astype(np.float32)
    mixed = share * some + (1 - share) * others + rng.normal(0, NOISE, size=some.shape).astype(np.float32)
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), dtype=np.float32)


def _record(number: int, text: str) -> ChunkRecord:
    return ChunkRecord(OWNER, "large", str(number), 1, 0, text, Span(0, len(text)))


if __name__ == "__main__":
    wanted = SearchJob.model_validate_json(sys.stdin.readline())
    sys.stdout.write("ready\n")
    sys.stdout.write(asyncio.run(measure(wanted)).model_dump_json() + "\n")
    sys.stdout.flush()

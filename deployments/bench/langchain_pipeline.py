"""The peer of the ingest bench, one process of LangChain's: load, split, embed, store. ``python -m deployments.bench.langchain_pipeline``.

Reads one line of JSON, a PipeSpec, loads the model, prints "ready", and waits for another line to begin; then prints a line with what it
did. The store is LangChain's in memory: the cheapest there is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from langchain_community.document_loaders import BSHTMLLoader, Docx2txtLoader, PyPDFium2Loader, TextLoader
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter
from sentence_transformers import SentenceTransformer

from cluster.bench.piping import Piped, PipeSpec
from deployments.engines.protocols import EmbeddingEngine
from deployments.engines.registry import load_engine

BATCH = 64
LOADERS: dict[str, Callable[[str], Any]] = {
    ".txt": TextLoader,
    ".md": TextLoader,
    ".html": lambda path: BSHTMLLoader(path, bs_kwargs={"features": "html.parser"}),
    ".docx": Docx2txtLoader,
    ".pdf": PyPDFium2Loader,
}


class Transformer(Embeddings):
    """What langchain-huggingface does: sentence-transformers, on as many threads as it is given."""

    def __init__(self, folder: str) -> None:
        self._model = SentenceTransformer(folder, device="cpu")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class Engine(Embeddings):
    """Hearth's own engine in this process, texts of like length together, as its batches are, and in as many threads."""

    def __init__(self, engine: EmbeddingEngine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(engine.lanes or 1)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        tokens = self._engine.tokenize(texts, True)
        order = sorted(range(len(texts)), key=lambda at: len(tokens[at]))
        size = max(1, self._engine.batch_tokens // max(map(len, tokens)))
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        vectors = np.concatenate(list(self._threads.map(self._engine.embed, [[tokens[at] for at in part] for part in parts])))
        found: list[list[float]] = vectors[np.argsort(order)].tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class Pipeline:
    def __init__(self, spec: PipeSpec, embeddings: Embeddings) -> None:
        self._spec = spec
        self._store = InMemoryVectorStore(embeddings)
        self._splitter = RecursiveCharacterTextSplitter(chunk_size=spec.chunk_chars, chunk_overlap=spec.overlap_chars)

    def run(self) -> Piped:
        """The whole folder."""
        seconds = dict.fromkeys(("load", "split", "embed and store"), 0.0)
        paths, chunks = sorted(Path(self._spec.folder).iterdir()), list[Document]()
        for path in paths:
            loaded = _timed(seconds, "load", LOADERS[path.suffix](str(path)).load)
            chunks += _timed(seconds, "split", partial(self._splitter.split_documents, loaded))
        for start in range(0, len(chunks), BATCH):
            _timed(seconds, "embed and store", partial(self._store.add_documents, chunks[start : start + BATCH]))
        return Piped(documents=len(paths), chunks=len(chunks), seconds=seconds)


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    done = work()
    seconds[stage] += time.perf_counter() - began
    return done


def main() -> None:
    spec = PipeSpec.model_validate_json(sys.stdin.readline())
    torch.set_num_threads(spec.threads)
    embeddings = Engine(load_engine(spec.replica)) if spec.replica is not None else Transformer(str(spec.model))
    embeddings.embed_query("The first is slow.")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.readline():
        sys.stdout.write(Pipeline(spec, embeddings).run().model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

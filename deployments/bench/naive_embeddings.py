"""Embeddings as one writes them first: FastAPI, sentence-transformers, one call of the model for each request.

``python -m deployments.bench.naive_embeddings PORT`` reads a NaiveSpec from stdin and prints "ready"; the end of stdin ends it.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer


class NaiveSpec(BaseModel):
    """``path`` of a sentence-transformers folder."""

    path: str


def build(spec: NaiveSpec) -> FastAPI:
    model = SentenceTransformer(spec.path, device="cpu")
    app = FastAPI()

    # A plain function: FastAPI calls it in its thread pool, which is twice as fast here as computing on the event loop.
    @app.post("/v1/embeddings")
    def embed(body: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        vector = model.encode([body["input"]], normalize_embeddings=True)[0]
        return {"data": [{"embedding": vector.tolist(), "index": 0}]}

    return app


def main() -> None:
    app = build(NaiveSpec.model_validate_json(sys.stdin.readline()))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()

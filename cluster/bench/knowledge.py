"""Collections of a running cluster, as the benches fill and search them: over HTTP, like everybody."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from cluster.bench.hearth import Hearth
from cluster.errors import EngineError

# Files of one upload.
UPLOAD_FILES = 200
ENDED = frozenset({"succeeded", "failed", "cancelled"})
LOOK_S = 0.2
# An upload is answered when its files are on disk.
TIMEOUT_S = 600.0


class Knowledge:
    """Used as a context manager. Raises EngineError for what is not answered as it should be."""

    def __init__(self, hearth: Hearth) -> None:
        headers = {"Authorization": f"Bearer {hearth.key}"}
        self._http = httpx.Client(base_url=f"{hearth.url}/api/v1", timeout=TIMEOUT_S, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def collection(self, name: str) -> str:
        """The id of a new one."""
        return str(self._asked("POST", "collections", json={"name": name})["id"])

    def upload(self, collection: str, files: Iterable[tuple[str, bytes]]) -> list[str]:
        """Named contents; the ids of the jobs that ingest them, in order."""
        jobs, part = dict[str, None](), list[tuple[str, bytes]]()
        for file in files:
            part.append(file)
            if len(part) == UPLOAD_FILES:
                jobs[self._sent(collection, part)] = None
                part = []
        if part:
            jobs[self._sent(collection, part)] = None
        return list(jobs)

    def finished(self, jobs: Sequence[str]) -> list[dict[str, Any]]:
        """The jobs when they have ended, all of them well."""
        return [self._finished(job) for job in jobs]

    def search(self, collection: str, question: str, limit: int, overrides: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        """Hits, the best first, and notes."""
        body = {"question": question, "collections": [collection], "limit": limit, "overrides": overrides}
        found = self._asked("POST", "retrieval/search", json=body)
        return found["hits"], found["notes"]

    def _finished(self, job: str) -> dict[str, Any]:
        while True:
            seen = self._asked("GET", f"jobs/{job}")
            if seen["state"] in ENDED:
                break
            time.sleep(LOOK_S)
        if seen["state"] != "succeeded" or seen["result"]["failed"]:
            raise EngineError(f"An ingestion of the bench is {seen['state']}: {seen['error'] or seen['result']}.")
        return seen

    def _sent(self, collection: str, files: Sequence[tuple[str, bytes]]) -> str:
        parts = [("files", file) for file in files]
        return str(self._asked("POST", f"collections/{collection}/documents", files=parts)["job_id"])

    def _asked(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        answer = self._http.request(method, path, **given)
        if not answer.is_success:
            raise EngineError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        data: dict[str, Any] = answer.json()["data"]
        return data


def read(paths: Iterable[Path], root: Path) -> Iterable[tuple[str, bytes]]:
    """Files by their names below ``root``, read one by one."""
    return ((path.relative_to(root).as_posix(), path.read_bytes()) for path in paths)

"""kill -9 of a whole cluster in the middle of an ingestion and of a training: after `up` everything is there, and once.

On a cluster of its own. CRASH_DOCUMENTS says how many documents go in; the default keeps the test short, and
`CRASH_DOCUMENTS=2000 ./hearth test tests/system/test_crash.py` is the whole of it.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from filelock import FileLock

from cluster.contracts.retrieval import ChunkRecord
from cluster.home import Home
from cluster.learning.tuning.folders import Figures, read_metrics, tuning_folder
from cluster.runtime.ports import free_ports
from cluster.runtime.processes import ours, sweep
from cluster.serving.vectors import VectorsArgs
from deployments.vectors import Vectors
from tests.conftest import hearth_command
from tests.fine_tuning import herd_file
from training.nano.checkpoint import load_checkpoint

DOCUMENTS = int(os.environ.get("CRASH_DOCUMENTS", "100"))
PATIENCE_S = 900 + DOCUMENTS
ENDED = {"succeeded", "failed", "cancelled"}
PAGE = 500
# Of 54 examples, a few at a time, over and over; looked at so often that there is a checkpoint every few steps.
LONG = {"epochs": 100, "batch_size": 4, "rank": 4, "max_tokens": 128, "evaluations": 200, "patience": 0}

pytestmark = pytest.mark.timeout(2 * PATIENCE_S)


@dataclass(frozen=True)
class Training:
    job: uuid.UUID
    folder: Path

    def saved(self) -> int:
        """The step of its checkpoint; 0 for none."""
        checkpoint = load_checkpoint(self.folder)
        return checkpoint.step if checkpoint is not None else 0

    def figures(self, first: float = 1, last: float = inf) -> list[Figures]:
        """Of these steps."""
        return [figures for figures in read_metrics(self.folder) if first <= figures["step"] <= last]


class Embedder:
    """A cluster that serves an embedding model and nothing else."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self._port = free_ports(1)[0]
        self._profile = folder / "embedder.yaml"
        self._profile.write_text(
            "name: embedder\ndescription: One model.\ndevices: cpu\nmodels: [{model: all-minilm-l6-v2, pinned: true}]\n"
        )

    def up(self) -> None:
        done = hearth_command(
            "up", "--detach", "--profile", str(self._profile), "--port", str(self._port), home=self.home, timeout_s=PATIENCE_S
        )
        assert done.returncode == 0, done.stderr

    def ask(self, path: str, **given: Any) -> Any:
        shown = {"Authorization": f"Bearer {self.home.admin_key.read_text().strip()}"}
        method = "POST" if "json" in given else "GET"
        answer = httpx.request(method, f"http://127.0.0.1:{self._port}/api/v1/{path}", headers=shown, timeout=60, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def documents(self, collection: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.ask(f"collections/{collection}/documents", params={"limit": PAGE, **cursor})
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def ready(self, collection: str) -> int:
        counts: dict[str, int] = self.ask(f"collections/{collection}")["documents"]
        return counts.get("ready", 0)

    def train(self) -> Training:
        """Begins one that lasts for minutes, with many checkpoints."""
        shown = {"Authorization": f"Bearer {self.home.admin_key.read_text().strip()}"}
        files = {"file": ("herd.jsonl", herd_file(60))}
        sent = httpx.post(f"http://127.0.0.1:{self._port}/v1/files", headers=shown, data={"purpose": "fine-tune"}, files=files, timeout=60)
        assert sent.status_code == 200, sent.text
        body = {"model": "hearth-nano", "training_file": sent.json()["id"], "hyperparameters": LONG}
        job = uuid.UUID(self.ask("fine-tuning/start", json=body)["id"])
        return Training(job, tuning_folder(self.home, uuid.UUID(self.ask("auth/verify", json={})["organisation_id"]), job))

    def kill(self) -> None:
        """Every process at once, whoever watches over whom, until none comes back."""
        while living := ours(self.home):
            for process in living:
                _kill(process)
            psutil.wait_procs(living, timeout=10)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Embedder]:
    home = Home(tmp_path / "home")
    yield Embedder(home, tmp_path)
    sweep(home)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    place = tmp_path / "reports"
    place.mkdir()
    for number in range(DOCUMENTS):
        words = " ".join(f"Measurement {line} of station {number} is {line * number}." for line in range(60))
        (place / f"{number:04}.txt").write_text(f"Report Zz{number:04}x. {words}")
    return place


async def test_what_was_begun_is_done_once_although_the_whole_cluster_is_killed(cluster: Embedder, reports: Path):
    cluster.up()
    training = cluster.train()
    wait_for(lambda: training.saved() > 0)
    done = hearth_command("ingest", str(reports), "-c", "reports", "--json", "--no-wait", home=cluster.home, timeout_s=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    collection, jobs = told["collection"], told["jobs"]
    wait_for(lambda: cluster.ready(collection) > 0)
    assert cluster.ready(collection) < DOCUMENTS, "it is killed in the middle"
    cluster.kill()
    saved = training.saved()
    learned = training.figures(last=saved)
    cluster.up()
    goes_on(cluster, training, learned, saved)
    wait_for(lambda: all(cluster.ask(f"jobs/{job}")["state"] in ENDED for job in jobs))
    assert {cluster.ask(f"jobs/{job}")["state"] for job in jobs} == {"succeeded"}
    documents = cluster.documents(collection)
    assert {document["state"] for document in documents} == {"ready"}
    assert sorted(document["path"] for document in documents) == [f"reports/{number:04}.txt" for number in range(DOCUMENTS)]
    for number in range(0, DOCUMENTS, max(1, DOCUMENTS // 10)):
        body = {"question": f"Zz{number:04}x", "collections": [collection], "settings": "keywords", "limit": 20}
        assert {hit["path"] for hit in cluster.ask("retrieval/search", json=body)["hits"]} == {f"reports/{number:04}.txt"}
    organisation = cluster.ask("auth/verify", json={})["organisation_id"]
    assert hearth_command("down", home=cluster.home).returncode == 0
    expected = sorted((document["id"], number) for document in documents for number in range(document["chunks"]))
    indexed = [(chunk.document, chunk.number) for chunk in await chunks(cluster.home, organisation)]
    assert sorted(indexed) == expected


def goes_on(cluster: Embedder, training: Training, learned: list[Figures], saved: int) -> None:
    """What was learned before the checkpoint is not learned again, and the turn on the CPU is given back when it ends."""
    wait_for(lambda: training.saved() > saved)
    assert training.figures(last=saved) == learned, "with the seconds that each of them took then"
    assert cluster.ask(f"jobs/{training.job}")["attempt"] == 2
    cluster.ask(f"fine-tuning/{training.job}/cancel", json={})
    wait_for(lambda: cluster.ask(f"jobs/{training.job}")["state"] in ENDED)
    with FileLock(cluster.home.run / "fine-tuning.lock", timeout=60):
        assert cluster.ask(f"jobs/{training.job}")["state"] == "cancelled"


async def chunks(home: Home, organisation: str) -> list[ChunkRecord]:
    """All that the index of the cluster, which is down, has."""
    vectors = Vectors(VectorsArgs(folder=str(home.vectors)))
    try:
        (state,) = await vectors.spaces()
        found: list[ChunkRecord] = []
        after: str | None = None
        while True:
            page = await vectors.scroll(organisation, state.space, after=after)
            found += page.chunks
            if page.next is None:
                return found
            after = page.next
    finally:
        vectors.close()


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)

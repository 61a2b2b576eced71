"""A folder goes in and is found, on a running cluster, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import tenacity

from tests.conftest import RunningHearth
from tests.pipelines.conftest import mail_file, pdf_file, picture, word_file, zip_file

DOCUMENTS = 60
PATIENCE_S = 240


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "office"
    place.mkdir()
    files = {
        "keys.md": b"# Keys\n\nThe key of the lighthouse hangs behind the blue door.",
        "terms.pdf": pdf_file(3, scanned=frozenset({2})),
        "rules.docx": word_file(),
        "fog.png": picture(),
        "all.zip": zip_file({"ferry.txt": "The ferry to Norholm leaves at seven.", "mail.eml": mail_file(c__csv=b"a,b\n1,2\n")}),
        "empty.txt": b"",
        "locked.pdf": pdf_file(1, password="x"),
    }
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


@pytest.fixture
def many(tmp_path: Path) -> Path:
    place = tmp_path / "reports"
    place.mkdir()
    for number in range(DOCUMENTS):
        words = " ".join(f"Measurement {line} of station {number} is {line * number}." for line in range(60))
        (place / f"{number:02}.txt").write_text(f"Report Zz{number:02}x. {words}")
    return place


patient = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(httpx.TransportError),
    wait=tenacity.wait_fixed(1),
    stop=tenacity.stop_after_delay(PATIENCE_S),
    reraise=True,
)


class Knowledge:
    """The cluster's knowledge, as its admin has it."""

    def __init__(self, hearth: RunningHearth, client: httpx.Client) -> None:
        self.hearth = hearth
        self._client = client

    def ask(self, method: str, path: str, **given: Any) -> Any:
        # An API that was just killed may be leaving; what only reads is asked again, as a client does.
        answer = patient(self._client.request, method, path, **given) if method == "GET" else self._client.request(method, path, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ingest(self, place: Path, collection: str, *words: str) -> dict[str, Any]:
        done = self.hearth.run("ingest", str(place), "-c", collection, "--json", *words)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        found = self.ask("GET", f"collections/{collection}/documents", params={"limit": 500})["items"]
        return {document["path"]: document for document in found}

    def hits(self, question: str, collection: str, **more: Any) -> list[dict[str, Any]]:
        found = self.ask("POST", "retrieval/search", json={"question": question, "collections": [collection], **more})["hits"]
        assert isinstance(found, list)
        return found

    def until_done(self, jobs: Sequence[str]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            states = [self._state(job) for job in jobs]
            if all(state is not None and state["state"] in {"succeeded", "failed", "cancelled"} for state in states):
                return [state for state in states if state is not None]
            assert time.monotonic() < deadline, states
            time.sleep(0.5)

    def _state(self, job: str) -> dict[str, Any] | None:
        """None while the API is away."""
        try:
            answer = self._client.get(f"jobs/{job}")
            return answer.json()["data"] if answer.is_success else None
        except httpx.TransportError:
            return None


@pytest.fixture
def knowledge(hearth: RunningHearth) -> Iterator[Knowledge]:
    with httpx.Client(base_url=f"{hearth.base_url}/api/v1", headers=hearth.shown, timeout=60) as client:
        yield Knowledge(hearth, client)


def test_a_folder_of_mixed_files_goes_in_and_the_right_place_is_found(knowledge: Knowledge, folder: Path):
    told = knowledge.ingest(folder, "office")
    assert {document["path"]: document["reason"] for document in told["failed"]} == {
        "office/empty.txt": "It is empty.",
        "office/locked.pdf": "It is a PDF protected by a password; save it without one.",
    }
    collection = told["collection"]
    (best, *_) = knowledge.hits("Where does the key of the lighthouse hang?", collection)
    assert best["path"] == "office/keys.md"
    span = knowledge.ask("GET", f"documents/{best['document_id']}/text", params=best["span"])
    assert "behind the blue door" in span["text"]
    assert span["text"] == best["text"]
    assert knowledge.hits("When does the ferry leave?", collection)[0]["path"] == "office/all.zip/ferry.txt"
    scanned = {document["path"]: document for document in knowledge.documents(collection).values()}
    assert scanned["office/terms.pdf"]["pages"] == 3


def test_what_has_not_changed_is_left_alone_and_what_has_is_found_as_it_is_now(knowledge: Knowledge, folder: Path):
    (folder / "long.txt").write_text(" ".join(f"The harbour has {number} boats." for number in range(100)))
    knowledge.ask("POST", "collections", json={"name": "changing", "chunking": {"strategy": "tokens", "size": 60, "overlap": 0}})
    first = knowledge.ingest(folder, "changing")
    (folder / "empty.txt").unlink()
    (folder / "locked.pdf").unlink()
    assert knowledge.ingest(folder, "changing")["uploaded"] == {"new": 0, "changed": 0, "unchanged": 6}
    (folder / "keys.md").write_bytes(b"# Keys\n\nThe key of the lighthouse lies under the red stone.")
    again = knowledge.ingest(folder, "changing")
    assert again["uploaded"] == {"new": 0, "changed": 1, "unchanged": 5}
    collection = first["collection"]
    boats = [hit["text"] for hit in knowledge.hits("boats in the harbour", collection, limit=20) if hit["path"] == "office/long.txt"]
    assert {text.count("boats") for text in boats} == {10}  # six tokens each
    texts = [hit["text"] for hit in knowledge.hits("Where is the key of the lighthouse?", collection, limit=20)]
    assert any("red stone" in text for text in texts)
    assert not any("blue door" in text for text in texts)
    keys = knowledge.documents(collection)["office/keys.md"]
    assert (keys["version"], keys["state"]) == (2, "ready")
    knowledge.ask("DELETE", f"documents/{keys['id']}")
    assert not any("red stone" in hit["text"] for hit in knowledge.hits("key of the lighthouse", collection, limit=20))


@pytest.mark.parametrize("victim", ["pipelines.ingest", "ServeReplica:vectors", "ServeReplica:api", "MapWorker"])
def test_every_document_is_ingested_once_although_a_process_is_killed(knowledge: Knowledge, many: Path, victim: str):
    collection = f"killed-{victim.partition(':')[0]}"
    told = knowledge.ingest(many, collection, "--no-wait")
    await_some(lambda: sum(one["state"] == "ready" for one in knowledge.documents(told["collection"]).values()))
    kill(knowledge.hearth, victim)
    assert [job["state"] for job in knowledge.until_done(told["jobs"])] == ["succeeded"] * len(told["jobs"])
    documents = knowledge.documents(told["collection"])
    assert {document["state"] for document in documents.values()} == {"ready"}
    assert len(documents) == DOCUMENTS
    for number in range(0, DOCUMENTS, 7):
        hits = knowledge.hits(f"Zz{number:02}x", told["collection"], settings="keywords", limit=20)
        assert [hit["path"] for hit in hits] == [f"reports/{number:02}.txt"]


def await_some(ready: Callable[[], int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready() > 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill(hearth: RunningHearth, name: str) -> None:
    """kill -9 of one process of the cluster whose command line or title holds ``name``."""
    listed = subprocess.run(["pgrep", "-f", name], capture_output=True, text=True, check=False).stdout.split()
    ours = [int(pid) for pid in listed if belongs(int(pid), hearth)]
    assert ours, f"no process {name}"
    os.kill(ours[0], signal.SIGKILL)


def belongs(pid: int, hearth: RunningHearth) -> bool:
    try:
        return hearth.home.mark.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False

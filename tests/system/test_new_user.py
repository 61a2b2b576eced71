"""A new user: gives a folder on the command line and files over HTTP, asks, and opens the place that the answer cites."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from cluster.retrieval.briefing import NOT_FOUND
from tests.conftest import RunningHearth
from tests.pipelines.conftest import mail_file, word_file, zip_file

PATIENCE_S = 600
ENDED = {"succeeded", "failed", "cancelled"}
PEOPLE = "Nora Feld lives in Sudale. Nora Feld works at Brel Foods. The opening hours of the office are from 9 to 5."
TERMS = ("The contract is about the supply of bread.", "The monthly price is 450 euros. The notice period of the contract is three months.")

pytestmark = pytest.mark.timeout(1200)


def contract() -> bytes:
    """A PDF with a line of text on each page."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for line in TERMS:
        canvas.setFont("Helvetica", 11)
        canvas.drawString(72, 700, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "office"
    place.mkdir()
    files = {
        "people.md": f"# Office\n\n{PEOPLE}\n".encode(),
        "rules.docx": word_file(),
        "post.zip": zip_file({"fog.eml": mail_file(tides__csv=b"day,height\n1,0.5\n")}),
        "nothing.txt": b"",
    }
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


class NewUser:
    """Somebody with an address and a key."""

    def __init__(self, hearth: RunningHearth) -> None:
        self.hearth = hearth
        self.http = httpx.Client(base_url=hearth.base_url, headers=hearth.shown, timeout=120)
        self.ai = openai.OpenAI(base_url=f"{hearth.base_url}/v1", api_key=hearth.key, timeout=120, max_retries=0)

    def close(self) -> None:
        self.http.close()
        self.ai.close()

    def call(self, method: str, path: str, **given: Any) -> Any:
        answer = self.http.request(method, f"/api/v1/{path}", **given)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def upload(self, collection: str, files: dict[str, bytes]) -> None:
        """Over HTTP, and until its job is done."""
        job = self.call("POST", f"collections/{collection}/documents", files=[("files", pair) for pair in files.items()])["job_id"]
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.call("GET", f"jobs/{job}"))["state"] not in ENDED:
            assert time.monotonic() < deadline, state
            time.sleep(0.2)
        assert state["state"] == "succeeded", state

    def opened(self, citation: dict[str, Any]) -> str:
        """What stands in the document where the citation points."""
        return str(self.call("GET", f"documents/{citation['document_id']}/text", params=citation["span"])["text"])


@pytest.fixture
def user(hearth: RunningHearth) -> Iterator[NewUser]:
    user = NewUser(hearth)
    yield user
    user.close()


def test_a_new_user_gives_documents_asks_and_opens_the_place_that_is_cited(user: NewUser, folder: Path):
    done = user.hearth.run("ingest", str(folder), "-c", "walk", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert [document["path"] for document in told["failed"]] == ["office/nothing.txt"]
    user.upload(told["collection"], {"terms/contract.pdf": contract()})
    _asks_and_streams(user)
    _talks(user)
    _is_told_that_nothing_is_there(user)
    user.call("DELETE", f"collections/{told['collection']}")


def _asks_and_streams(user: NewUser) -> None:
    message = _asked(user, "Where does Nora Feld live?")
    assert message["content"] == "Sudale"
    (citation,) = message["citations"]
    assert (citation["path"], citation["attributed"]) == ("office/people.md", True)
    assert user.opened(citation) == citation["quote"] == "Nora Feld lives in Sudale."
    price = _streamed(user, "What is the monthly price?")
    assert price["content"] == "450 euros"
    (citation,) = price["citations"]
    assert (citation["path"], citation["page"]) == ("terms/contract.pdf", 2)
    assert user.opened(citation) == citation["quote"] == "The monthly price is 450 euros."


def _talks(user: NewUser) -> None:
    """In a conversation that the collection is attached to; the answer is prepared, then read, then saved."""
    made = user.call("POST", "chat/conversations", json={"knowledge": {"collections": ["walk"]}})
    path = f"chat/conversations/{made['id']}"
    prepared = user.call(
        "POST", f"{path}/prepare-stream", json={"model": "hearth-nano", "content": "What is the notice period of the contract?"}
    )
    assert user.http.get(prepared["stream_url"]).is_success
    *_, message = user.call("GET", f"{path}/messages")["items"]
    assert message["text"] == "three months"
    (citation,) = message["citations"]
    assert user.opened(citation) == "The notice period of the contract is three months."
    user.call("DELETE", path, params={"hard_delete": True})


def _is_told_that_nothing_is_there(user: NewUser) -> None:
    wish = {"settings": "keywords"}
    message = _asked(user, "Zeppelins?", **wish)
    assert (message["content"], message["citations"]) == (NOT_FOUND, [])


def _asked(user: NewUser, question: str, **wish: Any) -> dict[str, Any]:
    body = {"knowledge": {"collections": ["walk"], **wish}}
    answer = user.ai.chat.completions.create(model="hearth-nano", messages=[{"role": "user", "content": question}], extra_body=body)
    return answer.choices[0].message.model_dump()


def _streamed(user: NewUser, question: str) -> dict[str, Any]:
    body = {"knowledge": {"collections": ["walk"]}}
    stream = user.ai.chat.completions.create(
        model="hearth-nano", messages=[{"role": "user", "content": question}], stream=True, extra_body=body
    )
    deltas = [chunk.choices[0].delta for chunk in stream]
    extra = deltas[-1].model_extra or {}
    return {"content": "".join(delta.content or "" for delta in deltas), "citations": extra["citations"]}

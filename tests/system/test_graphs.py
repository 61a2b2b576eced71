"""Somebody runs a graph: on the command line, over HTTP with its events, as a model, and with its tools from an MCP client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import openai
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from cluster.bench.graph_letters import picture, scanned, typed
from tests.conftest import RunningHearth
from tests.system.test_knowledge import PATIENCE_S, kill, patient

QUESTION = "Where does Nora Feld live?"
# Says something, waits long enough to be killed, asks a model and writes what it said into a file, once.
STEPS: dict[str, Any] = {
    "name": "steps",
    "input": {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]},
    "output": {"answer": "state.said", "file": "state.kept.path"},
    "start": "begin",
    "nodes": {
        "begin": {"kind": "tool", "tool": "files_append", "arguments": {"path": "log.txt", "content": "begun\n"}, "then": "rest"},
        "rest": {"kind": "wait", "seconds": 3, "then": "said"},
        "said": {
            "kind": "llm",
            "model": "hearth-nano",
            "temperature": 0,
            "user": "Passage: Nora Feld lives in Sudale.\n\nQuestion: {{ input.question }}",
            "then": "kept",
        },
        "kept": {"kind": "tool", "tool": "files_append", "arguments": {"path": "log.txt", "content": "= state.said"}},
    },
}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def http(hearth: RunningHearth) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hearth.base_url, headers=hearth.shown, timeout=120) as client:
        yield client


def data(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()["data"]


@pytest.fixture
def office(hearth: RunningHearth, http: httpx.Client, tmp_path: Any) -> Iterator[str]:
    """A collection with one document."""
    (tmp_path / "people.md").write_text("Nora Feld lives in Sudale. Nora Feld works at Brel Foods.")
    done = hearth.run("ingest", str(tmp_path / "people.md"), "-c", "graphs", "--json")
    assert done.returncode == 0, done.stderr
    yield "graphs"
    data(http.delete(f"/api/v1/collections/{json.loads(done.stdout.splitlines()[-1])['collection']}"))


def test_a_shipped_graph_answers_from_a_document_on_the_command_line_and_as_a_model(hearth: RunningHearth, office: str):
    asked = (f"question={QUESTION}", f'collections=["{office}"]')
    done = hearth.run("graph", "run", "answer", *asked, "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert run["output"]["answer"] == "Sudale [1]"
    assert [citation["path"] for citation in run["output"]["citations"]] == ["people.md"]
    shown = hearth.run("graph", "show", run["id"])
    assert shown.returncode == 0, shown.stderr
    assert "succeeded" in shown.stdout
    with openai.OpenAI(base_url=f"{hearth.base_url}/v1", api_key=hearth.key, timeout=120, max_retries=0) as ai:
        assert "agent/answer" in [model.id for model in ai.models.list()]
        messages: Any = [{"role": "user", "content": QUESTION}]
        whole = ai.chat.completions.create(model="agent/answer", messages=messages)
        pieces = list(ai.chat.completions.create(model="agent/answer", messages=messages, stream=True))
    # As a model it searches everything there is, other documents of this cluster included.
    everywhere = hearth.run("graph", "run", "answer", f"question={QUESTION}", "--json")
    assert everywhere.returncode == 0, everywhere.stderr
    answer = json.loads(everywhere.stdout)["output"]["answer"]
    assert answer
    assert whole.choices[0].message.content == answer
    assert whole.usage is not None
    assert whole.usage.completion_tokens > 0
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == answer


def test_passages_that_are_too_long_for_the_model_are_cut_and_not_the_end_of_the_run(
    hearth: RunningHearth, http: httpx.Client, tmp_path: Any
):
    for number in range(4):
        (tmp_path / f"{number}.md").write_text(f"Η Νόρα μένει στο Σουντάλε, αριθμός {number}. " + "Το σπίτι έχει πράσινη πόρτα. " * 20)
    done = hearth.run("ingest", str(tmp_path), "-c", "greek", "--json")
    assert done.returncode == 0, done.stderr
    ran = hearth.run("graph", "run", "answer", "question=Πού μένει η Νόρα;", 'collections=["greek"]', "--json")
    assert ran.returncode == 0, ran.stderr
    run = json.loads(ran.stdout)
    data(http.delete(f"/api/v1/collections/{json.loads(done.stdout.splitlines()[-1])['collection']}"))
    assert run["output"]["answer"]
    taken = data(http.get(f"/api/v1/workflows/runs/{run['id']}/steps"))
    assert "shorter#1" in json.dumps(taken)


@pytest.mark.parametrize("victim", ["ServeReplica:agents", "ServeReplica:api"])
def test_a_run_whose_process_is_killed_is_finished_by_the_next_and_its_tools_are_called_once(
    hearth: RunningHearth, http: httpx.Client, victim: str
):
    run = data(http.post("/api/v1/workflows/execute", json={"spec": STEPS, "input": {"question": QUESTION}}))
    path = f"/api/v1/workflows/runs/{run['id']}"
    told = events(http, path, until=lambda event: event.get("node") == "begin" and event.get("state") == "succeeded")
    kill(hearth, victim)
    told += events(http, path, after=told[-1]["id"])
    assert [event["state"] for event in told if event["type"] == "state"][-1] == "succeeded"
    ended = data(patient(http.get, path))
    assert ended["output"] == {"answer": "Sudale", "file": "log.txt"}
    done = [event["key"] for event in told if event["type"] == "step" and event["state"] == "succeeded"]
    assert sorted(done) == ["begin#1", "kept#1", "rest#1", "said#1"]
    log = patient(http.get, f"/api/v1/workspaces/run-{run['id']}/files/log.txt")
    assert log.text == "begun\nSudale"


def events(http: httpx.Client, path: str, *, after: int = 0, until: Any = lambda _: False) -> list[dict[str, Any]]:
    """Those behind ``after``, to the end or the first for which ``until`` holds; a reader that is cut off reads on."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        seen = found[-1]["id"] if found else after
        try:
            with http.stream("GET", f"{path}/events", headers={"Last-Event-ID": str(seen)}) as answer:
                if answer.status_code == 204:
                    return found
                number = 0
                for line in answer.iter_lines():
                    if line.startswith("id: "):
                        number = int(line.removeprefix("id: "))
                    elif line.startswith("data: {"):
                        found.append({"id": number, **json.loads(line.removeprefix("data: "))})
                        if until(found[-1]) or (found[-1].get("state") == "succeeded" and found[-1]["type"] == "state"):
                            return found
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(found)


def test_a_pdf_is_triaged_on_the_command_line_and_filed(hearth: RunningHearth, http: httpx.Client, tmp_path: Any):
    text = "Invoice number 7. Mira Velden owes Brel Foods 30 euros."
    files = {"typed.pdf": typed(text), "scan.pdf": scanned(text), "scan.png": picture(text)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        done = hearth.run("graph", "run", "triage", "--file", f"file={tmp_path / name}", "--json")
        assert done.returncode == 0, done.stderr
        run = json.loads(done.stdout)
        assert "Mira Velden owes Brel Foods" in " ".join(run["output"]["text"].split()), name
        kept = patient(http.get, f"/api/v1/workspaces/run-{run['id']}/files/{run['output']['path']}").json()
        assert (kept["label"], kept["text"]) == (run["output"]["label"], run["output"]["text"])


def test_what_is_to_be_done_waits_among_the_tasks_until_somebody_has_done_it(hearth: RunningHearth, http: httpx.Client):
    given = {"task_type": "todo", "parameters": {"task": "Call the glazier", "owner": "Ada"}}
    spec = {
        "name": "hands_in",
        "output": {"task": "state.made.task"},
        "start": "made",
        "nodes": {"made": {"kind": "tool", "tool": "task_create", "arguments": given}},
    }
    run = data(http.post("/api/v1/workflows/execute", json={"spec": spec, "wait_s": 60}))
    task = run["output"]["task"]
    path = f"/api/v1/workflows/runs/{task}"
    told = events(http, path, until=lambda event: event["type"] == "state" and event.get("state") == "waiting")
    waiting = data(http.get("/api/v1/tasks", params={"task_type": "todo", "status": "waiting"}))["tasks"]
    assert task in [one["id"] for one in waiting]
    assert data(http.get(path))["pending"][0]["ask"] == "Ada: Call the glazier"
    assert hearth.run("graph", "answer", task, '{"done": true}').returncode == 0
    assert events(http, path, after=told[-1]["id"])[-1]["state"] == "succeeded"
    assert data(http.get(f"/api/v1/tasks/{task}/result"))["data"] == {"done": True, "note": None, "task": "Call the glazier"}


def test_a_person_has_an_agent_drafted_saves_it_and_asks_it(hearth: RunningHearth, http: httpx.Client):
    """With the nano model, which gives a valid draft as any other does."""
    talk = data(http.post("/api/v1/chat/conversations", json={"type": "agent_creation"}))["id"]
    path = f"/api/v1/chat/conversations/{talk}"
    for words in ("An agent that answers about people, called who-is-who.", "It should use documents_search."):
        prepared = data(http.post(f"{path}/prepare-stream", json={"model": "hearth-nano", "content": words}))
        assert "Shall it be saved?" in http.get(prepared["stream_url"]).text
    draft = data(http.get(f"{path}/draft"))
    assert (draft["ok"], draft["saved"], draft["spec"]["name"]) == (True, None, "who-is-who")
    assert draft["spec"]["nodes"]["answer"]["tools"] == ["documents_search"]
    assert http.get("/api/v1/agents/who-is-who").status_code == 404
    made = data(http.post(f"{path}/draft/save", json={"message_id": draft["message_id"]}))
    try:
        asked = {"model": made["model_name"], "messages": [{"role": "user", "content": "Hello"}]}
        answer = http.post("/v1/chat/completions", json=asked)
        assert answer.is_success, answer.text
    finally:
        data(http.delete(f"/api/v1/agents/{made['id']}"))
        data(http.delete(path, params={"hard_delete": True}))


async def test_an_mcp_client_finds_documents_and_runs_a_graph(hearth: RunningHearth, office: str):
    async with (
        httpx2.AsyncClient(headers=hearth.shown, timeout=120) as http,
        Client(streamable_http_client(f"{hearth.base_url}/mcp", http_client=http)) as client,
    ):
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"documents_search", "files_read", "graph_run", "ask_model", "system_info"} <= names
        found = await client.call_tool("documents_search", {"question": QUESTION, "collections": [office]})
        assert "Sudale" in str(found.content)
        asked = {"question": QUESTION, "collections": [office]}
        ran = await client.call_tool("graph_run", {"graph": "answer", "input": asked, "wait_s": 60})
    assert not ran.is_error
    assert "Sudale" in str(ran.content)

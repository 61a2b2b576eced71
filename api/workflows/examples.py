"""What the documents show of graphs and their runs."""

from __future__ import annotations

from typing import Any

ID = "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11"
PERSON = "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f"
AT = "2026-11-21T08:30:00Z"
SPEC: dict[str, Any] = {
    "name": "greeting",
    "title": "A greeting",
    "description": "Says good day.",
    "input": {"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]},
    "output": {"answer": "state.greeting"},
    "start": "greeting",
    "nodes": {"greeting": {"kind": "transform", "value": "'Good day, ' + input.who + '.'"}},
}
TEXT = """name: greeting
input: {type: object, properties: {who: {type: string}}, required: [who]}
output: {answer: state.greeting}
start: greeting
nodes:
  greeting: {kind: transform, value: "'Good day, ' + input.who + '.'"}
"""
DIAGRAM = 'flowchart TD\n    greeting["greeting"]\n'
ENTRY = {
    "id": ID,
    "name": "greeting",
    "title": "A greeting",
    "description": "Says good day.",
    "library": False,
    "chat": False,
    "version": 1,
    "updated_at": AT,
}
DEFINITION = ENTRY | {"tags": [], "spec": SPEC, "text": None, "note": "", "author_id": PERSON, "warnings": []}
VERSION = {"version": 1, "note": "", "author_id": PERSON, "created_at": AT}
FINDING = {"severity": "error", "message": "'then' names 'gret', which is no node; did you mean 'greeting'?", "node": "ask", "line": 6}
CHECKED = {"ok": False, "name": "greeting", "findings": [FINDING], "diagram": None}
SPENT = {"steps": 1, "prompt_tokens": 0, "completion_tokens": 0, "tokens": 0, "seconds": 0.01, "money": 0.0}
RUN = {
    "id": ID,
    "graph": "greeting",
    "version": 1,
    "task_type": "graph",
    "state": "succeeded",
    "stopping": False,
    "priority": 0,
    "owner_id": PERSON,
    "parent_id": None,
    "created_at": AT,
    "started_at": AT,
    "finished_at": AT,
    "error": None,
    "failed_node": None,
    "spent": SPENT,
}
STEP = {
    "key": "greeting#1",
    "node": "greeting",
    "kind": "transform",
    "state": "succeeded",
    "attempts": 1,
    "started_at": AT,
    "finished_at": AT,
    "model": None,
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "money": 0.0,
    "result": "Good day, Mira.",
    "error": None,
}
DETAIL = RUN | {
    "input": {"who": "Mira"},
    "output": {"answer": "Good day, Mira."},
    "model": None,
    "limits": {"steps": 1000, "tokens": 2000000, "seconds": 86400, "money": 10},
    "pending": [],
    "wake_at": None,
    "attempt": 1,
    "trace_id": None,
    "diagram": DIAGRAM,
    "steps": [STEP],
}
QUEUED = DETAIL | {"state": "queued", "output": None, "started_at": None, "finished_at": None, "attempt": 0, "steps": []}
EXECUTE = {"spec": SPEC, "input": {"who": "Mira"}}
CHECKPOINT = {"id": "1f0c7a52-8d1e-6c2e-8001-3f4d2c6b9a01", "created_at": AT, "step": 0, "next": ["greeting"], "state": {}}
STREAM = 'id: 3\ndata: {"type":"step","time":"2026-11-21T08:30:00Z","node":"greeting","key":"greeting#1","state":"succeeded"}\n\n'
TOOK = {"p50": 0.01, "p95": 0.02}
NODE = {
    "node": "greeting",
    "kind": "transform",
    "visits": 3,
    "succeeded": 3,
    "failed": 0,
    "skipped": 0,
    "items": 0,
    "calls": 0,
    "retries": 0,
    "seconds": TOOK,
    "longest_s": 0.02,
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "money": 0.0,
    "models": [],
}
STATISTICS = {
    "graph": "greeting",
    "since": "2026-11-14T08:30:00Z",
    "until": AT,
    "runs": {"succeeded": 3},
    "seconds": TOOK,
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "money": 0.0,
    "nodes": [NODE],
}


def ok(example: object) -> dict[str, object]:
    return {"status": "success", "data": example}

"""What the documents show of LangGraph's shapes."""

from __future__ import annotations

from typing import Any

from api.workflows.examples import AT, ID, SPEC

THREAD_ID = "5f0b7b7e-4f6d-4f0a-9a2e-1c0f5d8b7a61"
CHECKPOINT_ID = "1f0c7a52-8d1e-6c2e-8001-3f4d2c6b9a01"
ASSISTANT: dict[str, Any] = {
    "assistant_id": ID,
    "graph_id": "greeting",
    "name": "A greeting",
    "description": "Says good day.",
    "config": {},
    "context": {},
    "metadata": {"created_by": "user", "tags": []},
    "version": 1,
    "created_at": AT,
    "updated_at": AT,
}
DRAWING = {
    "nodes": [{"id": "__start__", "type": "schema", "data": "__start__"}],
    "edges": [{"source": "__start__", "target": "greeting"}, {"source": "greeting", "target": "__end__", "conditional": False}],
}
SCHEMAS = {"graph_id": "greeting", "input_schema": SPEC["input"], "output_schema": {"type": "object", "required": ["answer"]}}
VALUES = {"who": "Mira", "greeting": "Good day, Mira.", "answer": "Good day, Mira."}
THREAD = {
    "thread_id": THREAD_ID,
    "created_at": AT,
    "updated_at": AT,
    "metadata": {"graph_id": "greeting"},
    "status": "idle",
    "values": VALUES,
    "interrupts": {},
}
CHECKPOINT = {"thread_id": THREAD_ID, "checkpoint_ns": "", "checkpoint_id": CHECKPOINT_ID, "checkpoint_map": None}
STATE: dict[str, Any] = {
    "values": VALUES,
    "next": [],
    "tasks": [],
    "checkpoint": CHECKPOINT,
    "parent_checkpoint": None,
    "metadata": {"step": 1, "source": "loop", "run_id": ID},
    "created_at": AT,
    "interrupts": [],
}
RUN_BODY = {"assistant_id": "greeting", "input": {"who": "Mira"}}
RUN = {
    "run_id": ID,
    "thread_id": THREAD_ID,
    "assistant_id": "greeting",
    "created_at": AT,
    "updated_at": AT,
    "status": "pending",
    "metadata": {},
    "multitask_strategy": "enqueue",
    "kwargs": {"input": {"who": "Mira"}},
}
STREAM = (
    f'event: metadata\ndata: {{"run_id":"{ID}","attempt":1}}\n\nevent: values\ndata: {{"who":"Mira"}}\n\n'
    'event: values\nid: 4\ndata: {"who":"Mira","greeting":"Good day, Mira."}\n\nevent: end\nid: 5\ndata: null\n\n'
)

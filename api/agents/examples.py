"""What the documents show of agents and tasks."""

from __future__ import annotations

from api.workflows.examples import AT, ID, PERSON

BODY = {
    "name": "helper",
    "title": "Farm helper",
    "description": "Answers from the handbooks.",
    "instructions": "You answer questions about the farm, briefly.",
}
AGENT = {
    "id": ID,
    "name": "helper",
    "title": "Farm helper",
    "description": "Answers from the handbooks.",
    "model_name": "agent/helper",
    "agent": {"instructions": "You answer questions about the farm, briefly.", "model": None, "tools": [], "collections": []},
    "version": 1,
    "note": "",
    "author_id": PERSON,
    "created_at": AT,
    "updated_at": AT,
}
TYPE = {
    "type": "research-and-cite",
    "title": "Research and cite",
    "description": "Answers from collections, with citations.",
    "version": 1,
    "chat": True,
    "input_schema": {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]},
    "output": {"answer": "state.answer", "citations": "state.passages"},
    "nodes": 3,
    "tags": ["documents"],
}
TASK_BODY = {"task_type": "helper", "parameters": {"question": "How many goats are there?"}, "priority": 1}
ENTRY = {
    "id": ID,
    "task_type": "helper",
    "status": "succeeded",
    "priority": 1,
    "created_at": AT,
    "started_at": AT,
    "finished_at": AT,
    "error": None,
}
TASK = ENTRY | {"parameters": {"question": "How many goats are there?"}}
RESULT = {"task_id": ID, "status": "succeeded", "data": {"answer": "Three."}, "error": None}
MARKDOWN = "# Research and cite\n\nAnswers from collections, with citations.\n"
DOCUMENT = {"type": "research-and-cite", "version": 1, "input_schema": TYPE["input_schema"], "markdown": MARKDOWN}

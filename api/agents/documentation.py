"""How an agent is made, for people: written from what it is made from, so that it says what holds today."""

from __future__ import annotations

import json

from pydantic.fields import FieldInfo

from api.drafts.draft import AGENTS, WORKFLOWS
from cluster.graphs.agents import AgentSpec
from cluster.graphs.composing import SOURCES, STEPS, WorkflowPlan
from cluster.graphs.documentation import table
from cluster.specs.loader import Spec


def how_to_make_one() -> str:
    """Markdown: what an agent is made from, and how."""
    return _MAKING.format(
        fields=_of(AgentSpec),
        plan=_of(WorkflowPlan),
        agent=AGENTS,
        workflow=WORKFLOWS,
        sources=table(("source", ""), list(SOURCES.items())),
        steps=table(("step", ""), list(STEPS.items())),
    )


def _of(shape: type[Spec]) -> str:
    return table(("field", "default", ""), [(name, _default(field), field.description or "") for name, field in shape.model_fields.items()])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{json.dumps(field.default)}`" if field.default_factory is None else ""


_MAKING = """# Making an agent

An agent looks a question up in its collections, where it has some, and then lets its model answer, which may call tools. Make one by
`POST /api/v1/agents`:

```json
{{"name": "helper", "instructions": "You answer questions about the farm, briefly.", "collections": ["handbooks"], "tools": []}}
```

It is there at once: as the model `agent/helper` in `POST /v1/chat/completions`, as a task by `POST /api/v1/tasks` with
`{{"task_type": "helper", "parameters": {{"question": "How many goats are there?"}}}}`, and as a workflow by
`POST /api/v1/workflows/execute`. Each `PUT /api/v1/agents/{{id}}` is a new version; `POST /api/v1/agents/{{id}}/revert` goes back
to an earlier one.

{fields}

## Have it drafted

In a conversation of the type `{agent}` or `{workflow}` a model drafts from what you say, and asks before anything is saved:

1. `POST /api/v1/chat/conversations` with `{{"type": "{agent}"}}`.
2. `POST /api/v1/chat/conversations/{{id}}/prepare-stream` with `{{"model": "...", "content": "An agent that knows the handbooks."}}`:
   the answer is the draft as YAML, its diagram, and what `hearth graph check` says of it. What you say next changes it.
3. `GET /api/v1/chat/conversations/{{id}}/draft` shows the latest draft. `POST /api/v1/chat/conversations/{{id}}/draft/save` with
   `{{"message_id": "..."}}` saves the one of that message, and nothing else does: words in the conversation save nothing. A draft that
   was changed is saved as a new version.

The model is asked for one part at a time, and each of its answers is held to a schema with the tools and collections that there are: a
small model gives a valid draft too. A nano model's choices mean nothing, so with one your own words are the instructions, and names of
tools and collections in them are taken as they stand. A tool is drafted only where your role may call it.

A workflow is composed of one source and up to four steps:

{sources}

{steps}

{plan}

## More than that

What takes more than one step is a graph: `POST /api/v1/workflows/definitions`. `GET /api/v1/agent-types` lists those that are here already.
"""

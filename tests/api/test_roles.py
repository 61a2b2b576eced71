"""Every operation for every role, from the OpenAPI document: who may do what, and nobody reaches into another organisation."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from api.tables import metadata
from api.web.principal import Role
from cluster.batches.files import Files
from cluster.batches.names import batch_name, file_name
from cluster.batches.store import Batches
from cluster.batches.tables import Batch, BatchStatus, FileRow
from cluster.content.cache import ContentCache
from cluster.content.pipeline import Processed
from cluster.contracts.generation import JsonObject
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import NewRun, Runs
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.store import Jobs, NewJob
from cluster.outgoing.journal import Asker, Journal
from cluster.queue.store import Messages, NewMessage
from cluster.queue.tables import QueueMessage
from cluster.settings import ContentSettings, GraphSettings, JobSettings, QueueSettings, ToolSettings, WebhookSettings
from cluster.specs.graph import GraphSpec
from cluster.stores.clients import StoreClients
from cluster.tools.calls import CallHistory
from cluster.tools.remote.servers import McpServers
from cluster.tools.tool import ToolCaller
from cluster.webhooks.store import Hooks, Webhooks
from tests.api.fixtures.application import operations
from tests.api.fixtures.facts import keep_facts
from tests.api.fixtures.graphing import ECHO
from tests.api.fixtures.people import Person, add_person

# The least role that each operation is for. A new operation has to be added here.
POLICY = """
viewer POST /v1/chat/completions
viewer POST /v1/completions
viewer POST /v1/embeddings
viewer POST /v1/rerank
viewer POST /v1/audio/transcriptions
viewer POST /api/v1/audio/transcribe
viewer GET /api/v1/audio/models
viewer GET /api/v1/audio/health
viewer POST /api/v1/vision/embed
viewer POST /api/v1/vision/extract-text
viewer GET /api/v1/vision/models
viewer GET /api/v1/vision/health
viewer GET /v1/models
viewer GET /v1/models/{model}
viewer GET /api/v1/models
viewer GET /api/v1/models/{model}
admin GET /api/v1/providers
editor POST /api/v1/chat/sessions
viewer GET /api/v1/chat/sessions/{conversation_id}
editor PUT /api/v1/chat/sessions/{conversation_id}/status
admin POST /api/v1/chat/cleanup
editor POST /api/v1/chat/conversations
viewer GET /api/v1/chat/conversations
viewer GET /api/v1/chat/search
viewer GET /api/v1/chat/analytics
viewer GET /api/v1/chat/conversations/{conversation_id}
editor PATCH /api/v1/chat/conversations/{conversation_id}
editor DELETE /api/v1/chat/conversations/{conversation_id}
editor PUT /api/v1/chat/conversations/{conversation_id}/restore
viewer GET /api/v1/chat/conversations/{conversation_id}/messages
editor POST /api/v1/chat/conversations/{conversation_id}/messages
editor PATCH /api/v1/chat/conversations/{conversation_id}/messages/{message_id}
viewer GET /api/v1/chat/conversations/{conversation_id}/export
viewer GET /api/v1/chat/conversations/{conversation_id}/participants
editor POST /api/v1/chat/conversations/{conversation_id}/participants
editor DELETE /api/v1/chat/conversations/{conversation_id}/participants/{user_id}
editor POST /api/v1/chat/conversations/{conversation_id}/share
editor GET /api/v1/chat/conversations/{conversation_id}/share
editor DELETE /api/v1/chat/conversations/{conversation_id}/share/{share_id}
public GET /api/v1/chat/shared/{token}
editor POST /api/v1/chat/conversations/{conversation_id}/prepare-stream
editor POST /api/v1/chat/conversations/{conversation_id}/resume-stream
editor POST /api/v1/chat/conversations/{conversation_id}/stop
editor POST /api/v1/chat/conversations/{conversation_id}/compact
public GET /stream/{token}
editor POST /api/v1/chat/direct
editor POST /api/v1/chat/direct/stream
editor POST /api/v1/chat/quick
editor POST /api/v1/chat/mcp
editor POST /api/v1/chat/mcp/stream
editor GET /api/v1/chat/mcp/approvals
editor POST /api/v1/chat/mcp/approvals/{approval_id}
viewer POST /mcp
viewer DELETE /mcp
editor POST /api/v1/prompts
viewer GET /api/v1/prompts
viewer GET /api/v1/prompts/match
viewer GET /api/v1/prompts/{prompt_id}
editor PATCH /api/v1/prompts/{prompt_id}
editor DELETE /api/v1/prompts/{prompt_id}
viewer GET /api/v1/prompts/{prompt_id}/versions
viewer GET /api/v1/prompts/{prompt_id}/versions/{version}
editor POST /api/v1/prompts/{prompt_id}/revert
viewer POST /api/v1/prompts/{prompt_id}/render
editor POST /api/v1/collections
viewer GET /api/v1/collections
viewer GET /api/v1/collections/{collection_id}
editor PATCH /api/v1/collections/{collection_id}
editor DELETE /api/v1/collections/{collection_id}
editor POST /api/v1/collections/{collection_id}/documents
editor PUT /api/v1/collections/{collection_id}/texts
editor POST /api/v1/collections/{collection_id}/retry
viewer GET /api/v1/collections/{collection_id}/documents
viewer GET /api/v1/documents/{document_id}
viewer GET /api/v1/documents/{document_id}/text
viewer GET /api/v1/documents/{document_id}/content
editor DELETE /api/v1/documents/{document_id}
editor POST /api/v1/semantic/extract-relations
viewer POST /api/v1/semantic/embed
viewer POST /api/v1/semantic/search
viewer POST /api/v1/semantic/chunk
viewer POST /api/v1/semantic/detect-duplicates
viewer POST /api/v1/semantic/classify
viewer POST /api/v1/semantic/score-importance
viewer GET /api/v1/semantic/health
viewer GET /api/v1/semantic/entities
viewer GET /api/v1/semantic/relations
viewer GET /api/v1/semantic/merges
viewer GET /api/v1/semantic/entities/{entity_id}/candidates
editor POST /api/v1/semantic/entities/merge
editor DELETE /api/v1/semantic/entities/{entity_id}
editor DELETE /api/v1/semantic/relations/{relation_id}
editor POST /api/v1/semantic/merges/{entity_merge_id}/undo
viewer POST /api/v1/retrieval/search
viewer GET /api/v1/retrieval/settings
viewer GET /api/v1/retrieval/settings/{name}
viewer GET /v1/files
editor POST /v1/files
viewer GET /v1/files/{file_id}
viewer GET /v1/files/{file_id}/content
editor DELETE /v1/files/{file_id}
viewer GET /v1/batches
editor POST /v1/batches
viewer GET /v1/batches/load
viewer GET /v1/batches/{batch_id}
editor POST /v1/batches/{batch_id}/cancel
editor POST /api/v1/knowledge/items
viewer GET /api/v1/knowledge/items
viewer GET /api/v1/knowledge/items/{item_id}
editor PUT /api/v1/knowledge/items/{item_id}
editor DELETE /api/v1/knowledge/items/{item_id}
viewer POST /api/v1/knowledge/search
editor POST /api/v1/knowledge/embeddings
viewer GET /api/v1/knowledge/categories
viewer GET /api/v1/knowledge/tags
editor POST /api/v1/knowledge/classify
editor POST /api/v1/knowledge/items/{item_id}/classification
viewer GET /api/v1/knowledge/items/{item_id}/versions
viewer GET /api/v1/knowledge/items/{item_id}/versions/{version}
viewer GET /api/v1/knowledge/items/{item_id}/diff
editor POST /api/v1/knowledge/items/{item_id}/restore
editor POST /api/v1/knowledge/items/{item_id}/assessment
editor POST /api/v1/knowledge/items/{item_id}/verdict
viewer GET /api/v1/knowledge/items/{item_id}/permissions
editor PUT /api/v1/knowledge/items/{item_id}/permissions
viewer GET /api/v1/knowledge/items/{item_id}/related
editor POST /api/v1/knowledge/items/{item_id}/links
editor DELETE /api/v1/knowledge/items/{item_id}/links/{link_id}
editor POST /api/v1/http/requests
editor GET /api/v1/http/requests
editor GET /api/v1/http/requests/{request_id}
admin GET /api/v1/http/statistics
admin DELETE /api/v1/http/requests
viewer GET /api/v1/connectors
editor POST /api/v1/connectors/validate
editor POST /api/v1/connectors/process
editor POST /api/v1/connectors/{name}/discover
editor POST /api/v1/connectors/{name}/fetch
viewer GET /api/v1/content/{content_id}
viewer GET /api/v1/tools
viewer GET /api/v1/tools/calls
viewer GET /api/v1/tools/calls/{call_id}
viewer GET /api/v1/tools/{tool}
viewer POST /api/v1/tools/{tool}/call
admin PUT /api/v1/tools/{tool}/settings
viewer GET /api/v1/tools/choices/organisation
admin PUT /api/v1/tools/choices/organisation
admin DELETE /api/v1/tools/choices/organisation
viewer GET /api/v1/tools/choices/me
viewer PUT /api/v1/tools/choices/me
viewer DELETE /api/v1/tools/choices/me
viewer GET /api/v1/tools/choices/conversations/{conversation_id}
editor PUT /api/v1/tools/choices/conversations/{conversation_id}
editor DELETE /api/v1/tools/choices/conversations/{conversation_id}
admin GET /api/v1/mcp/servers
admin POST /api/v1/mcp/servers
admin GET /api/v1/mcp/servers/{server}
admin PATCH /api/v1/mcp/servers/{server}
admin DELETE /api/v1/mcp/servers/{server}
admin GET /api/v1/mcp/servers/{server}/tools
admin POST /api/v1/mcp/servers/{server}/refresh
admin POST /api/v1/mcp/servers/{server}/test
viewer GET /api/v1/workspaces/{workspace}/files
editor PUT /api/v1/workspaces/{workspace}/files/{path}
viewer GET /api/v1/workspaces/{workspace}/files/{path}
editor DELETE /api/v1/workspaces/{workspace}/files/{path}
viewer GET /api/v1/jobs
viewer GET /api/v1/jobs/{job_id}
viewer GET /api/v1/jobs/{job_id}/log
viewer GET /api/v1/jobs/{job_id}/events
viewer GET /api/v1/logs/history
viewer GET /api/v1/logs/{task_id}
editor POST /api/v1/jobs/{job_id}/cancel
editor POST /api/v1/jobs/{job_id}/retry
editor DELETE /api/v1/jobs/{job_id}
public POST /api/v1/auth/login
viewer POST /api/v1/auth/verify
public POST /api/v1/auth/refresh
viewer POST /api/v1/auth/logout
viewer POST /api/v1/auth/password
public POST /api/v1/auth/invitation
public GET /api/v1/auth/oidc
public POST /api/v1/auth/oidc/{issuer}/authorize
public POST /api/v1/auth/oidc/{issuer}/callback
viewer GET /api/v1/users
admin POST /api/v1/users
viewer GET /api/v1/users/me
viewer PATCH /api/v1/users/me
viewer GET /api/v1/users/{user_id}
admin PATCH /api/v1/users/{user_id}
admin DELETE /api/v1/users/{user_id}
admin POST /api/v1/users/{user_id}/invitation
viewer GET /api/v1/organisations
admin POST /api/v1/organisations
viewer GET /api/v1/organisations/{organisation_id}
admin PATCH /api/v1/organisations/{organisation_id}
viewer GET /api/v1/teams
admin POST /api/v1/teams
viewer GET /api/v1/teams/{team_id}
admin PATCH /api/v1/teams/{team_id}
admin DELETE /api/v1/teams/{team_id}
admin PUT /api/v1/teams/{team_id}/members/{user_id}
admin DELETE /api/v1/teams/{team_id}/members/{user_id}
viewer GET /api/v1/keys
viewer POST /api/v1/keys
viewer GET /api/v1/keys/{key_id}
viewer DELETE /api/v1/keys/{key_id}
viewer POST /api/v1/keys/{key_id}/rotate
editor GET /api/v1/secrets
admin POST /api/v1/secrets
editor GET /api/v1/secrets/{name}
admin PUT /api/v1/secrets/{name}
admin DELETE /api/v1/secrets/{name}
editor GET /api/v1/secrets/{name}/versions
admin GET /api/v1/secrets/{name}/value
viewer GET /api/v1/flags
viewer GET /api/v1/flags/{flag_key}
admin POST /api/v1/flags
admin PUT /api/v1/flags/{flag_key}
admin DELETE /api/v1/flags/{flag_key}
viewer POST /ofrep/v1/evaluate/flags
viewer POST /ofrep/v1/evaluate/flags/{flag_key}
viewer GET /api/v1/limits
admin GET /api/v1/limits/overrides
admin GET /api/v1/limits/{kind}/{subject_id}
admin PUT /api/v1/limits/{kind}/{subject_id}
admin DELETE /api/v1/limits/{kind}/{subject_id}
viewer GET /api/v1/usage
viewer GET /api/v1/usage/export
admin GET /api/v1/audit
admin GET /api/v1/audit/export
viewer GET /api/v1/workflows/definitions
editor POST /api/v1/workflows/definitions
viewer GET /api/v1/workflows/definitions/{graph_id}
editor PUT /api/v1/workflows/definitions/{graph_id}
editor DELETE /api/v1/workflows/definitions/{graph_id}
viewer GET /api/v1/workflows/definitions/{graph_id}/versions
viewer GET /api/v1/workflows/definitions/{graph_id}/versions/{version}
editor POST /api/v1/workflows/definitions/{graph_id}/revert
viewer GET /api/v1/workflows/definitions/{graph_id}/diagram
viewer POST /api/v1/workflows/check
viewer POST /api/v1/workflows/execute
viewer GET /api/v1/workflows/runs
viewer GET /api/v1/workflows/runs/{run_id}
viewer GET /api/v1/workflows/runs/{run_id}/steps
viewer GET /api/v1/workflows/runs/{run_id}/events
viewer GET /api/v1/workflows/runs/{run_id}/checkpoints
viewer POST /api/v1/workflows/runs/{run_id}/cancel
viewer POST /api/v1/workflows/runs/{run_id}/pause
viewer POST /api/v1/workflows/runs/{run_id}/resume
viewer POST /api/v1/workflows/runs/{run_id}/retry
viewer POST /api/v1/workflows/runs/{run_id}/fork
viewer POST /api/v1/workflows/runs/{run_id}/answer
viewer DELETE /api/v1/workflows/runs/{run_id}
viewer GET /api/v1/agents
editor POST /api/v1/agents
viewer GET /api/v1/agents/{graph_id}
editor PUT /api/v1/agents/{graph_id}
editor DELETE /api/v1/agents/{graph_id}
viewer GET /api/v1/agents/{graph_id}/versions
viewer GET /api/v1/agents/{graph_id}/versions/{version}
editor POST /api/v1/agents/{graph_id}/revert
viewer GET /api/v1/agent-types
viewer GET /api/v1/agent-types/{agent_type}/documentation
viewer GET /api/v1/docs/agent-creation
viewer POST /api/v1/tasks
viewer GET /api/v1/tasks
viewer GET /api/v1/tasks/{run_id}
viewer GET /api/v1/tasks/{run_id}/result
viewer GET /api/v1/tasks/{run_id}/history
viewer POST /api/v1/tasks/{run_id}/cancel
editor POST /api/v1/integration/queues/enqueue
viewer GET /api/v1/integration/queues/stats
viewer GET /api/v1/integration/queues/types
editor GET /api/v1/integration/queues/messages
admin POST /api/v1/integration/queues/messages/replay
editor GET /api/v1/integration/queues/messages/{queue_message_id}
editor POST /api/v1/integration/queues/messages/{queue_message_id}/replay
editor DELETE /api/v1/integration/queues/messages/{queue_message_id}
admin POST /api/v1/integration/webhooks/subscribe
admin DELETE /api/v1/integration/webhooks/unsubscribe/{webhook_id}
admin GET /api/v1/integration/webhooks
viewer GET /api/v1/integration/webhooks/events
admin GET /api/v1/integration/webhooks/{webhook_id}
admin PATCH /api/v1/integration/webhooks/{webhook_id}
admin POST /api/v1/integration/webhooks/{webhook_id}/rotate
admin POST /api/v1/integration/webhooks/{webhook_id}/test
admin GET /api/v1/integration/webhooks/{webhook_id}/deliveries
admin GET /api/v1/integration/webhooks/incoming
admin POST /api/v1/integration/webhooks/incoming
admin POST /api/v1/integration/webhooks/incoming/{hook_id}/rotate
admin DELETE /api/v1/integration/webhooks/incoming/{hook_id}
public POST /api/v1/integration/hooks/{hook_id}
public GET /healthz
public GET /readyz
public GET /metrics
"""
LEAST = {(method.lower(), path): who for who, method, path in (line.split() for line in POLICY.strip().splitlines())}
OPERATIONS = operations()
KEYED = [found for found in OPERATIONS if LEAST.get((found[1], found[0])) != "public"]
TAGS = sorted({tag for _, _, operation in KEYED for tag in operation["tags"]})
# When a key was last shown, and what the index and its neighbours make of a knowledge item.
BY_ITSELF = {"last_used_at", "indexed_revision", "indexed_model", "proposal", "reads", "read_at"}
# What everybody has.
SHARED = ("/v1/models/", "/api/v1/models/", "/api/v1/agent-types/")
MARK = "Velmhaven"  # in everything that the organisation writes
UNKNOWN = "m1yJ0tqk8m2cXcXqg2VnUoQ0b0r6m4v1Zs9k3tY7e5A"


@dataclass(frozen=True)
class House:
    """An organisation with one of everything, made by its admin."""

    admin: Person
    ids: dict[str, str]


async def ask(
    client: httpx.AsyncClient, person: Person | None, ids: dict[str, str], path: str, method: str, operation: dict[str, Any]
) -> httpx.Response:
    """The documented example of an operation, carried out by ``person`` on what ``ids`` name."""
    headers = person.headers if person else {}
    url = re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], path)
    query = {"q": MARK} if path.endswith("/search") else {"model": "fake-llm"} if path.endswith("/match") else {}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        example = content["application/json"]["example"]
        body = {name: ids.get(name, value) if name.endswith("_id") else value for name, value in example.items()}
        return await client.request(method, url, params=query, json=body, headers=headers)
    files = {"files" if path.endswith("/documents") else "file": ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")} if content else None
    return await client.request(method, url, params=query, files=files, headers=headers)


async def make_house(client: httpx.AsyncClient, stores: StoreClients) -> House:
    admin = await add_person(stores)

    async def made(path: str, body: dict[str, Any], *keys: str) -> str:
        answer = await client.post(path, json=body, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        for key in keys or ("id",):
            data = data[key]
        return str(data)

    item, other = [await made("/api/v1/knowledge/items", {"title": MARK, "content": MARK, "audience": "editor"}) for _ in "ab"]
    conversation = await made("/api/v1/chat/conversations", {"title": MARK, "tags": [MARK.lower()]})
    collection = await made("/api/v1/collections", {"name": MARK})
    said = {"role": "user", "content": [{"type": "text", "text": MARK}]}
    return House(
        admin,
        {
            "conversation_id": conversation,
            "message_id": await made(f"/api/v1/chat/conversations/{conversation}/messages", said),
            "share_id": await made(f"/api/v1/chat/conversations/{conversation}/share", {}),
            "prompt_id": await made("/api/v1/prompts", {"name": MARK, "text": MARK}),
            "version": "1",
            "team_id": await made("/api/v1/teams", {"name": MARK}),
            "key_id": await made("/api/v1/keys", {"name": MARK}, "entry", "id"),
            "name": await made("/api/v1/secrets", {"name": MARK, "value": MARK}, "name"),
            "collection_id": collection,
            "document_id": await given_text(client, admin, collection),
            "job_id": (job := await ended_job(stores, admin)),
            "task_id": job,
            "request_id": await noted_request(stores, admin),
            "content_id": await kept_content(stores, admin),
            "file_id": await uploaded(client, admin),
            "batch_id": await ended_batch(stores, admin),
            "user_id": str(admin.user_id),
            "organisation_id": str(admin.organisation_id),
            "item_id": item,
            "to_id": other,
            "link_id": await made(f"/api/v1/knowledge/items/{item}/links", {"to_id": other, "kind": "about"}),
            **await keep_facts(stores, admin, MARK),
            "graph_id": await made("/api/v1/agents", {"name": MARK.lower(), "instructions": MARK}),
            "run_id": await ended_run(stores, admin),
            "agent_type": "answer",
            "flag_key": await made("/api/v1/flags", {"key": MARK.lower(), "description": MARK}, "key"),
            "model": "fake-llm",
            "approval_id": str(uuid.uuid4()),
            "token": UNKNOWN,
            "issuer": "none",
            **await kept_tools(client, stores, admin),
            **await integrated(stores, admin),
            "kind": "user",
            "subject_id": str(admin.user_id),
        },
    )


async def given_text(client: httpx.AsyncClient, admin: Person, collection: str) -> str:
    url, text = f"/api/v1/collections/{collection}/texts", {"path": MARK, "text": MARK}
    answer = await client.put(url, json=text, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["documents"][0]["document_id"])


async def ended_job(stores: StoreClients, admin: Person) -> str:
    """One that was cancelled before it began, so that nothing runs."""
    async with stores.database.session() as session:
        jobs = Jobs(session)
        job = await jobs.enqueue(NewJob("ingest", admin.organisation_id, admin.user_id, {"note": MARK}), JOB_KINDS, JobSettings())
        await jobs.cancel(job)
    return str(job.id)


async def ended_run(stores: StoreClients, person: Person) -> str:
    """One that was cancelled before it began."""
    spec = ResolvedGraph(GraphSpec.model_validate(ECHO)).to_json()
    given: JsonObject = {"question": MARK}
    new = NewRun("echo", 1, spec, given, person.organisation_id, person.user_id, "viewer", task_type="echo")
    async with stores.database.session() as session:
        runs = Runs(session, GraphSettings())
        await runs.cancel(await runs.enqueue(new))
    return str(new.id)


async def uploaded(client: httpx.AsyncClient, admin: Person) -> str:
    file = {"file": (f"{MARK}.txt", MARK.encode())}
    answer = await client.post("/v1/files", data={"purpose": "user_data"}, files=file, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def ended_batch(stores: StoreClients, admin: Person) -> str:
    """One of which nobody has anything to do any more."""
    now = datetime.now(UTC)
    ended = {"status": BatchStatus.CANCELLED.value, "expires_at": now, "ended_at": now, "labels": {"about": MARK}}
    asked = {"endpoint": "/v1/embeddings", "completion_window": "24h", "input_file_id": uuid.uuid4()}
    async with stores.database.session() as session:
        batch = await Batches(session).add(Batch(organisation_id=admin.organisation_id, owner_id=admin.user_id, **asked, **ended))
    return batch_name(batch.id)


async def theirs(stores: StoreClients, person: Person, path: str) -> dict[str, str]:
    """What only its owner, or an admin, may do something with: one of ``person``."""
    if "{job_id}" in path:
        return {"job_id": await ended_job(stores, person)}
    if "{run_id}" in path:
        return {"run_id": await ended_run(stores, person)}
    if "{batch_id}" in path:
        return {"batch_id": await ended_batch(stores, person)}
    if "{queue_message_id}" in path:
        return {"queue_message_id": await dead_message(stores, person)}
    return {"file_id": await noted_file(stores, person)} if "{file_id}" in path else {}


async def noted_request(stores: StoreClients, admin: Person) -> str:
    """One that went out."""
    who = Asker(admin.organisation_id, admin.user_id, "http")
    return str(await Journal(stores.database).begin(who, "GET", f"https://{MARK}.example/", f"{MARK}.example", 0))


async def kept_content(stores: StoreClients, admin: Person) -> str:
    """Something that was fetched."""
    cache = ContentCache(stores.database, stores.cache, ContentSettings())
    made = Processed(MARK.encode(), "text/plain", MARK)
    return str((await cache.put(admin.organisation_id, admin.user_id, MARK, MARK, made)).id)


async def kept_tools(client: httpx.AsyncClient, stores: StoreClients, admin: Person) -> dict[str, str]:
    """An MCP server with a tool, a call of one, and a file of the admin's workspace."""
    name, path = MARK.lower(), f"user-{admin.user_id}/files/{MARK}.txt"
    body = {"name": name, "url": f"https://{name}.example/mcp", "description": MARK}
    assert (await client.post("/api/v1/mcp/servers", json=body, headers=admin.headers)).status_code == 200
    assert (await client.put(f"/api/v1/workspaces/{path}", content=MARK.encode(), headers=admin.headers)).status_code == 200
    servers, history = McpServers(stores.database), CallHistory(stores.database, ToolSettings())
    tool = {"name": "go", "title": MARK, "description": MARK, "parameters": {"type": "object"}, "output": None, "hints": {}}
    await servers.listed(await servers.get(admin.organisation_id, name), [tool], None)
    caller = ToolCaller(admin.organisation_id, admin.user_id, "admin", "run-1", MARK)
    call = await history.begin(MARK, MARK, {"text": MARK}, caller)
    return {"server": name, "tool": f"{name}__go", "workspace": f"user-{admin.user_id}", "path": f"{MARK}.txt", "call_id": str(call)}


async def integrated(stores: StoreClients, admin: Person) -> dict[str, str]:
    """A webhook, a hook, and a message that is dead."""
    async with stores.database.session() as session:
        url, here = f"https://{MARK}.example/", admin.organisation_id
        webhook = await Webhooks(session, here, WebhookSettings()).add(admin.user_id, url, ["webhook.test"], MARK)
        values = {"organisation_id": here, "owner_id": admin.user_id, "workflow": "echo", "description": MARK, "calls_per_minute": 1}
        hook = await Hooks(session, WebhookSettings()).add(values)
    return {"webhook_id": str(webhook.id), "hook_id": str(hook.id), "queue_message_id": await dead_message(stores, admin)}


async def dead_message(stores: StoreClients, person: Person) -> str:
    new = NewMessage("workflow", {"workflow": MARK}, person.organisation_id, person.user_id, "editor")
    async with stores.database.session() as session:
        await Messages(session, QueueSettings()).enqueue(new)
        await session.execute(update(QueueMessage).where(QueueMessage.id == new.id).values(state="dead", finished_at=datetime.now(UTC)))
    return str(new.id)


async def noted_file(stores: StoreClients, person: Person) -> str:
    row = FileRow(id=uuid.uuid4(), organisation_id=person.organisation_id, owner_id=person.user_id, purpose="batch", filename=MARK)
    row.bytes, row.sha256 = 1, "0" * 64
    async with stores.database.session() as session:
        await Files(session).add(row)
    return file_name(row.id)


async def rows_of(stores: StoreClients, house: House) -> dict[str, list[Any]]:
    """Everything the database has of the organisation, less what changes by itself."""
    found: dict[str, list[Any]] = {}
    async with stores.database.session() as session:
        for table in metadata.tables.values():
            if "organisation_id" in table.columns and table.name != "audit_events":
                columns = [column for column in table.columns if column.name not in BY_ITSELF]
                chosen = select(*columns).where(table.columns["organisation_id"] == house.admin.organisation_id)
                found[table.name] = sorted(map(str, (await session.execute(chosen)).all()))
    return found


def own(person: Person, house: House, path: str) -> dict[str, str]:
    """What ``house`` has; where everybody has something of their own, it is that of ``person``."""
    mine = {"key_id": str(person.key_id)} if path.startswith("/api/v1/keys") else {}
    return house.ids | mine | ({"user_id": str(person.user_id)} if path.endswith("/sessions") else {})


def test_the_table_names_every_operation_and_nothing_else():
    assert {(method, path) for path, method, _ in OPERATIONS} == set(LEAST)
    assert set(LEAST.values()) <= {"public", *Role}


async def test_nobody_is_let_in(stranger):
    ids: dict[str, str] = defaultdict(lambda: UNKNOWN)
    for path, method, operation in KEYED:
        answer = await ask(stranger, None, ids, path, method, operation)
        assert answer.status_code == 401, (method, path, answer.text)


@pytest.mark.parametrize("tag", TAGS)
async def test_a_role_may_do_what_the_table_says_and_no_more(stranger, stores, tag):
    for path, method, operation in (found for found in KEYED if tag in found[2]["tags"]):
        house = await make_house(stranger, stores)
        for role in Role:
            person = await add_person(stores, role, house.admin)
            ids = own(person, house, path) | await theirs(stores, person, path)
            answer = await ask(stranger, person, ids, path, method, operation)
            if role.includes(Role(LEAST[method, path])):
                assert answer.status_code not in {401, 403}, (role, method, path, answer.text)
            else:
                assert answer.status_code == 403, (role, method, path, answer.text)


async def test_another_organisation_s_rows_cannot_be_reached_by_their_id(stranger, stores):
    house, other = await make_house(stranger, stores), await add_person(stores)
    before = await rows_of(stores, house)
    for path, method, operation in KEYED:
        if "{" in path and not path.startswith(SHARED):
            answer = await ask(stranger, other, house.ids, path, method, operation)
            assert answer.status_code in {403, 404}, (method, path, answer.text)
            assert MARK not in answer.text, (method, path)
    assert await rows_of(stores, house) == before


async def test_another_organisation_s_rows_are_in_no_list_and_no_search(stranger, stores):
    house, other = await make_house(stranger, stores), await add_person(stores)
    before = await rows_of(stores, house)
    hidden = {
        MARK,
        *(
            house.ids[name]
            for name in (
                "conversation_id",
                "message_id",
                "prompt_id",
                "team_id",
                "key_id",
                "organisation_id",
                "collection_id",
                "document_id",
                "job_id",
                "request_id",
                "content_id",
                "graph_id",
                "run_id",
                "call_id",
                "webhook_id",
                "hook_id",
                "queue_message_id",
            )
        ),
    }
    for path, method, operation in KEYED:
        if "{" not in path:
            answer = await ask(stranger, other, house.ids, path, method, operation)
            assert answer.status_code < 500, (method, path, answer.text)
            assert not [word for word in hidden if word in answer.text], (method, path)
    assert await rows_of(stores, house) == before


@pytest.fixture
async def stranger(in_process, gateway):
    """A client without a key of its own."""
    async with in_process(gateway) as client:
        del client.headers["authorization"]
        yield client

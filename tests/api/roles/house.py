"""An organisation with one of everything, and how each operation is tried on it."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import select, update

from api.langgraph.tables import ClientThread
from api.tables import metadata
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
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import AdapterState
from cluster.learning.datasets.store import Datasets
from cluster.learning.gate.store import GateVerdicts, NewVerdict
from cluster.learning.releases.registry import Releases
from cluster.optimising.store import Optimisations
from cluster.optimising.table import OptimisationChange, OptimisationSample
from cluster.optimising.wanted import Wanted
from cluster.outgoing.journal import Asker, Journal
from cluster.queue.store import Messages, NewMessage
from cluster.queue.tables import QueueMessage
from cluster.settings import ContentSettings, GraphSettings, JobSettings, QueueSettings, ToolSettings, WebhookSettings
from cluster.specs.gate import GATES, Gates
from cluster.specs.graph import GraphSpec
from cluster.stores.clients import StoreClients
from cluster.tools.calls import CallHistory
from cluster.tools.remote.servers import McpServers
from cluster.tools.tool import ToolCaller
from cluster.webhooks.store import Hooks, Webhooks
from tests.api.fixtures.facts import keep_facts
from tests.api.fixtures.graphing import ECHO
from tests.api.fixtures.people import Person, add_person

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
            "adapter_id": await kept_adapter(stores, admin),
            "release_id": await kept_release(stores, admin),
            "batch_id": await ended_batch(stores, admin),
            "verdict_id": await found_verdict(stores, admin),
            "optimisation_id": await kept_optimisation(stores, admin),
            "dataset_id": await kept_dataset(stores, admin),
            "split": "train",
            "user_id": str(admin.user_id),
            "organisation_id": str(admin.organisation_id),
            "item_id": item,
            "to_id": other,
            "link_id": await made(f"/api/v1/knowledge/items/{item}/links", {"to_id": other, "kind": "about"}),
            **(facts := await keep_facts(stores, admin, MARK)),
            "feedback_id": await made("/api/v1/feedback/submit", {"relation_id": facts["relation_id"], "thumb": "up", "comment": MARK}),
            "graph_id": await made("/api/v1/agents", {"name": MARK.lower(), "instructions": MARK}),
            "run_id": await ended_run(stores, admin),
            "thread_id": await kept_thread(stores, admin),
            "assistant_id": MARK.lower(),
            "checkpoint_id": UNKNOWN,
            "namespace": "none",
            "agent_type": "answer",
            "flag_key": await made("/api/v1/flags", {"key": MARK.lower(), "description": MARK}, "key"),
            "model": "fake-llm",
            "approval_id": str(uuid.uuid4()),
            "token": UNKNOWN,
            "issuer": "none",
            **await kept_tools(client, stores, admin),
            **await integrated(stores, admin),
            **await labelled(client, admin),
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


async def kept_thread(stores: StoreClients, person: Person) -> str:
    """A thread in which nothing was run."""
    row = ClientThread(id=uuid.uuid4(), organisation_id=person.organisation_id, owner_id=person.user_id, labels={"about": MARK})
    async with stores.database.session() as session:
        session.add(row)
    return str(row.id)


async def uploaded(client: httpx.AsyncClient, admin: Person) -> str:
    file = {"file": (f"{MARK}.txt", MARK.encode())}
    answer = await client.post("/v1/files", data={"purpose": "user_data"}, files=file, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def kept_adapter(stores: StoreClients, admin: Person) -> str:
    """A candidate, of which only the row is there."""
    values = {"base": "fake-llm", "name": MARK.lower(), "version": 1, "sha256": "0" * 64, "bytes": 1, "rank": 1, "targets": ["q_proj"]}
    whose = {"organisation_id": admin.organisation_id, "owner_id": admin.user_id, "state": AdapterState.CANDIDATE}
    async with stores.database.session() as session:
        return str((await Adapters(session).add(**values, **whose, lineage={"about": MARK})).id)


async def kept_release(stores: StoreClients, admin: Person) -> str:
    """A draft of nothing but a prompt."""
    prompt = {"name": MARK, "version": 1, "text": MARK}
    values = {"base": "fake-llm", "name": MARK.lower(), "version": 1, "description": MARK, "prompt": prompt}
    async with stores.database.session() as session:
        row = await Releases(session).add(organisation_id=admin.organisation_id, owner_id=admin.user_id, **values)
    return str(row.id)


async def ended_batch(stores: StoreClients, admin: Person) -> str:
    """One of which nobody has anything to do any more."""
    now = datetime.now(UTC)
    ended = {"status": BatchStatus.CANCELLED.value, "expires_at": now, "ended_at": now, "labels": {"about": MARK}}
    asked = {"endpoint": "/v1/embeddings", "completion_window": "24h", "input_file_id": uuid.uuid4()}
    async with stores.database.session() as session:
        batch = await Batches(session).add(Batch(organisation_id=admin.organisation_id, owner_id=admin.user_id, **asked, **ended))
    return batch_name(batch.id)


async def found_verdict(stores: StoreClients, admin: Person) -> str:
    """One of the gate, with an outcome."""
    gate = Gates.load(GATES).get("default")
    new = NewVerdict(
        admin.organisation_id, admin.user_id, f"fake-llm:{MARK}", "fake-llm", gate, {"kind": "file", "file": MARK, "sha256": "0" * 64}
    )
    async with stores.database.session() as session:
        row = await GateVerdicts(session).add(new)
        row.outcome = "undecided"
    return str(row.id)


async def kept_optimisation(stores: StoreClients, admin: Person) -> str:
    """One with a sample and a change that may be applied."""
    async with stores.database.session() as session:
        row = await Optimisations(session).add(admin.organisation_id, admin.user_id, Wanted(optimisers=("parallel",)))
        session.add(OptimisationSample(optimisation_id=row.id, measurement=MARK, round=0, setting="8", value=1.0, more={}))
        change = {"kind": "served", "model": MARK, "field": "parallel", "before": 4, "after": 8}
        told = {"optimiser": "parallel", "subject": MARK, "state": "proposed", "reason": MARK, "how": ""}
        session.add(OptimisationChange(optimisation_id=row.id, number=0, change=change, **told))
    return str(row.id)


async def kept_dataset(stores: StoreClients, admin: Person) -> str:
    """One with a version."""
    owned = {"organisation_id": admin.organisation_id, "owner_id": admin.user_id}
    recipe = {"shape": "sft", "sources": [{"kind": "upload", "file_id": MARK}]}
    async with stores.database.session() as session:
        datasets = Datasets(session)
        row = await datasets.add({**owned, "name": MARK, "task": "chat", "shape": "sft", "recipe": recipe})
        await datasets.add_version(row, {"sha256": "0" * 64, "train": 1, "held_out": 1, "datasheet": {"dataset": MARK}})
    return str(row.id)


async def theirs(stores: StoreClients, person: Person, path: str) -> dict[str, str]:
    """What only its owner, or an admin, may do something with: one of ``person``."""
    if "{job_id}" in path:
        return {"job_id": await ended_job(stores, person)}
    if "{thread_id}" in path:
        return {"thread_id": await kept_thread(stores, person)}
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


async def labelled(client: httpx.AsyncClient, admin: Person) -> dict[str, str]:
    """A campaign with an item that the admin holds."""
    base = "/api/v1/active-learning"
    shown: dict[str, Any] = {"headers": admin.headers}
    made = await client.post(f"{base}/campaigns", json={"name": MARK, "task": MARK.lower(), "instructions": MARK}, **shown)
    campaign = made.json()["data"]["id"]
    line = {"source": {"id": MARK}, "messages": [{"role": "user", "content": MARK}]}
    assert (await client.post(f"{base}/campaigns/{campaign}/import", content=json.dumps(line), **shown)).status_code == 200
    held = (await client.post(f"{base}/campaigns/{campaign}/next", json={}, **shown)).json()["data"]["items"][0]
    return {"campaign_id": campaign, "label_item_id": held["item_id"], "assignment_id": held["assignment_id"]}


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

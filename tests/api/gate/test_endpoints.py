"""``/api/v1/gate``: verdicts are asked for, read, and decided about; what the gate found is never changed."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from api.audit.tables import AuditEvent
from api.web.principal import Role
from cluster.home import Home
from cluster.jobs.store import Jobs
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.store import Datasets
from cluster.learning.gate.held_out import HELD_OUT, path_of
from cluster.learning.gate.rule import Marked, decide
from cluster.learning.gate.store import GateVerdicts
from cluster.learning.gate.table import GateAnswer
from cluster.settings import Settings
from cluster.settings.gate import GateSettings
from cluster.specs.gate import GateSpec
from cluster.stores.clients import StoreClients
from tests.api.conftest import error_of
from tests.api.fixtures.people import Person, add_person

URL = "/api/v1/gate"
ITEM = {"messages": [{"role": "user", "content": "?"}], "chosen": "!", "source": {"kind": "upload", "id": "x"}}
CANDIDATE = "fake-llm:pirate"


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def upload(client: httpx.AsyncClient, who: Person) -> str:
    file = {"file": ("task.jsonl", json.dumps(ITEM).encode())}
    answer = await client.post("/v1/files", data={"purpose": "evals"}, files=file, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def ask(client: httpx.AsyncClient, who: Person, **fields: Any) -> httpx.Response:
    body = {"candidate": CANDIDATE, "held_out_file": await upload(client, who)} | fields
    return await client.post(f"{URL}/evaluate", json=body, headers=who.headers)


async def settle(stores: StoreClients, who: Person, verdict_id: str, *, better: bool) -> None:
    """Writes down what a job would find, of 100 items of each set: the candidate is better at the task, or worse."""
    async with stores.database.session() as session:
        row = (await GateVerdicts(session).get(who.organisation_id, uuid.UUID(verdict_id))).row
        gate = GateSpec.model_validate(row.gate)
        marks = [1.0] * 300, [0.0] * 300
        marked = {
            one.name: Marked(*(marks if better else marks[::-1])) if one.role == "task" else Marked(marks[0], marks[0]) for one in gate.sets
        }
        verdict = decide(gate, marked)
        row.outcome, row.verdict, row.inputs = verdict.outcome, verdict.model_dump(mode="json"), {"task": "0" * 64}
        for number in range(3):
            said = {"messages": ITEM["messages"], "expected": "!", "candidate": "!", "incumbent": "?", "candidate_mark": 1.0}
            session.add(GateAnswer(verdict_id=row.id, set_name="task", number=number, incumbent_mark=float(number == 1), **said))


@pytest.fixture
async def settled(client: httpx.AsyncClient, stores: StoreClients, admin: Person) -> str:
    """The id of a verdict that is: passed."""
    found = data(await ask(client, admin))
    await settle(stores, admin, found["id"], better=True)
    return str(found["id"])


async def test_a_verdict_is_asked_for_and_its_job_knows_it(client, stores, editor):
    found = data(await ask(client, editor))
    assert (found["candidate"], found["incumbent"], found["gate"]) == (CANDIDATE, "fake-llm", "default@2")
    assert (found["outcome"], found["reasons"], found["decision"]) == (None, [], None)
    assert found["state"] in {"queued", "running"}
    async with stores.database.session() as session:
        job = await Jobs(session).get(editor.organisation_id, uuid.UUID(found["job_id"]))
        noted = (await session.scalars(select(AuditEvent).where(AuditEvent.target == f"gate_verdict:{found['id']}"))).one()
    assert (job.kind, job.spec) == ("adapters.gate", {"verdict": found["id"]})
    assert (noted.action, noted.actor_id, noted.detail["candidate"]) == ("gate.asked", editor.user_id, CANDIDATE)


async def test_what_could_not_be_examined_is_refused_now(client, editor, stores):
    strangers = await upload(client, await add_person(stores))
    for wrong, status, told in (
        ({"candidate": "fake-lm:pirate"}, 404, "did you mean"),
        ({"candidate": "fake-llm:nobody"}, 404, "nobody"),
        ({"candidate": "fake-embedder"}, 404, "fake-embedder"),
        ({"candidate": "fake-llm"}, 400, "compared with itself"),
        ({"incumbent": "fake-embedder"}, 404, "fake-embedder"),
        ({"incumbent": CANDIDATE}, 400, "compared with itself"),
        ({"gate": "defualt"}, 404, "did you mean 'default'"),
        ({"held_out_file": "file-" + "0" * 32}, 404, "There is no file"),
        ({"held_out_file": "nothing"}, 404, "begin with 'file-'"),
        ({"held_out_file": strangers}, 404, "There is no file"),
        ({"candidate": 5}, 422, "candidate"),
        ({"candidate": "agent/answer"}, 400, "models of this machine"),
        ({"held_out_file": None}, 422, "'dataset' or 'held_out_file'"),
        ({"dataset": "parcels"}, 422, "'dataset' or 'held_out_file'"),
        ({"dataset": "parcels", "held_out_file": None}, 404, "There is no dataset 'parcels'"),
        ({"dataset": str(uuid.uuid4()), "held_out_file": None}, 404, "There is no dataset"),
        ({"dataset_version": 1}, 422, "'dataset_version' is of a 'dataset'"),
        ({"surplus": 1}, 422, "surplus"),
    ):
        answer = await ask(client, editor, **wrong)
        assert (answer.status_code, told in str(error_of(answer))) == (status, True), (wrong, answer.text)


async def test_what_a_dataset_holds_out_is_asked_in_the_version_that_there_is_now(client, stores, editor, store_settings):
    values = {"organisation_id": editor.organisation_id, "owner_id": editor.user_id, "name": "parcels", "task": "chat", "shape": "sft"}
    async with stores.database.session() as session:
        row = await Datasets(session).add({**values, "recipe": {"shape": "sft", "sources": []}})
        await Datasets(session).add_version(row, {"sha256": "5" * 64, "train": 1, "held_out": 1, "datasheet": {}})
    for split in ("train", "held_out"):
        path = DatasetFolders(Home(store_settings.home)).split(editor.organisation_id, row.id, "5" * 64, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ITEM) + "\n")
    for dataset in ("parcels", str(row.id)):
        asked = data(await ask(client, editor, dataset=dataset, held_out_file=None))
        found = data(await client.get(f"{URL}/verdicts/{asked['id']}", headers=editor.headers))
        assert found["held_out"] == {"kind": "dataset", "dataset": str(row.id), "version": 1, "sha256": "5" * 64}
    async with stores.database.session() as session:
        held_out = HELD_OUT.validate_python(found["held_out"])
        path = await path_of(stores.database, Home(store_settings.home), editor.organisation_id, held_out)
    assert path.name == "held_out.jsonl"


async def test_only_so_many_are_found_at_once(in_process, gateway, admin, store_settings):
    most = GateSettings(open_per_organisation=1)
    async with in_process(gateway, store_settings.model_copy(update={"gate": most})) as client:
        data(await ask(client, admin))
        answer = await ask(client, admin)
    assert (answer.status_code, "gate.open_per_organisation" in answer.text) == (429, True)


async def test_a_verdict_is_read_with_its_figures_and_side_by_side(client, editor, viewer, settled):
    found = data(await client.get(f"{URL}/verdicts/{settled}", headers=viewer.headers))
    assert (found["outcome"], found["state"], found["inputs"]) == ("passed", "decided", {"task": "0" * 64})
    assert [one["finding"] for one in found["sets"]] == ["better", "not_worse", "not_worse"]
    assert found["reasons"][0].startswith("task: better beyond noise; 100.0% against 0.0%")
    (listed,) = data(await client.get(f"{URL}/verdicts", params={"outcome": "passed"}, headers=viewer.headers))["verdicts"]
    assert (listed["id"], listed["reasons"]) == (settled, found["reasons"])
    assert data(await client.get(f"{URL}/verdicts", params={"outcome": "refused"}, headers=viewer.headers))["verdicts"] == []
    assert data(await client.get(f"{URL}/verdicts", params={"candidate": "other"}, headers=viewer.headers))["verdicts"] == []

    assert (await client.get(f"{URL}/verdicts/{settled}/answers", headers=viewer.headers)).status_code == 403
    pages: list[list[tuple[str, int]]] = []
    cursor = None
    while len(pages) < 5:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = data(await client.get(f"{URL}/verdicts/{settled}/answers", params=asked, headers=editor.headers))
        pages, cursor = [*pages, [(one["set"], one["number"]) for one in page["answers"]]], page["next_cursor"]
        if cursor is None:
            break
    assert pages == [[("task", 0), ("task", 1)], [("task", 2)]]
    differing = data(await client.get(f"{URL}/verdicts/{settled}/answers", params={"differing": True}, headers=editor.headers))
    assert [one["number"] for one in differing["answers"]] == [0, 2]
    assert differing["answers"][0]["candidate"] == {"text": "!", "mark": 1.0, "by": None, "error": None}
    assert data(await client.get(f"{URL}/verdicts/{settled}/answers", params={"set": "safety"}, headers=editor.headers))["answers"] == []
    wrong = await client.get(f"{URL}/verdicts/{settled}/answers", params={"cursor": "task.x"}, headers=editor.headers)
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "cursor")


async def test_a_person_decides_with_a_reason_and_the_verdict_stays(client, stores, admin, settled):
    url = f"{URL}/verdicts/{settled}/decision"
    found = data(await client.post(url, json={"decision": "reject", "reason": "Its tone is wrong."}, headers=admin.headers))
    assert (found["outcome"], found["decision"]["decision"], found["decision"]["overrides"]) == ("passed", "reject", True)
    assert (found["decision"]["name"], found["decision"]["by"]) == ("Somebody", str(admin.user_id))
    found = data(await client.post(url, json={"decision": "approve", "reason": "It was not."}, headers=admin.headers))
    assert [(one["decision"], one["overrides"], one["reason"]) for one in found["decisions"]] == [
        ("approve", False, "It was not."),
        ("reject", True, "Its tone is wrong."),
    ]
    assert found["reasons"][0].startswith("task: better beyond noise")
    async with stores.database.session() as session:
        chosen = select(AuditEvent).where(AuditEvent.target == f"gate_verdict:{settled}", AuditEvent.action == "gate.decided")
        noted = (await session.scalars(chosen.order_by(AuditEvent.created_at))).all()
    assert [(one.detail["decision"], one.detail["outcome"], one.detail["overrides"]) for one in noted] == [
        ("reject", "passed", True),
        ("approve", "passed", False),
    ]


async def test_only_an_admin_decides_and_not_without_a_reason_nor_before_there_is_a_verdict(client, admin, editor, settled):
    body = {"decision": "approve", "reason": "Because."}
    assert (await client.post(f"{URL}/verdicts/{settled}/decision", json=body, headers=editor.headers)).status_code == 403
    for wrong in ({"decision": "approve"}, body | {"reason": ""}, body | {"decision": "maybe"}):
        assert (await client.post(f"{URL}/verdicts/{settled}/decision", json=wrong, headers=admin.headers)).status_code == 422
    open_one = data(await ask(client, admin))["id"]
    answer = await client.post(f"{URL}/verdicts/{open_one}/decision", json=body, headers=admin.headers)
    assert (answer.status_code, "has not found anything yet" in answer.text) == (409, True)


async def test_what_goes_into_service_is_what_passed_or_a_person_approved(client, stores, admin):
    async def allowed() -> bool:
        async with stores.database.session() as session:
            return (await GateVerdicts(session).admission(admin.organisation_id, CANDIDATE)).allowed

    async def decide_on(verdict: str, decision: str) -> None:
        body = {"decision": decision, "reason": "Seen by hand."}
        data(await client.post(f"{URL}/verdicts/{verdict}/decision", json=body, headers=admin.headers))

    assert not await allowed(), "nothing is known of it"
    first = data(await ask(client, admin))["id"]
    assert not await allowed()
    await settle(stores, admin, first, better=True)
    assert await allowed()
    second = data(await ask(client, admin))["id"]
    assert await allowed(), "what is not known yet changes nothing"
    await settle(stores, admin, second, better=False)
    assert not await allowed(), "the latest counts"
    await decide_on(second, "approve")
    assert await allowed()
    await decide_on(second, "reject")
    assert not await allowed()


async def test_a_decision_stays_when_its_person_is_erased_without_their_name(client, stores, admin, settled):
    leaver = await add_person(stores, Role.ADMIN, admin)
    body = {"decision": "approve", "reason": "Read through."}
    data(await client.post(f"{URL}/verdicts/{settled}/decision", json=body, headers=leaver.headers))
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM users WHERE id = :id"), {"id": leaver.user_id})
    decision = data(await client.get(f"{URL}/verdicts/{settled}", headers=admin.headers))["decision"]
    assert (decision["decision"], decision["by"], decision["name"]) == ("approve", None, None)


async def test_gates_are_listed_as_they_are(client, viewer, store_settings: Settings):
    found = data(await client.get(f"{URL}/gates", headers=viewer.headers))["gates"]
    default = next(one for one in found if one["name"] == "default")
    assert {one["role"] for one in default["sets"]} == {"task", "regression", "safety"}


async def test_verdicts_are_one_organisations_and_nobody_elses(client, stores, settled):
    other = await add_person(stores)
    assert (await client.get(f"{URL}/verdicts/{settled}", headers=other.headers)).status_code == 404
    assert (await client.get(f"{URL}/verdicts/{settled}/answers", headers=other.headers)).status_code == 404
    body = {"decision": "approve", "reason": "Mine now."}
    assert (await client.post(f"{URL}/verdicts/{settled}/decision", json=body, headers=other.headers)).status_code == 404
    assert data(await client.get(f"{URL}/verdicts", headers=other.headers))["verdicts"] == []

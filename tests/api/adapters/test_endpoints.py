from __future__ import annotations

import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.usage.ledger import UsageLedger
from cluster.contracts.generation import GenerationRequest
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from tests.api.adapters.shelf import URL, data_of, taped, upload, zipped
from tests.api.conftest import error_of
from tests.api.fixtures.people import Person, add_person
from tests.cluster.learning.adapters.folders import write_adapter

CHAT = {"model": "hearth-nano", "messages": [{"role": "user", "content": "hello"}]}


async def ask(client: httpx.AsyncClient, person: Person, model: str = "hearth-nano", **fields):
    return await client.post("/v1/chat/completions", json={**CHAT, "model": model, **fields}, headers=person.headers)


def adapter_asked(gateway: FakeGateway) -> str | None:
    return gateway.asked_for(GenerationRequest)[-1].adapter


async def add(client: httpx.AsyncClient, person: Person, folder: Path, name: str = "records") -> Any:
    return data_of(await upload(client, zipped(folder), name, person.headers))


async def act(client: httpx.AsyncClient, person: Person, adapter: Any, what: str, body: object | None = None, method: str = "POST"):
    return await client.request(method, f"{URL}/{adapter['id']}/{what}", json=body if body is not None else None, headers=person.headers)


async def models(client: httpx.AsyncClient, person: Person) -> list[str]:
    return [entry["id"] for entry in (await client.get("/v1/models", headers=person.headers)).json()["data"]]


@pytest.mark.parametrize("pack", [zipped, taped, lambda folder: taped(folder, "w")], ids=["zip", "tar.gz", "tar"])
async def test_an_uploaded_adapter_may_be_asked_at_once(client, editor: Person, gateway: FakeGateway, folder: Path, pack):
    adapter = data_of(await upload(client, pack(folder), headers=editor.headers, lineage='{"dataset_sha256": "abc"}'))
    assert (adapter["model"], adapter["state"], adapter["rank"]) == ("hearth-nano:records@1", "candidate", 2)
    assert adapter["lineage"] == {"dataset_sha256": "abc", "source": "upload"}
    answer = await ask(client, editor, "hearth-nano:records")
    assert adapter_asked(gateway) == uuid.UUID(adapter["id"]).hex
    assert answer.json()["choices"][0]["provenance"]["served_by"] == "hearth-nano:records@1"
    assert "hearth-nano:records" in await models(client, editor)
    assert data_of(await client.get(f"{URL}/{adapter['id']}", headers=editor.headers)) == adapter


async def test_what_the_disk_cannot_hold_is_no_fault_of_whoever_sends_it(client, store_settings, editor: Person, folder: Path):
    place = Home(store_settings.home).adapters / str(editor.organisation_id)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    answer = await upload(client, zipped(folder), headers=editor.headers)
    assert answer.status_code == 503
    assert "nothing was taken" in error_of(answer)["message"]
    place.unlink()
    assert data_of(await client.get(URL, headers=editor.headers))["adapters"] == []
    data_of(await upload(client, zipped(folder), headers=editor.headers))


async def test_another_organisation_neither_sees_nor_asks_it(client, stores, editor: Person, folder: Path):
    adapter = await add(client, editor, folder)
    data_of(await act(client, await add_person(stores, colleague=editor), adapter, "promote", {"force": True}))
    other = await add_person(stores)
    assert error_of(await ask(client, other, "hearth-nano:records"))["code"] == "model_not_found"
    assert "hearth-nano:records" not in await models(client, other)
    assert (await ask(client, other)).json()["choices"][0].get("provenance") is None
    assert data_of(await client.get(URL, headers=other.headers))["adapters"] == []
    for method, what in (("GET", ""), ("DELETE", ""), ("POST", "/retire"), ("GET", "/statistics")):
        answer = await client.request(method, f"{URL}/{adapter['id']}{what}", headers=other.headers)
        assert answer.status_code == 404, (method, what, answer.text)
    assert (await act(client, other, adapter, "canary", {"percent": 5}, "PUT")).status_code == 404
    assert (await act(client, other, adapter, "promote", {"force": True})).status_code == 404


async def test_promoting_and_rolling_back_change_what_the_base_means(
    client, admin: Person, gateway: FakeGateway, folder: Path, tmp_path: Path
):
    one = await add(client, admin, folder)
    two = await add(client, admin, write_adapter(tmp_path / "two", seed=2))
    assert [adapter["version"] for adapter in data_of(await client.get(URL, headers=admin.headers))["adapters"]] == [2, 1]
    for adapter in (one, two):
        assert data_of(await act(client, admin, adapter, "promote", {"force": True}))["state"] == "in_service"
        told = (await ask(client, admin)).json()["choices"][0]["provenance"]["served_by"]
        assert told == adapter["model"]
    (route,) = data_of(await client.get(f"{URL}/routes", headers=admin.headers))["routes"]
    assert (route["default_id"], route["can_roll_back"]) == (two["id"], True)
    for expected in (one["id"], None):
        back = data_of(await client.post(f"{URL}/rollback", json={"base": "hearth-nano"}, headers=admin.headers))
        assert back["default_id"] == expected
        await ask(client, admin)
        assert adapter_asked(gateway) == (uuid.UUID(expected).hex if expected else None)
    again = await client.post(f"{URL}/rollback", json={"base": "hearth-nano"}, headers=admin.headers)
    assert error_of(again)["code"] == "conflict"


async def test_a_promotion_loads_the_adapter_before_requests_go_to_it(client, admin: Person, gateway: FakeGateway, folder: Path):
    adapter = await add(client, admin, folder)
    data_of(await act(client, admin, adapter, "promote", {"force": True}))
    (asked,) = [request for request in gateway.counted if isinstance(request, GenerationRequest)]
    assert asked.adapter == uuid.UUID(adapter["id"]).hex


async def test_only_an_admin_promotes_what_has_not_passed(client, admin: Person, editor: Person, folder: Path):
    adapter = await add(client, editor, folder)
    assert error_of(await act(client, editor, adapter, "promote", {}))["code"] == "conflict"
    assert error_of(await act(client, editor, adapter, "promote", {"force": True}))["code"] == "forbidden"
    assert data_of(await act(client, admin, adapter, "promote", {"force": True}))["approver_id"] == str(admin.user_id)


async def test_a_viewer_changes_nothing(client, editor: Person, viewer: Person, folder: Path):
    adapter = await add(client, editor, folder)
    assert (await upload(client, zipped(folder), headers=viewer.headers)).status_code == 403
    for what, body in (("promote", {}), ("retire", None)):
        assert (await act(client, viewer, adapter, what, body)).status_code == 403
    assert data_of(await client.get(f"{URL}/{adapter['id']}", headers=viewer.headers))["state"] == "candidate"


async def test_a_canary_gets_its_share_of_those_who_ask(client, editor: Person, gateway: FakeGateway, folder: Path):
    adapter = await add(client, editor, folder)
    route = data_of(await act(client, editor, adapter, "canary", {"percent": 50}, "PUT"))
    assert (route["canary_id"], route["percent"], route["default_id"]) == (adapter["id"], 50, None)
    chosen: dict[str, set[str | None]] = {}
    for _ in range(2):
        for person in map(str, range(20)):
            await ask(client, editor, user=person)
            chosen.setdefault(person, set()).add(adapter_asked(gateway))
    assert {len(adapters) for adapters in chosen.values()} == {1}
    assert len({adapters.pop() for adapters in chosen.values()}) == 2
    data_of(await act(client, editor, adapter, "canary", {"percent": 0}, "PUT"))
    await ask(client, editor, user="0")
    assert adapter_asked(gateway) is None


async def test_what_is_not_used_is_retired_and_deleted_with_its_files(client, store_settings, editor: Person, folder: Path):
    adapter = await add(client, editor, folder)
    data_of(await act(client, editor, adapter, "canary", {"percent": 5}, "PUT"))
    assert error_of(await act(client, editor, adapter, "retire"))["code"] == "conflict"
    data_of(await act(client, editor, adapter, "canary", {"percent": 0}, "PUT"))
    assert data_of(await act(client, editor, adapter, "retire"))["state"] == "retired"
    assert error_of(await ask(client, editor, "hearth-nano:records"))["code"] == "model_not_found"
    kept = store_settings.home / "adapters" / str(editor.organisation_id) / adapter["sha256"]
    assert kept.is_dir()
    data_of(await client.delete(f"{URL}/{adapter['id']}", headers=editor.headers))
    assert not kept.exists()
    assert (await client.get(f"{URL}/{adapter['id']}", headers=editor.headers)).status_code == 404


async def test_every_change_is_in_the_audit_log(client, admin: Person, folder: Path):
    adapter = await add(client, admin, folder)
    data_of(await act(client, admin, adapter, "canary", {"percent": 5}, "PUT"))
    data_of(await act(client, admin, adapter, "promote", {"force": True}))
    data_of(await client.post(f"{URL}/rollback", json={"base": "hearth-nano"}, headers=admin.headers))
    data_of(await act(client, admin, adapter, "retire"))
    data_of(await client.delete(f"{URL}/{adapter['id']}", headers=admin.headers))
    events = data_of(await client.get("/api/v1/audit?action=adapter", headers=admin.headers))["events"]
    assert [event["action"].partition(".")[2] for event in reversed(events)] == [
        "added", "canary", "promoted", "rolled_back", "retired", "removed",
    ]  # fmt: skip
    assert {event["actor_id"] for event in events} == {str(admin.user_id)}


async def test_statistics_count_what_it_answered_and_its_base(client, editor: Person, folder: Path):
    adapter = await add(client, editor, folder)
    for model in ("hearth-nano:records", "hearth-nano:records@1", "hearth-nano"):
        await ask(client, editor, model)
    ledger: UsageLedger = client._transport.app.state.usage
    await ledger.sent()
    await ledger.flush()
    found = data_of(await client.get(f"{URL}/{adapter['id']}/statistics?days=2", headers=editor.headers))
    assert (found["total"]["requests"], found["base_total"]["requests"], len(found["days"])) == (2, 1, 1)
    assert found["total"]["output_tokens"] > 0


def _files(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no archive at all", "neither a zip nor a tar"),
        (_files(readme__md=b"x"), "has no adapter_config.json and no adapter_model.safetensors"),
        (_files(adapter_config__json=b"{}", adapter_model__safetensors=b"x"), "peft_type"),
        (_files(adapter_config__json=b"0" * (2 << 20), adapter_model__safetensors=b"x"), "at most 1048576 are taken"),
    ],
)
async def test_what_is_no_adapter_is_refused_with_the_reason(client, editor: Person, content: bytes, said: str):
    answer = await upload(client, content, headers=editor.headers)
    assert answer.status_code in {413, 422}
    assert said in error_of(answer)["message"]


async def test_a_cut_archive_a_wrong_base_and_a_wrong_name_are_refused(client, editor: Person, folder: Path, tmp_path: Path):
    assert (await upload(client, zipped(folder)[:-300], headers=editor.headers)).status_code == 422
    assert (await upload(client, taped(folder)[:-300], headers=editor.headers)).status_code == 422
    narrow = write_adapter(tmp_path / "narrow", width=128)
    wrong = await upload(client, zipped(narrow), headers=editor.headers)
    assert (wrong.status_code, error_of(wrong)["param"]) == (422, "base")
    assert (await upload(client, zipped(folder), headers=editor.headers, base="nothing")).status_code == 404
    assert (await upload(client, zipped(folder), "Records!", editor.headers)).status_code in {400, 422}
    assert (await upload(client, zipped(folder), "base", editor.headers)).status_code == 400
    assert (await upload(client, zipped(folder), headers=editor.headers, lineage="[1]")).status_code == 400
    assert data_of(await client.get(URL, headers=editor.headers))["adapters"] == []


async def test_names_in_an_archive_lead_nowhere(client, store_settings, editor: Person, folder: Path):
    archive = zipped(folder, prefix="../../../../../../tmp/w/")
    adapter = data_of(await upload(client, archive, headers=editor.headers))
    kept = store_settings.home / "adapters" / str(editor.organisation_id) / adapter["sha256"]
    assert json.loads((kept / "adapter_config.json").read_text())["r"] == 2


async def test_pages_go_on_where_they_ended(client, editor: Person, folder: Path):
    for _ in range(3):
        await add(client, editor, folder)
    page = data_of(await client.get(f"{URL}?limit=2", headers=editor.headers))
    rest = data_of(await client.get(f"{URL}?limit=2&cursor={page['next_cursor']}", headers=editor.headers))
    assert [adapter["version"] for adapter in (*page["adapters"], *rest["adapters"])] == [3, 2, 1]
    assert rest["next_cursor"] is None
    assert data_of(await client.get(f"{URL}?state=passed", headers=editor.headers))["adapters"] == []

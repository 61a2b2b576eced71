from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.streams.context import SUMMARY
from cluster.contracts.generation import GenerationRequest
from cluster.retrieval.briefing import NOT_FOUND
from cluster.settings import ToolSettings
from cluster.tools.calls import CallHistory, Wanted
from cluster.tools.choices import Choice, Scope, ToolChoices
from tests.api.fixtures.knowing import Library
from tests.api.fixtures.tooling import Shop, open_shop
from tests.patience import PATIENCE_S

URL = "/api/v1/chat/mcp"
Event = dict[str, Any]


def asked(text: str = "How many goats?", **fields: Any) -> dict[str, Any]:
    return {"model": "fake-llm", "messages": [{"role": "user", "content": text}], **fields}


def events_in(text: str) -> list[Event]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")]


def of(kind: str, events: list[Event]) -> list[Event]:
    return [event for event in events if event["type"] == kind]


@asynccontextmanager
async def chatting(shop: Shop, *calls: list[tuple[str, str]]) -> AsyncIterator[httpx.AsyncClient]:
    shop.gateway.calls = list(calls)
    async with shop.client(await shop.person()) as client:
        yield client


async def data_of(client: httpx.AsyncClient, body: dict[str, Any], url: str = URL) -> dict[str, Any]:
    answer = await client.post(url, json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def waiting_for(client: httpx.AsyncClient) -> str:
    """The approval that a call waits for."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            pending = (await client.get(f"{URL}/approvals")).json()["data"]["items"]
            if pending:
                return str(pending[0]["id"])
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("url", [URL, "/api/chat/mcp"])
async def test_a_model_answers_from_what_its_tools_found(shop, url):
    async with chatting(shop, [("echo", '{"text": "3 goats"}'), ("always_fails", "{}")]) as client:
        data = await data_of(client, asked(), url)
    assert data["text"] == "You said: It cannot be done."
    assert {call["name"]: call["outcome"] for call in data["calls"]} == {"echo": "done", "always_fails": "failed"}
    assert (data["rounds"], data["finish_reason"], data["message_id"]) == (2, "stop", None)
    assert data["total_tokens"] == data["prompt_tokens"] + data["completion_tokens"] > 10


async def test_what_happens_is_told_as_it_happens(shop):
    async with chatting(shop, [("echo", '{"text": "3 goats"}')]) as client:
        answer = await client.post(f"{URL}/stream", json=asked(tools=["ec*"]))
    events = events_in(answer.text)
    assert answer.text.endswith("data: [DONE]\n\n")
    assert [event["type"] for event in events][:4] == ["start", "source", "tool_started", "tool_finished"]
    assert events[0]["tools"] == ["echo"]
    assert events[2]["arguments"] == '{"text": "3 goats"}'
    finished = of("tool_finished", events)[0]
    assert (finished["name"], finished["outcome"], finished["summary"], finished["flagged"]) == ("echo", "done", "3 goats", [])
    assert "".join(event["text"] for event in of("text", events)) == "You said: 3 goats"
    finish = of("finish", events)[0]
    assert (finish["rounds"], finish["status"], finish["usage"]["total_tokens"] > 0) == (2, "complete", True)


async def test_tools_are_called_in_the_name_of_whoever_asks(shop):
    shop.gateway.calls = [[("echo", '{"text": "a"}'), ("echo", '{"text": "b"}')]]
    mira = await shop.person()
    async with shop.client(mira) as client:
        await data_of(client, asked())
    callers = [call[2] for call in shop.tools.calls]
    assert {caller.user_id for caller in callers} == {mira.user_id}
    assert {caller.organisation_id for caller in callers} == {mira.organisation_id}
    assert len({caller.key for caller in callers}) == 2


async def test_a_tool_that_is_not_there_is_told_to_the_model_and_refused_to_a_caller(shop):
    async with chatting(shop, [("ecco", "{}")]) as client:
        data = await data_of(client, asked())
        refused = await client.post(URL, json=asked(tools=["ecco"]))
    assert data["calls"][0]["summary"] == "There is no tool 'ecco'; did you mean 'echo'?"
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "tools.0")
    assert "did you mean 'echo'" in refused.json()["error"]["message"]


async def test_no_tools_are_offered_where_none_are_wanted(shop):
    async with chatting(shop, [("echo", "{}")]) as client:
        data = await data_of(client, asked(tools=[], tool_choice="required"))
    assert (data["text"], data["calls"]) == ("You said: How many goats?", [])
    assert shop.gateway.asked_for(GenerationRequest)[0].tools == ()


@pytest.mark.parametrize(("approve", "sent"), [(True, ["Kees"]), (False, [])])
async def test_a_dangerous_call_waits_for_approval(shop, approve, sent):
    async with chatting(shop, [("mail_send", '{"to": "Kees"}')]) as client, client.stream("POST", f"{URL}/stream", json=asked()) as answer:
        told = []
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            told.append(event := json.loads(line.removeprefix("data: ")))
            if event["type"] == "approval":
                assert shop.tools.sent == []
                assert [each["tool"] for each in (await client.get(f"{URL}/approvals")).json()["data"]["items"]] == ["mail_send"]
                decision = await client.post(f"{URL}/approvals/{event['approval_id']}", json={"approve": approve})
                assert decision.json()["data"] == {"id": event["approval_id"], "approved": approve}
                again = await client.post(f"{URL}/approvals/{event['approval_id']}", json={"approve": True})
                assert again.status_code in {404, 409}
    finished = of("tool_finished", told)[0]
    assert (finished["outcome"], shop.tools.sent) == ("done" if approve else "denied", sent)
    assert approve or "did not approve" in finished["summary"]


async def test_nobody_approves_for_others(shop):
    async with chatting(shop, [("mail_send", '{"to": "Kees"}')]) as client, shop.client(await shop.person()) as other:
        asking = asyncio.create_task(data_of(client, asked()))
        approval = await waiting_for(client)
        assert (await other.get(f"{URL}/approvals")).json()["data"]["items"] == []
        url = f"{URL}/approvals/{approval}"
        assert (await other.post(url, json={"approve": True})).status_code == 404
        assert (await client.post(f"{URL}/approvals/{uuid.uuid4()}", json={"approve": True})).status_code == 404
        assert (await client.post(url, json={"approve": False})).status_code == 200
        assert (await asking)["calls"][0]["outcome"] == "denied"
        assert (await client.get(f"{URL}/approvals")).json()["data"]["items"] == []
    assert shop.tools.sent == []


async def test_what_nobody_approves_of_in_time_is_not_done(shop_settings):
    tools = shop_settings.tools.model_copy(update={"approval_s": 0.3})
    conversations = shop_settings.conversations.model_copy(update={"keepalive_s": 0.05})
    settings = shop_settings.model_copy(update={"tools": tools, "conversations": conversations})
    async with open_shop(settings) as shop, chatting(shop, [("mail_send", '{"to": "Kees"}')]) as client:
        answer = await client.post(f"{URL}/stream", json=asked())
    finished = of("tool_finished", events_in(answer.text))[0]
    assert (finished["outcome"], shop.tools.sent) == ("denied", [])
    assert "within 0.3 s" in finished["summary"]
    assert ": still here\n\n" in answer.text


async def test_what_was_approved_with_the_request_is_done_at_once(shop):
    async with chatting(shop, [("mail_send", '{"to": "Kees"}')]) as client:
        data = await data_of(client, asked(approve=["mail_send"]))
    assert (data["calls"][0]["outcome"], shop.tools.sent) == ("done", ["Kees"])


async def test_rounds_are_bounded_by_the_request_and_the_setting(shop):
    async with chatting(shop, *[[("echo", '{"text": "more"}')]] * 20) as client:
        two = await data_of(client, asked(rounds=2))
        shop.gateway.calls = [[("echo", '{"text": "more"}')]] * 20
        most = await data_of(client, asked(rounds=1000))
    assert (len(two["calls"]), len(most["calls"])) == (2, 12)
    assert two["text"] == "You said: more"


async def test_a_conversation_keeps_question_calls_and_answer(shop):
    async with chatting(shop, [("echo", '{"text": "3 goats"}'), ("always_fails", "{}")]) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={"system_prompt": "Be short."})).json()["data"]
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "<think>hm</think>How many?"}
        data = await data_of(client, body)
        messages = (await client.get(f"/api/v1/chat/conversations/{chat['id']}/messages")).json()["data"]["items"]
        every = (await client.get(f"/api/v1/chat/conversations/{chat['id']}/messages?branch=false")).json()["data"]["items"]
        again = await data_of(client, {**body, "content": "And sheep?"})
        after = (await client.get(f"/api/v1/chat/conversations/{chat['id']}")).json()["data"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "assistant"]
    assert [message["id"] for message in every] == [message["id"] for message in messages]
    assert [call["name"] for call in messages[1]["tool_calls"]] == ["echo", "always_fails"]
    assert [message["text"] for message in messages[2:4]] == ["3 goats", "It cannot be done."]
    assert messages[4]["id"] == data["message_id"]
    assert after["active_leaf_id"] == again["message_id"]
    assert after["usage_by_model"]["fake-llm"]["answers"] == 3
    assert after["total_tokens"] == data["total_tokens"] + again["total_tokens"]
    told = shop.gateway.asked_for(GenerationRequest)[-1].messages
    assert [message.role for message in told] == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert shop.tools.calls[0][2].workspace == f"conversation-{chat['id']}"


async def test_a_conversation_s_choice_goes_before_a_person_s_and_a_request_s_before_both(shop):
    shop.gateway.calls = []
    mira = await shop.person()
    choices = ToolChoices(shop.stores.database)
    async with shop.client(mira) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={})).json()["data"]
        await choices.set(Scope(mira.organisation_id, mira.user_id), Choice(("mail_*",)))
        await choices.set(Scope(mira.organisation_id, None, uuid.UUID(chat["id"])), Choice(("echo", "gone")))
        kept = {"model": "fake-llm", "conversation_id": chat["id"], "content": "hi"}
        offered = [
            events_in((await client.post(f"{URL}/stream", json=body)).text)[0]["tools"]
            for body in (asked(), kept, {**kept, "tools": ["waits"]})
        ]
    assert offered == [["mail_send"], ["echo"], ["waits"]]


async def test_calls_that_were_not_carried_out_are_in_the_history_too(shop):
    shop.gateway.calls = [[("ecco", "{}"), ("echo", "[1]"), ("mail_send", '{"to": "Kees"}')]]
    mira = await shop.person()
    async with shop.client(mira) as client:
        asking = asyncio.create_task(data_of(client, asked()))
        approval = await waiting_for(client)
        await client.post(f"{URL}/approvals/{approval}", json={"approve": False})
        await asking
    rows = await CallHistory(shop.stores.database, ToolSettings()).page(mira.organisation_id, Wanted(), 10)
    assert {(row.tool, row.outcome, row.error) for row in rows} == {
        ("ecco", "refused", "refused"),
        ("echo", "refused", "refused"),
        ("mail_send", "refused", "denied"),
    }


async def test_what_a_caller_left_behind_is_kept(shop, eventually):
    async with chatting(shop, [("echo", '{"text": "3 goats"}')], [("waits", "{}")]) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={})).json()["data"]
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "How many?"}
        asking = asyncio.create_task(client.post(URL, json=body))
        await eventually(lambda: shop.tools.waiting == 1)
        asking.cancel()
        await asyncio.wait((asking,))
        await eventually(lambda: shop.tools.waiting == 0)
        messages = (await client.get(f"/api/v1/chat/conversations/{chat['id']}/messages")).json()["data"]["items"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]


async def test_a_model_that_fails_is_an_error_and_a_failed_message(shop):
    shop.gateway.breaks_after = {"fake-llm": 2}
    shop.gateway.failures = {"fake-llm": RuntimeError("secret")}
    async with chatting(shop) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={})).json()["data"]
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "How many goats are there?"}
        answer = await client.post(f"{URL}/stream", json=body)
        messages = (await client.get(f"/api/v1/chat/conversations/{chat['id']}/messages")).json()["data"]["items"]
    assert "secret" not in answer.text
    assert '"code":"internal_error"' in answer.text
    assert (messages[-1]["status"], messages[-1]["text"]) == ("failed", "You said:")


async def test_a_message_that_does_not_fit_is_not_written_down(shop):
    async with chatting(shop) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={})).json()["data"]
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "goat " * 5000}
        refused = await client.post(URL, json=body)
        messages = (await client.get(f"/api/v1/chat/conversations/{chat['id']}/messages")).json()["data"]["items"]
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "context_length_exceeded")
    assert messages == []


async def test_documents_of_the_conversation_are_looked_up_and_what_is_cited_is_checked(shop):
    mira = await shop.person()
    library = Library(shop.stores, shop.app.state.parts.vectors, mira)
    farm = await library.collection("farm")
    await library.add(farm, "goats.pdf", "Goats climb steep hills at dawn.")
    shop.gateway.calls = [[("echo", '{"text": "Goats climb steep hills at dawn [1]. The moon is cheese [1]."}')]]
    async with shop.client(mira) as client:
        attached = {"collections": [farm], "settings": "keywords"}
        chat = (await client.post("/api/v1/chat/conversations", json={"knowledge": attached})).json()["data"]
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "When do goats climb hills?"}
        data = await data_of(client, body)
        messages = (await client.get(f"/api/v1/chat/conversations/{chat['id']}/messages")).json()["data"]["items"]
        shop.gateway.calls = []
        events = events_in((await client.post(f"{URL}/stream", json={**body, "content": "Where do goats sleep?"})).text)

    assert data["text"] == "You said: Goats climb steep hills at dawn [1]. The moon is cheese."
    assert ([one["quote"] for one in data["citations"]], data["knowledge"]["dropped"]["unsupported"]) == (
        ["Goats climb steep hills at dawn."],
        1,
    )
    assert messages[0]["text"] == "When do goats climb hills?"
    assert messages[-1]["citations"] == data["citations"]
    (shown,) = [one for one in shop.gateway.asked_for(GenerationRequest)[0].messages if one.role == "user"]
    assert "> Goats climb steep hills at dawn." in str(shown.content)
    assert of("citations", events)[0]["knowledge"]["found"] == 1


async def test_where_nothing_is_found_and_documents_are_required_no_model_is_asked(shop):
    mira = await shop.person()
    library = Library(shop.stores, shop.app.state.parts.vectors, mira)
    farm = await library.collection("farm")
    async with shop.client(mira) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={"knowledge": {"collections": [farm], "require": True}})).json()[
            "data"
        ]
        data = await data_of(client, {"model": "fake-llm", "conversation_id": chat["id"], "content": "Where are the sheep?"})

    assert (data["text"], data["total_tokens"]) == (NOT_FOUND, 0)
    assert shop.gateway.asked_for(GenerationRequest) == []


async def test_a_conversation_that_is_too_long_is_summarised_where_it_says_so(shop):
    async with chatting(shop) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={"auto_compact": True})).json()["data"]
        at = f"/api/v1/chat/conversations/{chat['id']}/messages"
        for number, name in enumerate(("one", "two", "three", "four", "five", "six")):
            said = {"role": "user" if number % 2 == 0 else "assistant", "content": f"{name} " * 800}
            assert (await client.post(at, json=said)).status_code == 200
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "and now?"}
        refused = await client.post(URL, json={**body, "compact": "off"})
        data = await data_of(client, body)

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "context_length_exceeded")
    assert data["prompt_tokens"] <= 4096
    told = shop.gateway.asked_for(GenerationRequest)[-1].messages
    assert str(told[0].content).startswith(SUMMARY)


@pytest.mark.parametrize(
    "body",
    [
        {"model": "fake-llm"},
        {**asked(), "compact": "summary"},
        {"model": "fake-llm", "content": "hi"},
        {**asked(), "conversation_id": str(uuid.uuid4()), "content": "hi"},
        {**asked(), "tools": ["no spaces"]},
        {**asked(), "tools": [{"type": "function", "function": {"name": "mine"}}]},
    ],
)
async def test_what_makes_no_sense_is_refused(shop, body):
    async with chatting(shop) as client:
        assert (await client.post(URL, json=body)).status_code == 422


async def test_another_s_conversation_is_not_there(shop):
    async with chatting(shop) as client, shop.client(await shop.person()) as other:
        chat = (await client.post("/api/v1/chat/conversations", json={})).json()["data"]
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "hi"}
        assert (await other.post(URL, json=body)).status_code == 404


async def test_what_the_answers_used_is_on_the_account(shop):
    async with chatting(shop, [("echo", '{"text": "3 goats"}')]) as client:
        data = await data_of(client, asked())
        await shop.app.state.usage.sent()
        await shop.app.state.usage.flush()
        (group,) = (await client.get("/api/v1/usage")).json()["data"]["groups"]
    assert (group["requests"], group["input_tokens"], group["output_tokens"]) == (2, data["prompt_tokens"], data["completion_tokens"])

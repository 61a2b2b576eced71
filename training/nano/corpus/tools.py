"""Choosing a tool and its arguments from given signatures, or none; and telling a person what a tool returned.

Example: user "Tools:\\nget_weather(city, day)\\nsend_mail(recipient, subject)\\n\\nWhat will the weather be in Sudale on 3 May?",
assistant ``{"tool": "get_weather", "arguments": {"city": "Sudale", "day": "3 May"}}``; where none fits, ``{"tool": null, "arguments": {}}``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from training.nano.corpus.chat import Conversation, Message, exercises
from training.nano.corpus.world import World, sentence

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"tool": {"type": ["string", "null"]}, "arguments": {"type": "object", "additionalProperties": {"type": "string"}}},
        "required": ["tool", "arguments"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Tool:
    """``names``: what it may be called; ``arguments``: alternative names and the kind of value of each; ``requests``: a grammar."""

    names: tuple[str, ...]
    arguments: tuple[tuple[tuple[str, ...], str], ...]
    requests: str


Named = tuple[Tool, str, list[str]]


def tool(names: str, arguments: str, requests: str) -> Tool:
    """``arguments``: "city/town=town day/date=date"; in requests they are {0}, {1}..."""
    pairs = [part.split("=") for part in arguments.split()]
    return Tool(tuple(names.split("/")), tuple((tuple(alternatives.split("/")), kind) for alternatives, kind in pairs), requests)


POLITE = "[|||please |can you |could you |I want you to |I need you to ]"
TOOLS = (
    tool(
        "get_weather/weather/forecast",
        "city/town/place=town day/date=date",
        "what [will the weather be|is the weather] [in|at] {0} on {1}|how is the weather in {0} on {1}|will it rain in {0} on {1}|[give me|show me|I need] the [weather|forecast] for {0} on {1}",
    ),
    tool(
        "send_mail/send_email/mail",
        "recipient/to=person subject/topic/about=subject",
        POLITE + "[write|send] [a mail|an email|a message] to {0} about the {1}|" + POLITE + "[mail|email|write to] {0} about the {1}",
    ),
    tool("call_phone/dial/make_call", "number/phone=number", POLITE + "[call|dial|ring|phone] [the number |]{0}"),
    tool(
        "find_person/lookup_person/search_staff",
        "name/person=person",
        "who is {0}|" + POLITE + "[find|look up|search for] [the person |]{0}[| in the staff list]|where can I find {0}",
    ),
    tool("book_room/reserve_room", "room=room date/day=date", POLITE + "[book|reserve] {0} for {1}|I [need|want] {0} on {1}"),
    tool(
        "create_task/add_task/new_task",
        "owner/assignee=person title/task/object=subject",
        POLITE + "[create|add|open] a task [about|for] the {1} for {0}|{0} should take care of the {1}, [add|make] a task",
    ),
    tool(
        "set_price/change_price/update_price",
        "product/item=thing price/amount=price",
        POLITE + "[set|change|update] the price of {0} to {1}|{0} should cost {1} from now on",
    ),
    tool(
        "order_item/buy/place_order",
        "item/product=thing quantity/count/amount=number",
        POLITE + "[order|buy|get] {1} [pieces|units] of {0}|we need {1} more of {0}",
    ),
    tool(
        "get_status/check_status/status_of",
        "item/object/device=thing",
        "what is the [status|state] of {0}|how is {0} doing|" + POLITE + "check [the status of |on ]{0}",
    ),
    tool(
        "set_temperature/heat_to",
        "device/room=room value/degrees/temperature=degrees",
        POLITE + "[set|heat|bring] {0} to {1}|make it {1} in {0}",
    ),
    tool(
        "find_route/directions/plan_route",
        "start/origin/from=town goal/destination/to=town",
        "how do I [get|travel|drive] from {0} to {1}|" + POLITE + "[find|show|plan] [the way|a route] from {0} to {1}",
    ),
    tool(
        "convert_money/exchange",
        "amount/sum=price currency/target=currency",
        POLITE + "[convert|change|exchange] {0} [into|to] {1}|how much is {0} in {1}|what are {0} worth in {1}",
    ),
    tool(
        "search_documents/search/find_documents",
        "query/text/words=subject",
        POLITE
        + "[search|look] [the documents |our files |]for the {0}|[which|what] documents [mention|are about] the {0}|find [documents|files|pages] about the {0}",
    ),
    tool(
        "open_ticket/report_fault/create_ticket",
        "device/item=thing problem/state/fault=state",
        "{0} is {1}, [open a ticket|report it]|" + POLITE + "[open a ticket|report] that {0} is {1}",
    ),
    tool("set_alarm/wake_at/set_reminder", "time/clock=clock", POLITE + "[wake me|set an alarm|remind me] [at|for] {0}"),
    tool(
        "schedule_meeting/plan_meeting/arrange_meeting",
        "person/guest/with=person time/start/clock=clock",
        POLITE + "[schedule|plan|arrange|set up] a meeting with {0} at {1}|I [want|need] to meet {0} at {1}",
    ),
    tool(
        "track_parcel/find_parcel/track",
        "code/number/parcel=code",
        "where is [parcel|package] {0}|" + POLITE + "[track|find|trace] [parcel|package|the parcel] {0}",
    ),
    tool("paint/change_colour", "object/item=thing colour/paint=colour", POLITE + "[paint|colour] {0} {1}|make {0} {1}"),
    tool(
        "company_info/get_company/about_company",
        "company/firm/name=company",
        "what [do you know|can you tell me] about {0}|" + POLITE + "[find|show|get] [information|details] [on|about] {0}",
    ),
    tool(
        "move_item/relocate/bring",
        "item/object=thing target/to/room=room",
        POLITE + "[move|bring|take|carry] {0} to {1}|{0} belongs in {1}, move it",
    ),
    tool("weigh/get_weight", "item/object=thing", "how [much does {0} weigh|heavy is {0}]|" + POLITE + "[weigh|find the weight of] {0}"),
    tool(
        "translate/translate_word",
        "word/text=word language/target=language",
        POLITE + "translate {0} [into|to] {1}|what is {0} in {1}|how do you say {0} in {1}",
    ),
)
CURRENCIES = ("euros", "dollars", "crowns", "francs", "pounds")
LANGUAGES = ("German", "French", "Spanish", "Italian", "Dutch", "Polish", "Greek", "Danish", "Czech", "Finnish")
TASK = (
    "[choose|pick|select] [the right tool|a tool|the tool to call|one tool][| and its arguments][|, or none]|[which tool|what tool] [should be called|fits|is needed]|"
    "[answer|reply] with [the tool call|a tool call|the tool and its arguments] as JSON|you [can|may] [use|call] these tools[|, one at a time]"
)
IDLE = "[thank you|thanks a lot|well done]|[hello|good morning|hi][| there]|[tell me a joke|sing a song|how are you|write a poem]|I [like|enjoy] the {n}|the {n} is [nice|big|old]|what do you think of the {n}|why is the {n} so [big|small|old]"
HEADS = ("Tools:\n", "Functions:\n", "You can call:\n", "Available tools:\n")


def tools(world: World) -> Conversation:
    """Two to seven signatures and requests; one time in four none of them fits."""
    rng = world.rng
    offered = [_named(world, item) for item in rng.sample(TOOLS, rng.randint(2, 7))]
    drawn = [_exercise(world, offered) for _ in range(world.turns())]
    listing = "\n".join(_signature(world, name, arguments) for _, name, arguments in offered)
    texts = [text for text, _ in drawn]
    return exercises("tools", _opening(world, listing, texts[0]), texts[1:], [answer for _, answer in drawn], SCHEMA)


def _exercise(world: World, offered: Sequence[Named]) -> tuple[str, str]:
    """A request, and the call that it wants."""
    if world.chance(0.25):
        others = [other for other in TOOLS if other not in [known for known, _, _ in offered]]
        text = _idle(world) if world.chance(0.35) else _request(world, world.rng.choice(others))[0]
        return text, json.dumps({"tool": None, "arguments": {}})
    item, name, arguments = world.rng.choice(offered)
    text, values = _request(world, item)
    return text, json.dumps({"tool": name, "arguments": dict(zip(arguments, values, strict=True))}, ensure_ascii=False)


def _named(world: World, item: Tool) -> Named:
    """A tool under one of its names, with one name for each argument."""
    return item, world.rng.choice(item.names), [world.rng.choice(names) for names, _ in item.arguments]


def _signature(world: World, name: str, arguments: list[str]) -> str:
    return (
        f"{name}({', '.join(arguments)})"
        if world.split == "train" and world.chance(0.4)
        else f"{name}({', '.join(f'{a}: string' for a in arguments)})"
    )


def _request(world: World, item: Tool) -> tuple[str, list[str]]:
    values = [_value(world, kind) for _, kind in item.arguments]
    pattern = world.pick(item.requests)
    return sentence(
        pattern.format(*values),
        world.rng.choice((".", "")) if not pattern.startswith(("what", "how", "who", "where", "will", "which")) else "?",
    ), values


def _value(world: World, kind: str) -> str:
    if kind in ("currency", "language"):
        return world.rng.choice(CURRENCIES if kind == "currency" else LANGUAGES)
    if kind == "word":
        return world.maker.word()
    return "the " + world.maker.value("thing") if kind == "thing" else world.maker.value(kind)


def _idle(world: World) -> str:
    return sentence(world.pick(IDLE).replace("{n}", world.maker.value("subject")), "")


def _opening(world: World, listing: str, request: str) -> list[Message]:
    rng = world.rng
    task = world.written(world.pick(TASK), end="") + "."
    head = rng.choice(HEADS)
    if world.chance(0.5):
        return [
            Message("system", f"{task}\n{head}{listing}" if world.chance(0.7) else f"{head}{listing}\n{task}"),
            Message("user", request),
        ]
    return [
        Message(
            "user",
            f"{task}\n{head}{listing}\n\n{rng.choice(('', 'Request: ', 'User: '))}{request}"
            if world.chance(0.7)
            else f"{head}{listing}\n\n{request}",
        )
    ]


def tool_result(world: World) -> Conversation:
    """A question, what a tool found, and the answer in a sentence."""
    fact = world.facts(1)[0]
    others = [world.fact_of(kind, fact.subject) for kind in world.kinds(fact.kind.subject, 3)]
    found = {other.noun.replace(" ", "_"): other.value for other in others if other.kind.name != fact.kind.name and other.noun != fact.noun}
    found[fact.noun.replace(" ", "_")] = fact.value
    names = list(found)
    world.rng.shuffle(names)
    result = json.dumps({name: found[name] for name in names}, ensure_ascii=False)
    call = json.dumps({"tool": world.rng.choice(("search", "lookup", "find")), "arguments": {"name": fact.subject}}, ensure_ascii=False)
    said = sentence(f"the {fact.noun} of {fact.subject} is {fact.value}")
    question = sentence(f"what is the {fact.noun} of {fact.subject}", "?")
    return Conversation(
        "tool_result", (Message("user", question), Message("assistant", call), Message("tool", result), Message("assistant", said))
    )

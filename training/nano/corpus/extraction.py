"""JSON by a given schema, read from a text: records, entities with types, relations, state changes, action items with owner and date.

Example: user "Extract JSON by this schema: {"type": "object", "properties": {"changes": ...}}\\n\\nText: The Velm pump went from idle to
blocked.", assistant ``{"changes": [{"entity": "the Velm pump", "attribute": "status", "from": "idle", "to": "blocked"}]}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from training.nano.corpus.changes import ATTRIBUTES, change, change_statement
from training.nano.corpus.chat import Conversation, Message, exercises
from training.nano.corpus.world import World, sentence

Json = dict[str, object]
ENTITY_TYPES = {
    "person": "person",
    "company": "organisation",
    "town": "place",
    "the_thing": "product",
    "project": "project",
    "meeting": "event",
}
VALUE_TYPES = {"person": "person", "company": "organisation", "town": "place"}
ENTITY_KEYS = (("entities", "name", "type"), ("entities", "text", "label"), ("mentions", "name", "kind"), ("items", "entity", "type"))
RELATION_KEYS = (
    ("relations", "subject", "relation", "object"),
    ("triples", "head", "relation", "tail"),
    ("facts", "subject", "predicate", "value"),
    ("links", "from", "type", "to"),
)
CHANGE_KEYS = (
    ("changes", "entity", "attribute", "from", "to"),
    ("changes", "subject", "property", "old", "new"),
    ("events", "entity", "field", "before", "after"),
    ("transitions", "object", "attribute", "from", "to"),
)
ACTION_KEYS = (
    ("action_items", "owner", "task", "due"),
    ("actions", "who", "what", "when"),
    ("tasks", "assignee", "task", "deadline"),
    ("todos", "person", "action", "date"),
)
VERBS = "send|write|check|repair|order|clean|print|prepare|review|paint|test|deliver|buy|update|replace|measure|return|sell|sign|translate".split(
    "|"
)
PROMISE = (
    "{p} [will|is going to|has to|must|should|agreed to|promised to|is to|offered to] {a}{d}|{p}, please {a}{d}|[action|to do|task]: {p} to {a}{d}|it is up to {p} to {a}{d}|we [asked|told] {p} to {a}{d}|"
    "{p} takes care of it and will {a}{d}|[can|could] {p} {a}{d}: yes|{p} said: I will {a}{d}"
)
DUE = " by {v}| before {v}| no later than {v}| until {v}| on {v}|, due on {v}|, due {v}|, deadline {v}"
MOST_RELATIONS = 4
TASK = (
    "[extract|read|take|pull out|collect] [JSON|the data|the facts|the information] [by|according to|that matches|in the form of] [this schema|the schema|the following schema]|"
    "[fill|fill in|complete] [this schema|the schema|the following schema] from the text|[answer|reply] with JSON [that matches|by|according to] [this schema|the schema]|[turn|convert] the text into JSON by [this schema|the schema]"
)


@dataclass(frozen=True)
class Form:
    """``schema``, and ``draw``: a text with the JSON that it makes by it."""

    schema: Json
    draw: Callable[[], tuple[str, Json]]


def extraction(world: World) -> Conversation:
    """A schema and texts, the JSON of each."""
    make: Callable[[World], Form] = world.rng.choice((_record, _record, _entities, _relations, _changes, _actions, _actions))
    form = make(world)
    drawn = [form.draw() for _ in range(world.turns())]
    shown = json.dumps(form.schema)
    head = world.rng.choice(("Text: ", "Text:\n", "Input: ", ""))
    texts = [head + text for text, _ in drawn]
    answers = [json.dumps(answer, ensure_ascii=False) for _, answer in drawn]
    return exercises("extraction", _opening(world, shown, texts[0]), texts[1:], answers, shown)


def _opening(world: World, schema: str, text: str) -> list[Message]:
    task = world.written(world.pick(TASK), end="")
    form = world.rng.random()
    if form < 0.3:
        return [Message("system", f"{task}: {schema}"), Message("user", text)]
    if form < 0.75:
        return [Message("user", f"{task}: {schema}\n\n{text}")]
    return [Message("user", f"{text}\n\n{task}:\n{schema}")]


def _object(properties: Mapping[str, object]) -> Json:
    return {"type": "object", "properties": dict(properties), "required": list(properties), "additionalProperties": False}


def _listed(key: str, properties: Mapping[str, object]) -> Json:
    return _object({key: {"type": "array", "items": _object(properties)}})


def _noisy(world: World, sentences: Sequence[str]) -> str:
    """The sentences in order, with fillers between them now and then."""
    told: list[str] = []
    for text in sentences:
        if world.chance(0.2):
            told.append(world.filler())
        told.append(text)
    return " ".join(told)


def _record(world: World) -> Form:
    """One subject, a field for each of several kinds of fact; what the text does not say is null."""
    first = world.about_one(world.rng.randint(2, 5))
    nouns = list(dict.fromkeys(fact.noun for fact in first))
    world.rng.shuffle(nouns)
    fields = {noun.replace(" ", "_"): {"type": ["string", "null"]} for noun in nouns}
    schema = _object({"name": {"type": "string"}, **fields})

    def draw() -> tuple[str, Json]:
        subject = world.subject(first[0].kind.subject)
        facts = [replace(world.fact_of(fact.kind, subject), noun=fact.noun) for fact in first]
        told = [fact for fact in facts if world.chance(0.8)] or facts[:1]
        values = {fact.noun: fact.value for fact in told}
        answer: Json = {"name": subject, **{noun.replace(" ", "_"): values.get(noun) for noun in nouns}}
        return world.told(told, fillers=world.rng.choice((0, 0, 1))), answer

    return Form(schema, draw)


def _entities(world: World) -> Form:
    """Names in the order in which they stand, of the types that the schema lists and no others."""
    types = sorted(set(ENTITY_TYPES.values()))
    wanted = world.rng.sample(types, world.rng.randint(2, len(types)))
    outer, name_key, type_key = world.rng.choice(ENTITY_KEYS)

    def draw() -> tuple[str, Json]:
        facts = world.facts(world.rng.randint(1, 4))
        text = world.told(facts)
        names = {fact.subject: ENTITY_TYPES[fact.kind.subject] for fact in facts}
        names |= {fact.value: VALUE_TYPES[fact.kind.value] for fact in facts if fact.kind.value in VALUE_TYPES}
        places = sorted((text.casefold().find(name.casefold()), name) for name in names)
        found = [{name_key: name, type_key: names[name]} for place, name in places if place >= 0 and names[name] in wanted]
        return text, {outer: found}

    return Form(_listed(outer, {name_key: {"type": "string"}, type_key: {"enum": wanted}}), draw)


def _relations(world: World) -> Form:
    """Facts whose relation the schema lists; the others are distractors."""
    facts = [fact for fact in world.facts(world.rng.randint(2, 4)) if fact.kind.statements] or world.about_one(1, "person")
    kinds = list({fact.kind.name: fact.kind for fact in facts}.values())
    wanted = {kind.name for kind in world.rng.sample(kinds, max(1, len(kinds) - world.rng.choice((0, 0, 1))))}
    absent = [kind.name for kind in world.kinds(kinds[0].subject, 2) if kind.name not in {one.name for one in kinds}]
    offered = [*sorted(wanted), *absent]
    world.rng.shuffle(offered)
    outer, head, relation, tail = world.rng.choice(RELATION_KEYS)

    def draw() -> tuple[str, Json]:
        several = [kind for kind in kinds if world.chance(0.8)] or kinds[:1]
        # Often of two who are alike, so that who and what must both be matched.
        first = {kind: world.subject(kind) for kind in dict.fromkeys(one.subject for one in several)}
        subjects = {kind: [one, world.related(one, kind)] if world.chance(0.5) else [one] for kind, one in first.items()}
        facts = [world.fact_of(kind, subject) for kind in several for subject in dict.fromkeys(subjects[kind.subject])][:MOST_RELATIONS]
        found = [{head: fact.subject, relation: fact.kind.name, tail: fact.value} for fact in facts if fact.kind.name in wanted]
        return world.told(facts), {outer: found}

    return Form(_listed(outer, {head: {"type": "string"}, relation: {"enum": offered}, tail: {"type": "string"}}), draw)


def _changes(world: World) -> Form:
    outer, entity, attribute, before, after = world.rng.choice(CHANGE_KEYS)
    offered = sorted(world.rng.sample(sorted(ATTRIBUTES), world.rng.randint(2, 6)))
    schema = _listed(
        outer, {entity: {"type": "string"}, attribute: {"enum": offered}, before: {"type": "string"}, after: {"type": "string"}}
    )

    def draw() -> tuple[str, Json]:
        items = [change(world, offered) for _ in range(world.rng.randint(1, 3))]
        sentences = [change_statement(world, item) for item in items]
        if world.chance(0.4):
            sentences.insert(world.rng.randrange(len(sentences) + 1), world.statement(world.facts(1)[0]))
        found = [{entity: item.subject, attribute: item.attribute, before: item.before, after: item.after} for item in items]
        return _noisy(world, sentences), {outer: found}

    return Form(schema, draw)


def _actions(world: World) -> Form:
    """Promises with a date or without; statements between them are no actions."""
    outer, owner, task, due = world.rng.choice(ACTION_KEYS)

    def draw() -> tuple[str, Json]:
        found: list[Json] = []
        sentences = []
        for _ in range(world.rng.randint(1, 3)):
            person, action = world.maker.person(), f"{world.rng.choice(VERBS)} the {world.maker.value('subject')}"
            date = world.maker.value("date") if world.chance(0.75) else None
            ending = world.pick(DUE).format(v=date) if date else ""
            sentences.append(sentence(world.pick(PROMISE).format(p=person, a=action, d=ending)))
            found.append({owner: person, task: action, due: date})
        if world.chance(0.4):
            sentences.insert(world.rng.randrange(len(sentences) + 1), world.statement(world.facts(1)[0]))
        return _noisy(world, sentences), {outer: found}

    return Form(_listed(outer, {owner: {"type": "string"}, task: {"type": "string"}, due: {"type": ["string", "null"]}}), draw)

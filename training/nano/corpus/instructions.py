"""Questions with an order about the form of the answer: in JSON, in one word, in N words, in a full sentence, as a list.

Example: user "Passage: Okan Prest lives in Sudale.\\n\\nQuestion: Where does Okan Prest live? Answer in JSON.", assistant ``{"answer": "Sudale"}``.
"""

from __future__ import annotations

import json

from training.nano.corpus.chat import ABSTENTION, Conversation, Message, ask
from training.nano.corpus.world import Fact, World, sentence

FORMS = ("json", "json", "one_word", "n_words", "n_words", "sentence", "list")
ORDERS = {
    "json": '[answer|reply|respond|give the answer|write the answer] [in JSON|as JSON|as a JSON object][| with the key "answer"]|[only JSON|JSON only|use JSON], please',
    "one_word": "[answer|reply|respond|give the answer] [in one word|with one word|in a single word|with a single word]|[one word only|just one word|a single word, please]",
    "n_words": "[answer|reply|respond|give the answer] [in|with|in exactly|using] {n} words|[{n} words only|just {n} words|exactly {n} words, please]",
    "sentence": "[answer|reply|respond|give the answer] [in|with|as] [a full sentence|a complete sentence|a whole sentence]|[a full sentence, please|use a full sentence]",
}
LISTING = "[list|name|give|write down] [all|the] [{k}|{k} in the text|{k} that are mentioned][|, separated by commas| with commas between them]|which {k} [are mentioned|does the text name|are named], as a list with commas"
NAMED = {"person": "people", "company": "companies", "town": "towns", "project": "projects", "meeting": "meetings"}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def instructions(world: World) -> Conversation:
    """A passage, a question, and the form; what the passage does not say stays the one abstention, in JSON null."""
    form = world.rng.choice(FORMS)
    if form == "list":
        return _list(world)
    facts = world.facts(world.rng.randint(1, 3))
    fact = world.rng.choice(facts)
    if form == "one_word":
        facts, fact = _one_word(world)
    if world.chance(0.1) and form in ("json", "sentence"):
        missing = world.unstated(facts)
        answer = json.dumps({"answer": None}) if form == "json" else ABSTENTION
        return _talk(world, world.told(facts), world.question(missing), _order(world, form), answer)
    order, answer = _asked(world, form, fact)
    return _talk(world, world.told(facts), world.question(fact), order, answer)


def _one_word(world: World) -> tuple[list[Fact], Fact]:
    """Facts among which one has a value of a single word."""
    while True:
        facts = world.facts(world.rng.randint(1, 3))
        single = [fact for fact in facts if len(fact.value.split()) == 1]
        if single:
            return facts, world.rng.choice(single)


def _asked(world: World, form: str, fact: Fact) -> tuple[str, str]:
    """The order and the answer that obeys it. N words are the value alone or the whole sentence, whichever has N."""
    whole = _whole(fact)
    if form == "json":
        return _order(world, form), json.dumps({"answer": fact.value}, ensure_ascii=False)
    if form == "sentence":
        return _order(world, form), whole
    if form == "one_word":
        return _order(world, form), fact.value
    said = whole.rstrip(".") if world.chance(0.6) else fact.value
    count = len(said.split())
    if count == 1:
        return _order(world, "one_word"), said
    number = NUMBERS[count] if count < len(NUMBERS) and world.chance(0.5) else str(count)
    return _order(world, form).replace("{n}", number), said


def _order(world: World, form: str) -> str:
    return sentence(world.pick(ORDERS[form]))


def _whole(fact: Fact) -> str:
    return sentence(f"{fact.subject} {fact.kind.clause.format(v=fact.value)}")


def _list(world: World) -> Conversation:
    """All subjects of one kind, in the order in which they stand."""
    facts = world.facts(world.rng.randint(2, 5))
    kind = world.rng.choice([fact.kind.subject for fact in facts])
    while kind not in NAMED:
        facts = world.facts(world.rng.randint(2, 5))
        kind = world.rng.choice([fact.kind.subject for fact in facts])
    passage = world.told(facts)
    wanted = [fact.subject for fact in facts if fact.kind.subject == kind]
    wanted += [fact.value for fact in facts if fact.kind.value == kind]
    places = {name: passage.casefold().find(name.casefold()) for name in wanted}
    found = sorted(places, key=lambda name: (places[name], -len(name)))
    question = sentence(world.pick(LISTING).replace("{k}", NAMED[kind]))
    return _talk(world, passage, question, "", ", ".join(found))


def _talk(world: World, passage: str, question: str, order: str, answer: str) -> Conversation:
    if order and world.chance(0.3):
        messages = (Message("system", order), Message("user", ask(passage, question)))
        return Conversation("instructions", (*messages, Message("assistant", answer)))
    asked = " ".join(part for part in ((question, order) if world.chance(0.8) else (order, question)) if part)
    text = ask(passage, asked) if world.chance(0.7) else f"{passage}\n\n{asked}"
    return Conversation("instructions", (Message("user", text), Message("assistant", answer)))

"""Answers from numbered passages, with the number of the passage; or that they do not say.

Example: user "Passages:\\n[1] Tamira Voskel runs Brel Foods.\\n[2] Okan Prest now lives in Sudale.\\n\\nQuestion: Where does Okan Prest live?",
assistant "Sudale [2]"; then user "How old is Okan Prest?", assistant "The passage does not say."
"""

from __future__ import annotations

from training.nano.corpus.changes import Change, change, change_question, change_statement
from training.nano.corpus.chat import ABSTENTION, Conversation, Message, ask, ask_numbered
from training.nano.corpus.world import Fact, World

SYSTEM = (
    "[answer|answer the question|reply] [from the passages|with words from the passages|only from the passages] and [cite them like [1]|name the passage like [1]|give its number]."
).replace("[1]", "<1>")
HEADINGS = ("Context", "Sources", "Documents", "Search results", "Notes", "Texts")


def grounded(world: World) -> Conversation:
    """One to six passages, and a question or several; in training about as many as there are facts."""
    rng = world.rng
    facts = world.facts(rng.choice((1, 2, 3, 3, 4, 5, 6, 8, 10, 12)))
    changed = [change(world) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    passages, home = _passages(world, facts, changed)
    count = rng.randint(1, 4 if world.split == "held_out" else max(4, min(8, len(facts))))
    questions = [_question(world, facts, changed, home) for _ in range(count)]
    unique = list(dict(questions).items())
    numbered = len(passages) > 1 or world.chance(0.6)
    messages = _opening(world, passages, unique[0][0], numbered)
    for number, (question, answer) in enumerate(unique):
        said = answer if numbered else answer.rsplit(" [", 1)[0]
        messages += [Message("user", question)] if number else []
        messages.append(Message("assistant", said))
    return Conversation("grounded", tuple(messages))


def _passages(world: World, facts: list[Fact], changed: list[Change]) -> tuple[list[str], dict[Fact | Change, int]]:
    """The facts told in passages of one to three, and the number of the passage of each."""
    rng = world.rng
    passages: list[str] = []
    home: dict[Fact | Change, int] = {}
    rest = list(facts)
    if world.chance(0.4):
        rng.shuffle(rest)
    while rest:
        size = rng.choice((1, 1, 2, 2, 3, 4)) if len(facts) > 2 else len(facts)
        told, rest = rest[:size], rest[size:]
        passages.append(world.told(told, fillers=rng.choice((0, 0, 0, 1, 2))))
        home |= dict.fromkeys(told, len(passages))
    for item in changed:
        number = rng.randrange(len(passages))
        passages[number] += " " + change_statement(world, item)
        home[item] = number + 1
    if world.chance(0.1):
        passages.append(world.filler())
    return passages, home


def _question(world: World, facts: list[Fact], changed: list[Change], home: dict[Fact | Change, int]) -> tuple[str, str]:
    if world.chance(0.28):
        return world.question(world.unstated(facts)), ABSTENTION
    if changed and world.chance(0.4):
        asked = world.rng.choice(changed)
        question, answer = change_question(world, asked)
        return question, f"{answer} [{home[asked]}]"
    fact = world.rng.choice(facts)
    return world.question(fact), f"{fact.value} [{home[fact]}]"


def _opening(world: World, passages: list[str], question: str, numbered: bool) -> list[Message]:
    """Mostly the wording of `ask_numbered`; sometimes another, so that the model does not depend on it."""
    rng = world.rng
    if not numbered:
        return [Message("user", ask(passages[0], question))]
    system = [Message("system", _system(world))] if world.chance(0.35) else []
    if world.chance(0.55):
        return [*system, Message("user", ask_numbered(passages, question))]
    listing = rng.choice(("\n", "\n\n")).join(f"[{number}] {text}" for number, text in enumerate(passages, 1))
    heading = rng.choice((f"{rng.choice(HEADINGS)}:\n", ""))
    if world.chance(0.2):
        return [Message("system", f"{_system(world)}\n\n{heading}{listing}"), Message("user", question)]
    if world.chance(0.2):
        return [*system, Message("user", f"{question}\n\n{heading}{listing}")]
    label = rng.choice(("Question: ", "", "Q: "))
    return [*system, Message("user", f"{heading}{listing}\n\n{label}{question}")]


def _system(world: World) -> str:
    text = world.pick(SYSTEM).replace("<1>", "[1]")
    return text[:1].upper() + text[1:] + world.rng.choice(("", " If they do not say, say so.", " If the answer is not there, say so."))

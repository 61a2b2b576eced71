"""Two statements: do they say the same, contradict each other, or speak of different things?

Example: user "Compare.\\nA: Okan Prest lives in Sudale.\\nB: Velm is the home of Okan Prest.", assistant "contradicts".
"""

from __future__ import annotations

from training.nano.corpus.chat import Conversation, Message, exercises
from training.nano.corpus.world import Fact, World

SEVERAL = (
    "hobby_object",
    "product",
    "teacher",
    "supplier",
    "subject_studied",
)  # of these a subject may have two, so that two do not contradict
VERDICTS = ("same", "different", "contradicts")
TASK = (
    "[compare|judge|look at] [the two statements|these statements|the statements|both statements]|do [these|the two] statements [say the same|agree]|"
    "[say|decide|tell me] [whether|if] [the two|these] statements [agree|say the same|match]|how do [these|the two] statements relate"
)
ANSWERS = "answer [same, different or contradicts|with same, different or contradicts]|[same, different or contradicts|choose: same, different, contradicts]"
LABELS = (("A: ", "B: "), ("Statement A: ", "Statement B: "), ("1. ", "2. "), ("First: ", "Second: "), ("(a) ", "(b) "))


def comparison(world: World) -> Conversation:
    heads = world.rng.choice(LABELS)
    pairs = [_pair(world) for _ in range(world.turns())]
    task = world.written(world.pick(TASK), end="") + world.rng.choice((". ", ": ", "? ")) + world.written(world.pick(ANSWERS))
    told = [f"{heads[0]}{first}\n{heads[1]}{second}" for first, second, _ in pairs]
    form = world.rng.random()
    if form < 0.2:
        opening = [Message("system", task), Message("user", told[0])]
    else:
        opening = [Message("user", f"{task}\n{told[0]}" if form < 0.8 else f"{told[0]}\n{task}")]
    return exercises("comparison", opening, told[1:], [verdict for _, _, verdict in pairs])


def _pair(world: World) -> tuple[str, str, str]:
    """Two statements, and how they stand to each other."""
    verdict = world.rng.choice(VERDICTS)
    first = world.facts(1)[0]
    while verdict == "contradicts" and first.kind.name in SEVERAL:
        first = world.facts(1)[0]
    second = _partner(world, first, verdict)
    pair = [world.statement(first), world.statement(second)]
    if world.chance(0.5):
        pair.reverse()
    return pair[0], pair[1], verdict


def _partner(world: World, first: Fact, verdict: str) -> Fact:
    """The other statement's fact: the same, one that cannot hold beside it, or one that can."""
    if verdict == "same":
        return first
    if verdict == "contradicts":
        while True:
            other = world.fact_of(first.kind, first.subject)
            if other.value != first.value:
                return Fact(first.kind, first.noun, first.subject, other.value)
    if world.chance(0.5):
        return Fact(first.kind, first.noun, world.related(first.subject, first.kind.subject), first.value)
    missing = world.unstated([first])
    return Fact(missing.kind, missing.noun, missing.subject, first.value) if missing.kind.value == first.kind.value else missing

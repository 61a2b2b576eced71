"""One sentence for a passage about one subject.

Example: user "Summarise in one sentence: Okan Prest settled in Sudale. It rained. By trade he is a baker.",
assistant "Okan Prest lives in Sudale and works as a baker."
"""

from __future__ import annotations

from training.nano.corpus.chat import Conversation, Message
from training.nano.corpus.world import Fact, World, sentence

TASK = (
    "[summarise|sum up|condense] [the text|this text|the passage|this passage|the following|this] [in|into] one sentence|[write|give me|give|make] [a one-sentence summary|a summary in one sentence|one sentence that sums up the text]|"
    "what does [the text|this text|the passage] say, in one sentence|one-sentence summary, please|[tell me|say] in one sentence what [the text|the passage] says"
)


def summary(world: World) -> Conversation:
    facts = world.about_one(world.rng.choice((1, 2, 2, 3)))
    text = world.told(facts, fillers=world.rng.choice((0, 1, 1, 2)))
    task = world.written(world.pick(TASK), end="")
    form = world.rng.random()
    if form < 0.15:
        messages = [Message("system", task + "."), Message("user", text)]
    else:
        messages = [Message("user", f"{task}:\n{text}" if form < 0.6 else f"{task}: {text}" if form < 0.8 else f"{text}\n\n{task}.")]
    return Conversation("summary", (*messages, Message("assistant", summed_up(facts))))


def summed_up(facts: list[Fact]) -> str:
    """The plain clauses of facts about one subject, in order: "Okan Prest lives in Sudale and works as a baker."."""
    clauses = [fact.kind.clause.format(v=fact.value) for fact in facts]
    listed = clauses[0] if len(clauses) == 1 else ", ".join(clauses[:-1]) + " and " + clauses[-1]
    return sentence(f"{facts[0].subject} {listed}")

"""Things that change: what held before, and what holds now.

Example: "The status of the Velm pump went from idle to blocked." asks "What was the status of the Velm pump before?" (idle) and, as JSON,
``{"entity": "the Velm pump", "attribute": "status", "from": "idle", "to": "blocked"}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.nano.corpus.world import World

ATTRIBUTES = {
    "status": ("state", ("the_thing", "project", "meeting")),
    "location": ("room", ("the_thing", "meeting")),
    "owner": ("person", ("the_thing", "project")),
    "price": ("price", ("the_thing",)),
    "deadline": ("date", ("project",)),
    "budget": ("price", ("project",)),
    "employer": ("company", ("person",)),
    "home town": ("town", ("person",)),
    "head office": ("town", ("company",)),
    "director": ("person", ("company",)),
    "colour": ("colour", ("the_thing",)),
}
ANY = (
    "the {a} of {s} [changed|went|was changed|moved|switched|has gone|was set] from {v} to {w}|{s} [changed|switched] its {a} from {v} to {w}|"
    "[the {a} of {s}|{s}'s {a}] was {v}[| before| until now| last week], [and now it is|now it is|but it is now|and has become] {w}|{a} of {s}: {v}, now {w}|"
    "{s} now has {w} as its {a} instead of {v}|{w} has replaced {v} as [the {a} of {s}|{s}'s {a}]"
)
OWN = {
    "status": "{s} [went|moved|passed|changed|turned] from {v} to {w}|{s} was {v}[| before| last week] and is now {w}|{s} is no longer {v} but {w}",
    "location": "{s} [moved|was moved|was brought|was carried|has gone] from {v} to {w}|{s} left {v} and [is now in|stands in] {w}|[they|we] took {s} out of {v} and put it in {w}",
    "owner": "{v} [handed|passed|gave|sold|transferred] {s} [over |]to {w}|{s} [passed|went] from {v} to {w}|{w} took {s} over from {v}",
    "employer": "{s} [left|quit] {v} [for|to join|and joined] {w}|{s} [moved|changed] [jobs|employers] from {v} to {w}|{w} hired {s} away from {v}",
    "home town": "{s} [moved|has moved|went] from {v} to {w}|{s} left {v} and [now lives|settled] in {w}",
    "price": "{s} used to cost {v} and now costs {w}|{s} [went|rose|fell] from {v} to {w}",
    "director": "{w} [followed|replaced|took over from] {v} [as director of|at the head of] {s}|{v} [made way for|was followed by] {w} [as director of|at the head of] {s}",
}
ASK_NEW = "what is [the {a} of {s}|{s}'s {a}][| now| at present| today]|what did the {a} of {s} [change|go] to|[give|name] the new {a} of {s}|to what did the {a} of {s} change"
ASK_OLD = "what was [the {a} of {s}|{s}'s {a}] [before|earlier|before the change]|[what|which] {a} did {s} have [before|earlier]|[give|name] the [old|earlier] {a} of {s}|from what did the {a} of {s} change"


@dataclass(frozen=True)
class Change:
    subject: str
    attribute: str
    before: str
    after: str


def change(world: World, attributes: Sequence[str] = tuple(ATTRIBUTES)) -> Change:
    attribute = world.rng.choice(attributes)
    value, subjects = ATTRIBUTES[attribute]
    before, after = world.maker.value(value), world.maker.value(value)
    while after == before:
        after = world.maker.value(value)
    return Change(world.subject(world.rng.choice(subjects)), attribute, before, after)


def change_statement(world: World, item: Change) -> str:
    grammar = OWN[item.attribute] if item.attribute in OWN and world.chance(0.5) else ANY
    pattern = world.pick(grammar).replace("{a}", item.attribute)
    return world.written(pattern, s=item.subject, v=item.before, w=item.after)


def change_question(world: World, item: Change) -> tuple[str, str]:
    """A question for what holds now or what held before, and its answer."""
    new = world.chance(0.5)
    pattern = world.pick(ASK_NEW if new else ASK_OLD).replace("{a}", item.attribute)
    text = world.written(pattern, end="?", s=item.subject)
    return (text[:-1] + "." if text.startswith(("Give", "Name")) else text), item.after if new else item.before

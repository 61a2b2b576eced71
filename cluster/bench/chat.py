"""`hearth bench chat`: what conversations cost: preparing an answer, being recognised, a thousand readers, years of messages."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from cluster.bench.contenders import client
from cluster.bench.hearth import Hearth
from cluster.bench.report import BenchResult, Cell, Verdict
from cluster.bench.seeded import Seeded, admin, seed
from cluster.bench.serving import MODEL
from cluster.bench.statistics import difference, percentile
from cluster.bench.talk import Talked, Talker, TalkJob
from cluster.bench.timing import Request, Timed, TimingJob
from cluster.errors import EngineError
from cluster.settings import Settings
from cluster.specs.profile import ProfileSpec, ServedModel

CONVERSATIONS = "/api/v1/chat/conversations"
# A token a second: the model is not what is measured, and the readers are to stay. With less context it would be asked to count.
PACE, CONTEXT = 1.0, 2048
# Tokens of an answer to somebody who talks, and of one that is to stay open until the last of the streams has come, 25 a second. Those
# that find no slot wait for one as long as three such answers take, which is less than a stream may be silent (180 s).
SHORT, LONG, ARRIVALS = 8, 44, 25.0
PREPARE_MS, RECOGNISED_MS, FOUND_MS = 50.0, 1.0, 100.0
# Both are refused by the router with 405, after all that stands before an operation; only the second asks who it is.
PUBLIC, SIGNED_IN = "public", "with a key"
_REFUSED = {PUBLIC: "/healthz", SIGNED_IN: "/api/v1/users/me"}
LISTS = ("list", "open", "search")


@dataclass(frozen=True, slots=True)
class Plan:
    """``users`` talk for ``rounds`` each; ``streams`` are open at once, for ``slots`` of which the model has room; ``callers`` list, open
    and search among ``conversations`` with ``messages`` each, ``asked`` times each."""

    users: int = 50
    rounds: int = 4
    streams: int = 1000
    slots: int = 256
    conversations: int = 10_000
    messages: int = 20
    callers: int = 4
    asked: int = 300
    pairs: int = 2000


QUICK = Plan(users=5, rounds=2, streams=20, slots=16, conversations=200, messages=10, asked=20, pairs=50)


@dataclass(frozen=True, slots=True)
class Seen:
    """``talk``: people talking; ``rush``: all preparing at one moment; ``many``: the open streams, and what CPU time the cluster spent."""

    talk: Talked
    rush: Talked
    many: Talked
    many_cpu_s: float
    refused: Timed
    found: Timed


def run(plan: Plan, report: Callable[[str], None]) -> BenchResult:
    """Measures on a cluster of its own. Raises EngineError when the cluster or a load client fails."""
    served = ServedModel(model=MODEL, pinned=True, context_tokens=CONTEXT, parallel=plan.slots, pace_tokens_per_s=PACE)
    report("starting a cluster of its own")
    with Hearth(ProfileSpec(name="bench", description="A slow model.", devices="cpu", models=(served,))) as hearth:
        report(f"writing {plan.conversations} conversations with {plan.messages} messages each")
        settings = Settings(home=hearth.home.root)
        past = seed(settings, admin(settings), plan.conversations, plan.messages, plan.streams)
        people = _people(hearth, plan.users)
        report("list, open and search")
        found = _timed(hearth, TimingJob(requests=_lists(plan, past, hearth.key), callers=plan.callers))
        report("requests with a key and without")
        refused = _timed(hearth, TimingJob(requests=_refusals(plan, hearth.key)))
        report(f"{plan.users} users talk")
        talk = _talked(hearth, TalkJob(model=MODEL, talkers=people, rounds=plan.rounds, max_tokens=SHORT, think_s=1.0, stagger_s=9.0))
        rush = _talked(hearth, TalkJob(model=MODEL, talkers=people, rounds=1, max_tokens=SHORT))
        report(f"{plan.streams} streams")
        readers = tuple(Talker(conversation=str(one), key=hearth.key) for one in past.blank)
        job = TalkJob(model=MODEL, talkers=readers, rounds=1, max_tokens=LONG, stagger_s=plan.streams / ARRIVALS)
        many, cpu_s = hearth.timed(lambda: _talked(hearth, job))
    return summarise(plan, Seen(talk, rush, many, cpu_s, refused, found))


def summarise(plan: Plan, seen: Seen) -> BenchResult:
    """The table and the verdicts."""
    columns = ("measured", "count", "errors", "p50, ms", "p95, ms", "p99, ms")
    size = f"{plan.conversations} conversations, {plan.conversations * plan.messages} messages"
    rows = (
        _row(f"prepare-stream, {plan.users} users talking", seen.talk.prepare_ms, len(seen.talk.errors)),
        _row(f"prepare-stream, all {plan.users} in one moment", seen.rush.prepare_ms, len(seen.rush.errors)),
        _row("first token of those talking (the model waits a second)", seen.talk.first_ms),
        *(_row(f"a request that no operation takes, {kind}", seen.refused.ms.get(kind, ())) for kind in _REFUSED),
        _row(f"prepare-stream, {plan.streams} streams opening", seen.many.prepare_ms, len(seen.many.errors)),
        *(_row(f"{kind}: {size}", seen.found.ms.get(kind, ())) for kind in LISTS),
    )
    errors = (*seen.talk.errors, *seen.rush.errors, *seen.many.errors, *seen.refused.errors, *seen.found.errors)
    notes = (
        f"A user says something, reads the answer ({SHORT} tokens, one a second) to its end, pauses a second on average, and goes on; each "
        "has an account, an access token and a conversation of their own. All in one moment: everybody's first word at the same instant.",
        "With a key: POST to /api/v1/users/me in turn with POST to /healthz, on open connections; both answer 405 after everything but the "
        "operation, and only one of them recognises the caller, who is remembered for auth.cache_s seconds.",
        f"List, open and search: {plan.callers} callers without a pause, all conversations one person's; half of the words searched are "
        "among the 200 most frequent of 20,000, which thousands of messages hold.",
        f"{seen.many.peak_open} streams were open at once, for {seen.many.seconds:.0f} s together; {seen.many.whole} answers were read "
        f"whole; {ARRIVALS:g} came a second; the cluster spent {seen.many_cpu_s:.0f} s of CPU time.",
        *(f"error: {error}" for error in dict.fromkeys(errors[:20])),
    )
    return BenchResult("chat", columns, rows, notes, _verdicts(plan, seen))


def _verdicts(plan: Plan, seen: Seen) -> tuple[Verdict, ...]:
    added = difference(*(percentile(seen.refused.ms.get(kind, ()), 50) for kind in (SIGNED_IN, PUBLIC)))
    many = seen.many
    return (
        _below(f"prepare-stream at {plan.users} concurrent users, p95", PREPARE_MS, percentile(seen.talk.prepare_ms, 95)),
        _below("authentication adds to a request after the first, p50", RECOGNISED_MS, added),
        Verdict(
            f"{plan.streams} open streams",
            "no error",
            f"{len(many.errors)} errors, {many.whole} read whole",
            not many.errors and many.whole == plan.streams,
        ),
        *(_below(f"{kind}, p95", FOUND_MS, percentile(seen.found.ms.get(kind, ()), 95)) for kind in LISTS),
    )


def _below(claim: str, most_ms: float, measured: float | None) -> Verdict:
    if measured is None:
        return Verdict(claim, f"< {most_ms:g} ms", "nothing was answered", None)
    return Verdict(claim, f"< {most_ms:g} ms", f"{measured:.2f} ms" if most_ms < 10 else f"{measured:.0f} ms", measured < most_ms)


def _row(name: str, samples: tuple[float, ...], errors: int = 0) -> tuple[Cell, ...]:
    return (name, len(samples), errors, *(percentile(samples, q) for q in (50, 95, 99)))


def _people(hearth: Hearth, count: int) -> tuple[Talker, ...]:
    """Accounts, signed in, each with a conversation."""
    with hearth.client() as admin:
        return tuple(_person(admin, hearth.url, number) for number in range(count))


def _person(admin: httpx.Client, url: str, number: int) -> Talker:
    told = {"email": f"user-{number}@example.org", "password": uuid.uuid4().hex}
    _sent(admin, "/api/v1/users", told | {"name": f"User {number}", "role": "editor"})
    token = str(_sent(admin, "/api/v1/auth/login", told)["access_token"])
    with httpx.Client(base_url=url, timeout=60.0, headers={"Authorization": f"Bearer {token}"}) as theirs:
        return Talker(conversation=str(_sent(theirs, CONVERSATIONS, {"title": "Bench"})["id"]), key=token)


def _sent(who: httpx.Client, path: str, body: dict[str, str]) -> dict[str, object]:
    answer = who.post(path, json=body)
    if not answer.is_success:
        raise EngineError(f"POST {path} answered {answer.status_code}: {answer.text[:500]}")
    found: dict[str, object] = answer.json()["data"]
    return found


def _lists(plan: Plan, past: Seeded, key: str) -> tuple[Request, ...]:
    """Lists, opened conversations and searches in turn."""
    rng = random.Random(2)  # noqa: S311 - repeatable requests, no secret
    requests = []
    for number in range(plan.asked):
        conversation = rng.choice(past.conversations)
        words = past.words[:200] if number % 2 else past.words[200:10_000]
        asked = "%20".join(rng.sample(words, rng.randint(1, 2)))
        requests.append(Request(kind="list", path=CONVERSATIONS, key=key))
        requests.append(Request(kind="open", path=f"{CONVERSATIONS}/{conversation}/messages", key=key))
        requests.append(Request(kind="search", path=f"/api/v1/chat/search?q={asked}", key=key))
    return tuple(requests)


def _refusals(plan: Plan, key: str) -> tuple[Request, ...]:
    keys = {PUBLIC: "", SIGNED_IN: key}
    pair = tuple(Request(kind=kind, path=path, method="POST", status=405, key=keys[kind]) for kind, path in _REFUSED.items())
    return pair * plan.pairs


def _timed(hearth: Hearth, job: TimingJob) -> Timed:
    return Timed.model_validate_json(client("cluster.bench.timing", hearth.port, "", job))


def _talked(hearth: Hearth, job: TalkJob) -> Talked:
    return Talked.model_validate_json(client("cluster.bench.talk", hearth.port, CONVERSATIONS, job))

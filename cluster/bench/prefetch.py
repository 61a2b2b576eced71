"""Part of `hearth bench agents`: three language models in memory that holds one of them, asked in turn by a graph. What is saved where the
next one is announced, and loaded as soon as it can be, instead of when it is asked?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from cluster.bench.chains import ENDED, moment
from cluster.bench.report import Cell, Verdict
from cluster.bench.statistics import difference, percentile, ratio
from cluster.bench.swap import catalog_entry
from cluster.errors import EngineError
from cluster.specs.profile import ServedModel

MODELS = ("nano-first", "nano-second", "nano-third")
# One fits, with what its process needs besides.
BUDGET = 400 * 2**20
MEMORY = BUDGET * 3 // 2
# Each answers for three seconds or less, as a larger model would.
TOKENS, PACE = 60, 20.0
# What stands for a tool, or for a person who answers at once: no model is asked meanwhile.
WORK_S = 3.0
WAIT_S, PATIENCE_S = 55, 300.0


@dataclass(frozen=True, slots=True)
class Turns:
    """Runs of the three models. ``work``: whether something else is done between them. ``seconds``: of each run that ended well, from its
    first step to its end."""

    announced: bool
    work: bool
    seconds: tuple[float, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        return f"three-{'announced' if self.announced else 'unknown'}-{'apart' if self.work else 'together'}"

    @property
    def nodes(self) -> int:
        return 2 * len(MODELS) - 1 if self.work else len(MODELS)


KINDS = tuple(Turns(announced, work) for work in (False, True) for announced in (True, False))


def served() -> tuple[ServedModel, ...]:
    return tuple(ServedModel(model=model, context_tokens=256, parallel=1, budget=BUDGET, pace_tokens_per_s=PACE) for model in MODELS)


def entries(weights: Any) -> dict[str, str]:
    """Of the catalog. ``weights``: a GGUF file."""
    return {model: catalog_entry(model, weights) for model in MODELS}


def trio(kind: Turns) -> dict[str, Any]:
    """The graph, as definitions have it. A model that is named by the input is not known before its node is reached, and so is not
    announced."""
    names = [f"ask{number}" for number in range(len(MODELS))]
    nodes: dict[str, Any] = {}
    for number, (name, model) in enumerate(zip(names, MODELS, strict=True)):
        said = model if kind.announced else f"{{{{ input.models[{number}] }}}}"
        nodes[name] = {"kind": "llm", "model": said, "user": "Count from one to forty.", "max_tokens": TOKENS, "temperature": 0}
        if number + 1 < len(names):
            nodes[name]["then"] = f"work{number}" if kind.work else names[number + 1]
            if kind.work:
                nodes[f"work{number}"] = {"kind": "wait", "seconds": WORK_S, "then": names[number + 1]}
    models = {"type": "array", "items": {"type": "string"}}
    return {
        "name": kind.called,
        "input": {"type": "object", "properties": {"models": models}, "required": ["models"]},
        "start": names[0],
        "nodes": nodes,
        "output": {"said": f"state.{names[-1]}"},
    }


def measure(client: httpx.Client, workflows: str, rounds: int, report: Callable[[str], None]) -> tuple[Turns, ...]:
    """``rounds`` runs of each kind, by turns; one more of each before them is not counted. The graphs are kept already."""
    seen: dict[str, list[float]] = {kind.called: [] for kind in KINDS}
    errors: dict[str, list[str]] = {kind.called: [] for kind in KINDS}
    for number in range(rounds + 1):
        report(f"three models by turns, round {number} of {rounds}")
        for kind in _order(number):
            try:
                seconds = _run(client, workflows, kind.called)
            except (EngineError, httpx.HTTPError) as error:
                errors[kind.called].append(f"{type(error).__name__}: {error}"[:300])
                continue
            if number > 0:
                seen[kind.called].append(seconds)
    return tuple(Turns(kind.announced, kind.work, tuple(seen[kind.called]), tuple(errors[kind.called])) for kind in KINDS)


def rows(seen: tuple[Turns, ...]) -> Iterator[tuple[Cell, ...]]:
    """As the table of the agents bench has them."""
    for kind in seen:
        said = f"Hearth, three models{' and work' if kind.work else ''}, {'' if kind.announced else 'not '}announced"
        ms = [1000 * seconds for seconds in kind.seconds]
        p50, p95 = percentile(ms, 50), percentile(ms, 95)
        yield (said, kind.nodes, len(ms) + len(kind.errors), 1, len(kind.errors), p50, p95, None, None, None, None, None)


def verdicts(seen: tuple[Turns, ...]) -> Iterator[Verdict]:
    for work in (False, True):
        with_it, without = (percentile([*_of(seen, announced, work).seconds], 50) for announced in (True, False))
        claim = f"three models of which one fits, {f'{WORK_S:g} s of other work between' if work else 'one after another'}: saved (p50)"
        saved, share = difference(without, with_it), ratio(difference(without, with_it), without)
        if saved is None or share is None:
            yield Verdict(claim, "> 0 s", "no run ended well", None)
        else:
            yield Verdict(claim, "> 0 s", f"{saved:.2f} s of {without:.2f} s ({100 * share:.0f} %)", saved > 0)


def notes(seen: tuple[Turns, ...]) -> tuple[str, ...]:
    return (
        f"Three models: copies of one small model in memory that holds one, in the place of a card; each answers at {PACE:g} tokens a "
        "second, as a larger one would. Announced: the next node's model is named in the graph, and is asked for while this node works. "
        "Not announced: the input names it, so that it is only known when its node is reached. Before every run the third is there.",
        *(f"error: {error}" for kind in seen for error in dict.fromkeys(kind.errors)),
    )


def _of(seen: tuple[Turns, ...], announced: bool, work: bool) -> Turns:
    return next(kind for kind in seen if (kind.announced, kind.work) == (announced, work))


def _order(number: int) -> Iterator[Turns]:
    return iter(KINDS) if number % 2 == 0 else reversed(KINDS)


def _run(client: httpx.Client, workflows: str, name: str) -> float:
    """Seconds from the first step to the end. Raises EngineError for a run that did not end well."""
    until = time.perf_counter() + PATIENCE_S
    body = {"workflow": name, "input": {"models": list(MODELS)}, "wait_s": WAIT_S}
    answer = client.post(f"{workflows}/execute", json=body)
    run = _data(answer)
    while run["state"] not in ENDED:
        if time.perf_counter() > until:
            raise EngineError(f"a run was still {run['state']} after {PATIENCE_S:.0f} s")
        time.sleep(0.5)
        run = _data(client.get(f"{workflows}/runs/{run['id']}"))
    if run["state"] != "succeeded":
        raise EngineError(f"a run has {run['state']}: {run['error']}")
    return moment(run["finished_at"]) - moment(run["started_at"])


def _data(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        raise EngineError(f"Hearth answered {answer.status_code}: {answer.text[:300]}")
    data: dict[str, Any] = answer.json()["data"]
    return data

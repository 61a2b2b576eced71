"""`hearth learn`: the learning loop, from answers that are wrong to an adapter that answers. All of it goes through the HTTP API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cluster.bench.serving import MODEL
from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.options import HomeOption, home_of
from cluster.cli.output import result_console
from cluster.errors import EngineError
from cluster.home import Home
from cluster.learning.demo.loop import Adapter, Loop
from cluster.learning.demo.place import Place, make_place
from cluster.learning.demo.task import PARAMETERS, Asked, held_out, traffic
from cluster.learning.demo.user import is_right

learn_app = typer.Typer(help="Learn from what people say of answers.", no_args_is_help=True)

NAME = "learn-demo"
SHOWN = 5
GATED = 72
Look = Callable[[Mapping[str, Any]], None]


@learn_app.command("demo")
def demo(
    labels: Annotated[int, typer.Option("--labels", min=10, max=400, help="Answers that the simulated user looks at.")] = 120,
    questions: Annotated[int, typer.Option("--questions", min=5, max=500, help="Held-out questions asked before and after.")] = 48,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all that is invented.")] = 1,
    epochs: Annotated[float | None, typer.Option("--epochs", help="Times each example is learned from.", show_default=False)] = None,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Have the gate decide whether it goes into service.")] = True,
    strict: Annotated[bool, typer.Option("--strict", help="End there with 1 where the gate does not pass it.")] = False,
    keep_old: Annotated[bool, typer.Option("--keep-old", help="Leave the old answers in service at the end.")] = False,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
) -> None:
    """Run the whole loop once, in an organisation of its own, with a simulated user who corrects what hearth-nano gets wrong."""
    where = home_of(home)
    loop = _begin(where, Api(where, key_file))
    parameters = PARAMETERS if epochs is None else {**PARAMETERS, "epochs": epochs}
    show = _Show(loop, held_out(seed, questions))
    try:
        show.learn(traffic(seed, 2 * labels), labels, seed, parameters)
        if gate:
            show.examine(held_out(1000 + seed, GATED))
        show.serve(strict=strict, judged=gate, keep_old=keep_old)
    except KeyboardInterrupt:
        typer.echo("Stopped; what it made is deleted.", err=True)
        loop.forget()
        raise


@learn_app.command("status")
def status(home: HomeOption = None, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Show how much feedback there is, and which adapters came of it."""
    api = Api(home_of(home), key_file)
    consent = api.ask("GET", "feedback/consent")
    adapters = api.pages("adapters", "adapters")
    verdicts = api.pages("gate/verdicts", "verdicts")
    if as_json:
        typer.echo(json.dumps({"consent": consent, "adapters": adapters, "verdicts": verdicts}))
        return
    given = "may be" if consent["may_learn"] else "may not be"
    typer.echo(f"Your feedback {given} learned from.")
    outcomes = {one["candidate"]: one["outcome"] or one["state"] for one in reversed(verdicts)}
    table = Table("adapter", "state", "gate", "since", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for one in adapters:
        table.add_row(one["model"], one["state"], outcomes.get(one["model"], ""), one["created_at"][:19])
    result_console().print(table)


def _begin(home: Home, api: Api) -> Loop:
    """In the organisation of the last demo, emptied, or in a new one; its key stands beside the admin's."""
    url, headers = api.door
    file = home.keys / f"{NAME}.key"
    if file.is_file():
        loop = Loop(Place(url, file.read_text(encoding="ascii").strip()), MODEL, NAME)
        try:
            loop.forget()
        except EngineError:
            file.unlink()  # a key of another database
    if not file.is_file():
        key = make_place(url, headers["Authorization"].removeprefix("Bearer "), NAME)
        file.touch(mode=0o600)
        file.write_text(key, encoding="ascii")
    typer.echo(f"In the organisation '{NAME}', so that nobody else's answers change; its key is {file}.")
    return Loop(Place(url, file.read_text(encoding="ascii").strip()), MODEL, NAME)


class _Show:
    """The loop, with a line and a bar for each step."""

    def __init__(self, loop: Loop, questions: Sequence[Asked]) -> None:
        self._loop, self._questions = loop, questions
        self._console = Console()
        self._adapter: Adapter | None = None
        self._passed = True
        self._began = time.monotonic()

    def learn(self, asked: Sequence[Asked], labels: int, seed: int, parameters: Mapping[str, Any]) -> None:
        self._loop.agree()
        self._say("Consent: feedback of this organisation may be learned from. Without that it is only counted.")
        with self._bar("asking", len(asked)) as told:
            glad = self._loop.thank(self._loop.talk(asked, lambda done, of: told(done)))
        self._say(f"Asked: {len(asked)} questions; {glad} right answers to what it was taught got a thumb up by themselves.")
        with self._bar("choosing", None):
            chosen, reasons = self._loop.choose(labels, "active", seed)
        self._say(f"Chosen: {len(chosen)} of {len(asked)} answers that are worth a look. The first: {reasons[0]}")
        with self._bar("correcting", len(chosen)) as told:
            wrong = self._loop.correct(chosen, lambda done, of: told(done))
        self._say(f"Feedback: {wrong} corrected, {len(chosen) - wrong} thumbs up.")
        with self._bar("dataset", None):
            dataset = self._loop.build()
        self._say(f"A version of the dataset: {dataset}")
        with self._bar("training", None) as told:
            self._adapter = self._loop.train(dataset, parameters, lambda job: _training(told, job))
        figures = self._adapter.figures
        self._say(
            f"Trained: {self._adapter.model}, {figures['tokens']} tokens, held-out loss {figures.get('held_out_loss', float('nan')):.3f}"
        )

    def examine(self, gated: Sequence[Asked]) -> None:
        assert self._adapter is not None
        with self._bar("gate", None) as told:
            verdict = self._loop.examine(self._adapter, gated, lambda job: told(job["progress"]["done"], job["progress"]["total"]))
        self._say(f"The gate: {verdict['outcome']}")
        for reason in verdict["reasons"]:
            self._say(f"  {reason}")
        self._passed = verdict["outcome"] == "passed"

    def serve(self, *, strict: bool, judged: bool, keep_old: bool) -> None:
        assert self._adapter is not None
        force = not (self._passed and judged)
        if force and judged:
            if strict:
                raise EngineError("The adapter did not pass, so the old answers stay; the reasons stand above.")
            self._say("In earnest it would stay out. To show the rest, an admin's word puts it into service in this organisation alone.")
        before = self._answers()
        promoted = self._timed(lambda: self._promote(force=force))
        after = self._answers()
        self._side_by_side(before, after)
        self._say(f"Promoted in {promoted:.2f} s: {self._right(before)} right before, {self._right(after)} now ('{MODEL}' is asked).")
        back = self._timed(self._loop.roll_back)
        restored = self._answers()
        self._say(f"Rolled back in {back:.2f} s: {_same(before, restored)} of {len(before)} answers are the old ones.")
        if not keep_old:
            self._promote(force=force)
            self._say(f"Promoted again: here '{MODEL}' now answers as {self._adapter.model}.")
        self._say(f"All of it took {time.monotonic() - self._began:.0f} s.")

    def _promote(self, *, force: bool) -> None:
        assert self._adapter is not None
        self._loop.promote(self._adapter, force=force)

    def _answers(self) -> list[str]:
        with self._bar("answers", len(self._questions)) as told:
            if find_spec("openai") is None:
                return self._loop.answers(MODEL, self._questions, lambda done, of: told(done))
            return list(_by_client(self._loop.place, self._questions, told))

    def _right(self, answers: Sequence[str]) -> str:
        right = sum(is_right(one, answer) for one, answer in zip(self._questions, answers, strict=True))
        return f"{right} of {len(answers)}"

    def _side_by_side(self, before: Sequence[str], after: Sequence[str]) -> None:
        table = Table("asked", "wanted", "before", "after", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for one, old, new in list(zip(self._questions, before, after, strict=True))[:SHOWN]:
            table.add_row(*(escape(" ".join(text.split())) for text in (one.prompt, one.answer, old, new)))
        self._console.print(table)

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _timed(self, action: Callable[[], None]) -> float:
        began = time.perf_counter()
        action()
        return time.perf_counter() - began

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Callable[..., None]]:
        columns = (
            TextColumn("{task.description:<11}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(title, total=total, told="")

            def tell(done: int, of: int | None = total, told: str = "") -> None:
                progress.update(task, completed=done, total=of, told=told)

            yield tell


def _training(told: Callable[..., None], job: Mapping[str, Any]) -> None:
    at, metrics = job["progress"], job["metrics"]
    loss = f"loss {metrics['train_loss']:.3f}, {metrics['tokens_per_s']:.0f} tokens/s" if "train_loss" in metrics else at["stage"]
    told(at["done"], at["total"], loss)


def _by_client(place: Place, asked: Sequence[Asked], told: Callable[..., None]) -> Iterator[str]:
    """Through OpenAI's own client, as any program of theirs would ask."""
    import openai  # the dev extra's; loading it takes a second

    client = openai.OpenAI(base_url=f"{place.url}/v1", api_key=place.key)
    for number, one in enumerate(asked, 1):
        messages: Any = [{"role": "user", "content": one.prompt}]
        answer = client.chat.completions.create(model=MODEL, messages=messages, temperature=0, max_tokens=48)
        told(number)
        yield (answer.choices[0].message.content or "").strip()


def _same(some: Sequence[str], others: Sequence[str]) -> int:
    return sum(one == other for one, other in zip(some, others, strict=True))

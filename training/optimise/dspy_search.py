"""The search for a better prompt, by DSPy: BootstrapFewShot, which shows the model what it answered rightly, or COPRO, which has it word
the instruction anew. Imported by a job's process only, for it takes a second and a hundred megabytes.

The model is asked through an engine of ours, DSPy's own way for what is no provider (its BaseLM goes in 3.5), so that neither LiteLLM, nor
a cache, nor anything outside this machine is reached for. What is sent is what the prompt will be: one system text with the examples in it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from random import Random
from typing import Any

import dspy
from dspy.lm15 import Message, Request, Response, TextPart, Usage, response_to_events
from dspy.teleprompt import COPRO, BootstrapFewShot

from cluster.errors import HearthError
from cluster.learning.example import Example
from training.optimise.prompt_text import Shot, with_shots

# (system text, messages, temperature) -> answer. Raises what asking raised, and Spent.
Ask = Callable[[str, Sequence[dict[str, Any]], float], str]
Mark = Callable[[Example, str], float]
# An answer with this mark or more is worth showing.
GOOD = 0.9
BREADTH, DEPTH = 4, 2
ANSWER_FIELD, TALK_FIELD = "answer", "talk"


@dataclass(frozen=True, slots=True)
class Candidate:
    """``instruction`` as it was given, or worded anew, and what is shown with it."""

    instruction: str
    shots: tuple[Shot, ...]


class Spent(Exception):
    """No more requests may be made."""


def few_shot(ask: Ask, mark: Mark, instruction: str, train: Sequence[Example], most: int, seed: int) -> Candidate:
    """Up to ``most`` examples, those that the model answered rightly first. Other seeds choose others."""
    order = list(train)
    Random(seed).shuffle(order)
    engine = _Engine(ask)
    optimiser = BootstrapFewShot(
        metric=_metric(mark), metric_threshold=GOOD, max_bootstrapped_demos=max(1, most // 2), max_labeled_demos=most, max_errors=1
    )
    with _dspy(engine):
        done = optimiser.compile(dspy.Predict(_task(instruction)), trainset=[_example(one) for one in order])
    return Candidate(instruction, tuple(Shot(_last(demo[TALK_FIELD]), demo[ANSWER_FIELD]) for demo in done.demos))


def instructions(ask: Ask, mark: Mark, instruction: str, train: Sequence[Example]) -> Candidate:
    """The wording with the best mark on ``train``."""
    engine = _Engine(ask)
    optimiser = COPRO(metric=_metric(mark), breadth=BREADTH, depth=DEPTH)
    with _dspy(engine):
        quiet = {"num_threads": 1, "display_progress": False, "display_table": 0}
        done = optimiser.compile(dspy.Predict(_task(instruction)), trainset=[_example(one) for one in train], eval_kwargs=quiet)
    return Candidate(str(done.signature.instructions), ())


class _Engine:
    """What DSPy takes for a provider. It keeps what was raised, which DSPy wraps in errors of its own."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.raised: HearthError | Spent | None = None

    def complete(self, request: Request) -> Response:
        system = request.system if isinstance(request.system, str) else "".join(part.text for part in request.system or ())
        messages = [{"role": message.role, "content": message.text or ""} for message in request.messages]
        try:
            answer = self._ask(system, messages, request.config.temperature or 0.0)
        except (HearthError, Spent) as error:
            self.raised = error
            raise
        # DSPy takes an answer of nothing for a failure of the provider.
        return Response(
            id=None, model=request.model, message=Message.assistant([TextPart(answer or " ")]), finish_reason="stop", usage=Usage()
        )

    def stream(self, request: Request) -> Iterator[Any]:
        return iter(response_to_events(self.complete(request)))

    def close(self) -> None:
        """Nothing is open."""


class _Plain(dspy.ChatAdapter):  # type: ignore[misc]
    """The task as people will ask it; what DSPy asks on its own account, in its own form."""

    def __init__(self) -> None:
        super().__init__(use_json_adapter_fallback=False)

    def format(self, signature: Any, demos: list[dict[str, Any]], inputs: dict[str, Any]) -> list[dict[str, Any]]:
        if TALK_FIELD not in signature.input_fields:
            return list(super().format(signature, demos, inputs))
        shots = [Shot(_last(demo[TALK_FIELD]), demo[ANSWER_FIELD]) for demo in demos]
        return [{"role": "system", "content": with_shots(str(signature.instructions), shots)}, *json.loads(inputs[TALK_FIELD])]

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        if TALK_FIELD not in signature.input_fields and ANSWER_FIELD not in signature.output_fields:
            return dict(super().parse(signature, completion))
        return {ANSWER_FIELD: completion.strip()}


@contextmanager
def _dspy(engine: _Engine) -> Iterator[None]:
    """Inside, DSPy asks ``engine``, caches nothing, and prints nothing. What the engine raised is raised as it was."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    lm = dspy.LM("hearth", engine=engine, cache=False, num_retries=0, temperature=0.0)
    silent = io.StringIO()
    try:
        with dspy.context(lm=lm, adapter=_Plain(), disable_history=True), redirect_stdout(silent), redirect_stderr(silent):
            yield
    except Exception as error:
        if engine.raised is not None:
            raise engine.raised from error
        raise
    if engine.raised is not None:
        raise engine.raised


def _task(instruction: str) -> Any:
    fields = {TALK_FIELD: (str, dspy.InputField()), ANSWER_FIELD: (str, dspy.OutputField())}
    return dspy.Signature(fields, instruction)


def _example(example: Example) -> Any:
    talk = json.dumps([dict(message) for message in example.messages if message.get("role") != "system"])
    return dspy.Example(**{TALK_FIELD: talk, ANSWER_FIELD: example.chosen}, of=example).with_inputs(TALK_FIELD)


def _metric(mark: Mark) -> Callable[..., float]:
    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        return mark(example.of, prediction[ANSWER_FIELD])

    return metric


def _last(talk: str) -> str:
    """What was asked last."""
    return str(json.loads(talk)[-1]["content"])

"""All items, asked of both models, several at once. Items that have answers are left out, so that a job that was killed goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cluster.contracts.generation import GenerationRequest
from cluster.errors import BadInput
from cluster.gateway import ModelGateway
from cluster.jobs.work import Work
from cluster.learning.example import Example
from cluster.learning.gate.asked import Asked, Item, Said
from cluster.learning.gate.marks import mark
from cluster.learning.gate.sets import subject_of
from cluster.learning.gate.verdict import Side
from cluster.specs.gate import GateSetSpec, GateSpec
from training.gate.asking import refusal_of, request_of
from training.gate.documents import Documents, shown
from training.gate.tally import Tally

AnswerT = TypeVar("AnswerT")
# A job that was cancelled looks up this often, however long answers take.
LOOK_S = 1.0
# Longest name of a source that can be taken back; a longer one is nobody's of ours.
SOURCE_CHARS = 200


class Waiting(Protocol):
    """What a coroutine returns, for code that waits; see ``Reach.wait``, which has patience with models that are busy."""

    def __call__(self, call: Callable[..., Awaitable[AnswerT]], *given: object) -> AnswerT: ...


@dataclass(frozen=True, slots=True)
class Question:
    """One item of a set, and the example it is made of."""

    of: GateSetSpec
    number: int
    example: Example


@dataclass(frozen=True)
class Examination:
    """``concurrency``: items that are asked at once. ``tally``: of the tokens they take. ``documents``: from which the items of the task
    are answered."""

    work: Work
    wait: Waiting
    models: ModelGateway
    asked: Asked
    gate: GateSpec
    candidate: str
    incumbent: str
    concurrency: int
    tally: Tally
    documents: Documents | None = None

    def ask(self, questions: Sequence[Question]) -> None:
        """Raises what asking raised, Cancelled when the job is to stop; what was answered by then is kept."""
        had = self.wait(self.asked.answered)
        left = [question for question in questions if (question.of.name, question.number) not in had]
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="gate")
        try:
            pending: set[Future[None]] = {pool.submit(self._one, question) for question in left}
            self._tell(len(questions), len(pending))
            while pending:
                done, pending = wait(pending, LOOK_S, FIRST_COMPLETED)
                for future in done:
                    future.result()
                self._tell(len(questions), len(pending))
        finally:
            # What is being asked is waited for, so that nothing writes when the job has ended.
            pool.shutdown(cancel_futures=True)

    def _tell(self, total: int, pending: int) -> None:
        self.work.progress(total - pending, total, "items", "asking", checkpoint=self.tally.noted())

    def _one(self, question: Question) -> None:
        example, of = question.example, question.of
        whose = subject_of(example), example.source.kind, example.source.id[:SOURCE_CHARS]
        item = Item(of.name, question.number, example.messages, example.chosen, *whose)
        # One after the other: two models of a pair may share a card that holds one of them.
        said = [self._said(side, question) for side in ("incumbent", "candidate")]
        self.wait(self.asked.keep, item, said[1], said[0])

    def _said(self, side: Side, question: Question) -> Said:
        """An item that a model does not take is the model's failure, or the item's; anything else is nobody's answer, and raised."""
        model, example = {"candidate": self.candidate, "incumbent": self.incumbent}[side], question.example
        name = f"gate-{self.work.id.hex[:12]}-{question.of.name}-{question.number}"
        try:
            request = request_of(model, example.messages, self.gate.answer_tokens, str(self.work.organisation_id), name)
            documents = None if question.of.file else self.documents
            text, by = self._answer(side, request) if documents is None else self._read(side, documents, request)
        except BadInput as error:
            return Said(None, 0.0, refusal_of(error))
        return Said(text, mark(question.of, example.task, example.chosen, text), by=by)

    def _answer(self, side: Side, request: GenerationRequest) -> tuple[str, str]:
        """And who gave it: the same as long as it is the same adapter in the way of the same release."""
        answer = self.wait(self.models.generate, request)
        self.tally.add(side, answer.usage)
        if answer.provenance is None:
            return answer.text, request.model
        return answer.text, " ".join(filter(None, (answer.provenance.served_by, answer.provenance.release)))

    def _read(self, side: Side, documents: Documents, request: GenerationRequest) -> tuple[str, str | None]:
        """None: no model had to answer."""
        told, briefing = self.wait(documents.brief, request)
        if briefing.answer is not None:
            return briefing.answer, None
        text, by = self._answer(side, told)
        return shown(briefing, text), by

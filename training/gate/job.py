"""The job that finds a verdict.

Its spec is ``{"verdict": ID}``. The row has what is to be asked of whom; answers are rows as soon as they are there.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.contracts.models import ModelKind
from cluster.errors import Unavailable
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.jobs.work import Work
from cluster.learning.adapters.gateway import AdapterGateway
from cluster.learning.adapters.manifest import Manifests
from cluster.learning.adapters.publishing import publish
from cluster.learning.gate.asked import Asked
from cluster.learning.gate.held_out import HELD_OUT, path_of
from cluster.learning.gate.rule import decide
from cluster.learning.gate.sets import ItemSet, read_items, subject_of
from cluster.learning.gate.table import GateVerdict
from cluster.serving.reach import Attachment
from cluster.specs.gate import GateSetSpec, GateSpec, gates
from cluster.stores.sql import Database
from cluster.vectors import VectorStore
from training.gate.documents import Documents
from training.gate.examination import Examination, Question, Waiting
from training.gate.tally import Tally


def evaluate(work: Work) -> dict[str, Any]:
    """The result: the verdict's id and its outcome."""
    home = Home(work.settings.home)
    reach = Attachment.of(home).reach()
    return Evaluation(work, reach.wait, AdapterGateway(reach.models, Manifests(home)), reach.database, reach.vectors).run()


@dataclass(frozen=True)
class Evaluation:
    """``wait`` is what waits for the coroutines of ``models`` and ``database``. ``vectors``: the index of documents."""

    work: Work
    wait: Waiting
    models: ModelGateway
    database: Database
    vectors: VectorStore | None = None

    def run(self) -> dict[str, Any]:
        asked = Asked(self.database, uuid.UUID(self.work.spec["verdict"]), self.work.id, self.work.attempt)
        row = self.wait(asked.row)
        gate = GateSpec.model_validate(row.gate)
        for model in (row.candidate, row.incumbent):
            self.wait(self.models.resolve, model, ModelKind.LLM)
        self.work.progress(0, None, "items", "reading")
        sets = {one.name: self._items(row, gate, one) for one in gate.sets}
        self.wait(asked.begin, {name: found.sha256 for name, found in sets.items()})
        questions = self._questions(asked, gate, sets)
        at_once, documents, tally = self.work.settings.gate.concurrency, self._documents(row), Tally(self.work.checkpoint)
        examination = Examination(self.work, self.wait, self.models, asked, gate, row.candidate, row.incumbent, at_once, tally, documents)
        examination.ask(questions)
        self.work.progress(len(questions), len(questions), "items", "weighing")
        verdict = decide(gate, self.wait(asked.marks)).model_copy(update={"tokens": tally.tokens()})
        for reason in verdict.reasons:
            self.work.log(reason)
        base = self.wait(asked.end, verdict)
        if base is not None:
            self.wait(publish, self.database, Home(self.work.settings.home), base)
        return {"verdict": str(row.id), "outcome": verdict.outcome}

    def _documents(self, row: GateVerdict) -> Documents | None:
        if row.documents is None:
            return None
        if self.vectors is None:
            raise Unavailable("The index of documents cannot be reached from here; retry when the cluster is up.")
        return Documents.of(row.organisation_id, row.documents, self.models, self.vectors, self.database, self.work.settings)

    def _items(self, row: GateVerdict, gate: GateSpec, one: GateSetSpec) -> ItemSet:
        if one.file is not None:
            return read_items(gates(self.work.settings.home).folder(gate.name) / one.file, one.most, gate.seed)
        held_out = HELD_OUT.validate_python(row.held_out)
        path = self.wait(path_of, self.database, Home(self.work.settings.home), row.organisation_id, held_out)
        return read_items(path, one.most, gate.seed)

    def _questions(self, asked: Asked, gate: GateSpec, sets: dict[str, ItemSet]) -> Sequence[Question]:
        """Without the items of people who were erased meanwhile."""
        everybody = {subject for found in sets.values() for example in found.items if (subject := subject_of(example)) is not None}
        known = self.wait(asked.known, everybody) if everybody else set()
        return [
            Question(one, number, example)
            for one in gate.sets
            for number, example in enumerate(sets[one.name].items)
            if (subject := subject_of(example)) is None or subject in known
        ]

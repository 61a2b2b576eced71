"""A better system prompt: searched on the train side of a dataset, judged on what that holds out, proposed if it is better beyond noise.

Examples that hold somebody's words are never shown in a prompt: erasing that person would have to find them there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.contracts.generation import Caching, GenerationRequest, Message, Sampling
from cluster.contracts.models import ModelKind
from cluster.errors import BadInput, NotFound, Unprocessable
from cluster.learning.datasets import load
from cluster.learning.example import Example
from cluster.learning.gate.marks import mark
from cluster.learning.gate.sets import read_items
from cluster.learning.gate.statistics import Drawn, compare
from cluster.optimising.change import Evidence, OptimiserName, PromptChange
from cluster.optimising.kept import Proposal
from cluster.optimising.load import Sample
from cluster.optimising.wanted import PromptWanted
from cluster.optimising.weighing import SEED
from cluster.prompts.store import StoredPrompts
from cluster.prompts.tables import PromptVersion
from cluster.prompts.template import names_in, render
from cluster.specs.gate import MarkingSpec
from training.gate.asking import message_of
from training.optimise.prompt_text import as_template
from training.optimise.scene import Scene

# Of the requests that may be made, a quarter judges each of the two prompts, the rest searches.
JUDGING = 4
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Data:
    """``shown``: what examples may be taken from; ``tried``: what candidates are compared on; ``held_out``: what judges."""

    shown: Sequence[Example]
    tried: Sequence[Example]
    held_out: Sequence[Example]


class Prompt:
    """Of the prompt that was named."""

    name: OptimiserName = "prompt"

    def subjects(self, scene: Scene) -> list[str]:
        return [str(scene.wanted.prompt.prompt_id)] if scene.wanted.prompt is not None else []

    def propose(self, scene: Scene, subject: str) -> Proposal:
        wanted = scene.wanted.prompt
        assert wanted is not None, "there are subjects"
        scene.wait(scene.models.resolve, wanted.model, ModelKind.LLM)
        version = scene.wait(_version, scene, wanted)
        data = _data(scene, wanted)
        if len(data.held_out) < FEWEST or len(data.tried) < FEWEST or not data.shown:
            told = (
                f"{len(data.shown)} examples to show that hold nobody's words, {len(data.tried)} to try on, {len(data.held_out)} held out"
            )
            return Proposal(self.name, subject, "refused", f"The dataset has too little: {told}; {FEWEST} of each are needed.")
        return Search(scene, wanted, version, data).propose(subject)


class Search:
    """Of one prompt, with so many requests in all."""

    def __init__(self, scene: Scene, wanted: PromptWanted, version: PromptVersion, data: Data) -> None:
        self._scene = scene
        self._wanted = wanted
        self._version = version
        self._data = data
        self._how = MarkingSpec(metric=wanted.metric)
        self._left = max(0, wanted.calls - 2 * len(data.held_out))

    def propose(self, subject: str) -> Proposal:
        said = render(self._version.text, {str(name): str(value) for name, value in self._version.variables.items()})
        template, tried = self._best(said)
        if template is None:
            return Proposal(
                "prompt", subject, "refused", f"None of {tried} candidates was better than what the prompt says on the train side."
            )
        before, after = self._judged("before", said), self._judged("after", self._rendered(template))
        limits = self._scene.limits
        found = compare(after, before, 0.0, Drawn(limits.confidence, limits.resamples, SEED), subject)
        measured = Evidence(
            metric=f"marks ({self._wanted.metric}) of {found.items} held-out items",
            unit="mark from 0 to 1",
            before=found.incumbent,
            after=found.candidate,
            ratio=found.mean,
            low=found.low,
            high=found.high,
            confidence=limits.confidence,
            samples=found.items,
            more={"wins": float(found.wins), "losses": float(found.losses), "candidates": float(tried)},
        )
        interval = f"{found.mean:+.1%} ({found.low:+.1%} to {found.high:+.1%})"
        told = f"{found.candidate:.1%} against {found.incumbent:.1%}, a difference of {interval}"
        if found.low <= 0:
            return Proposal(
                "prompt", subject, "refused", f"The best of {tried} candidates is not better beyond noise: {told}.", "", None, measured
            )
        change = PromptChange(prompt_id=self._wanted.prompt_id, model=self._wanted.model, version=self._version.version, text=template)
        return Proposal(
            "prompt",
            subject,
            "proposed",
            f"Better on what was held out: {told}.",
            "It becomes a new version of the prompt.",
            change,
            measured,
        )

    def _best(self, said: str) -> tuple[str | None, int]:
        """The template with the best marks on what is tried on, if better than what is ``said`` now; and how many were tried."""
        from training.optimise.dspy_search import Candidate, Spent, few_shot, instructions

        best, score, tried = None, self._tried(said), 0
        try:
            for seed in range(self._wanted.calls):
                if self._wanted.method == "instructions":
                    found = instructions(self._ask, self._mark, said, self._data.tried)
                else:
                    found = few_shot(self._ask, self._mark, said, self._data.shown, self._shots(seed), seed)
                tried += 1
                template = self._template(found)
                mean = self._tried(self._rendered(template))
                if mean > score:
                    best, score = template, mean
                self._scene.work.log(f"candidate {tried}: {mean:.1%} on the train side; the best so far {score:.1%}")
                if self._wanted.method == "instructions" or (isinstance(found, Candidate) and score >= 1.0):
                    break
        except Spent:
            self._scene.work.log(f"all requests for the search are made; {tried} candidates were tried")
        return best, tried

    def _shots(self, seed: int) -> int:
        """More and fewer by turns: a small model is confused by many."""
        return max(1, self._wanted.shots >> (seed % 3))

    def _template(self, found: Any) -> str:
        if self._wanted.method == "instructions":
            return str(found.instruction).replace("$", "$$")
        return as_template(self._version.text, found.shots)

    def _rendered(self, template: str) -> str:
        return render(template, {str(name): str(value) for name, value in self._version.variables.items()})

    def _tried(self, system: str) -> float:
        marks = [self._mark(example, self._ask(system, example.messages, 0.0)) for example in self._data.tried]
        return sum(marks) / len(marks)

    def _judged(self, setting: str, system: str) -> list[float]:
        """Marks of all held-out items, each of which is asked once, whatever process dies."""
        scene, name = self._scene, f"prompt {self._wanted.prompt_id}"
        which = f"{setting} {hashlib.sha256(system.encode()).hexdigest()[:12]}"
        had = scene.wait(scene.kept.samples, name)
        for number, example in enumerate(self._data.held_out):
            if (number, which) not in had:
                value = self._mark(example, self._asked(system, example.messages, 0.0))
                had[number, which] = value
                scene.wait(scene.kept.keep, name, number, which, Sample(value))
            scene.work.progress(number + 1, len(self._data.held_out), "items", f"judging {setting}")
        return [had[number, which] for number in range(len(self._data.held_out))]

    def _mark(self, example: Example, said: str) -> float:
        return mark(self._how, example.task, example.chosen, said)

    def _ask(self, system: str, messages: Sequence[dict[str, Any]], temperature: float) -> str:
        """While requests are left for the search."""
        from training.optimise.dspy_search import Spent

        if self._left <= 0:
            raise Spent
        self._left -= 1
        return self._asked(system, messages, temperature)

    def _asked(self, system: str, messages: Sequence[dict[str, Any]], temperature: float) -> str:
        self._scene.work.check()
        others = [message_of(message) for message in messages if message.get("role") != "system"]
        request = GenerationRequest(
            model=self._wanted.model,
            messages=(Message("system", system), *others),
            sampling=Sampling(temperature=temperature, max_tokens=self._wanted.answer_tokens),
            request_id=f"optimise-{self._scene.work.id.hex[:12]}",
            caching=Caching(ttl_s=0),
            scope=str(self._scene.work.organisation_id),
        )
        try:
            return str(self._scene.wait(self._scene.models.generate, request).text)
        except BadInput:
            return ""  # a prompt with examples that no longer fits the model's context is the candidate's failure


async def _version(scene: Scene, wanted: PromptWanted) -> PromptVersion:
    async with scene.database.session() as session:
        row = await StoredPrompts(session).get(scene.work.organisation_id, wanted.prompt_id)
        version = await StoredPrompts(session).version(wanted.prompt_id, wanted.version) if row is not None else None
    if version is None:
        raise NotFound("The prompt, or its version, is gone.")
    missing = [name for name in names_in(version.text) if name not in version.variables]
    if missing:
        raise Unprocessable(f"The prompt has variables without a default: {', '.join(missing)}; give them one.")
    return version


def _data(scene: Scene, wanted: PromptWanted) -> Data:
    async def paths() -> Any:
        async with scene.database.session() as session:
            return await load(session, scene.work.organisation_id, wanted.dataset_id, wanted.dataset_version, home=scene.home)

    found = scene.wait(paths)
    most = min(scene.limits.prompt_items, wanted.calls // JUDGING)
    train = list(read_items(found.path_train, 2 * scene.limits.prompt_items, SEED).items)
    held_out = read_items(found.path_held_out, most, SEED).items
    half = len(train) // 2
    shown = [example for example in train[half:] if example.source.user_id is None]
    return Data(shown, train[:half][: max(FEWEST, wanted.calls // 10)], held_out)

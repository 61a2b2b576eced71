"""Asking models how sure they are of their answers to samples."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from api.active_learning.candidates import Sample
from api.generation.service import adapter_of
from api.semantic.models import Asking
from cluster.contracts.generation import Generation, GenerationRequest, Message, Sampling
from cluster.contracts.models import ModelKind
from cluster.errors import BadInput, TooLarge
from cluster.learning.selection.space import Floats
from cluster.learning.selection.uncertainty import disagreement, doubt, token_entropy
from cluster.settings import ActiveLearningSettings

MEASURES = ("entropy", "doubt", "disagreement")
# Alternatives of each token: what they leave out is little, and every engine gives as many.
ALTERNATIVES = 5


@dataclass(slots=True)
class Measured:
    """``values``: by measure, one for each sample, NaN where it is not known. ``answers``: what ``model`` said, by the sample's number."""

    values: dict[str, Floats]
    answers: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, index: int) -> dict[str, float | None]:
        return {name: None if np.isnan(values[index]) else round(float(values[index]), 4) for name, values in self.values.items()}


def nothing(size: int) -> Measured:
    return Measured({name: np.full(size, np.nan) for name in MEASURES})


class Measuring:
    """``model`` answers each sample at the temperature 0, and so does ``other`` where it is given, such as another adapter."""

    def __init__(self, asking: Asking, settings: ActiveLearningSettings, model: str, other: str | None) -> None:
        self._asking = asking
        self._settings = settings
        self._model = model
        self._other = other
        self._silent = False

    async def measure(self, samples: Sequence[Sample], seed: int) -> Measured:
        """Of more samples than ``active_learning.asked`` some at random. What a model cannot read is not measured; any other failure of a
        model is raised."""
        found = nothing(len(samples))
        if not samples or not self._settings.asked:
            return found
        which = [int(one) for one in np.random.default_rng(seed).permutation(len(samples))[: self._settings.asked]]
        if len(which) < len(samples):
            found.notes.append(f"Of {len(samples)} candidates {len(which)} were asked about (active_learning.asked).")
        await self._one(samples, which[0], found)  # first alone: it shows whether the model tells log probabilities
        at_once = asyncio.Semaphore(self._settings.at_once)

        async def next_one(index: int) -> None:
            async with at_once:
                await self._one(samples, index, found)

        asking = [asyncio.ensure_future(next_one(index)) for index in which[1:]]
        try:  # not a TaskGroup: what a model raises is to be seen as it is
            await asyncio.gather(*asking)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        self._conclude(found, len(which))
        return found

    async def _one(self, samples: Sequence[Sample], index: int, found: Measured) -> None:
        try:
            said = await self._said(samples[index], found)
            second = await self._ask(self._other, samples[index], logprobs=False) if self._other is not None else None
        except TooLarge:
            return
        if said is None:
            return
        tops = [[chance for _, chance in token.top] for token in said.logprobs]
        for name, value in (("entropy", token_entropy(tops)), ("doubt", doubt(tops))):
            found.values[name][index] = np.nan if value is None else value
        if second is not None:
            found.values["disagreement"][index] = disagreement(said.text, second.text)
        found.answers[index] = said.text

    async def _said(self, sample: Sample, found: Measured) -> Generation | None:
        """None where only its log probabilities were wanted, which the model does not tell."""
        if not self._silent:
            try:
                return await self._ask(self._model, sample, logprobs=True)
            except TooLarge:
                raise
            except BadInput as error:
                self._silent = True
                found.notes.append(f"'{self._model}' tells no log probabilities: {error.message}")
        return await self._ask(self._model, sample, logprobs=False) if self._other is not None else None

    async def _ask(self, model: str, sample: Sample, *, logprobs: bool) -> Generation:
        status = await self._asking.parts.gateway.resolve(model, ModelKind.LLM)
        top = ALTERNATIVES if logprobs else None
        request = GenerationRequest(
            status.id,
            tuple(Message(turn["role"], turn["content"]) for turn in sample.messages),
            adapter=adapter_of(model, status),
            sampling=Sampling(temperature=0.0, max_tokens=self._settings.answer_tokens, top_logprobs=top),
        )
        return await self._asking.generate(request)

    def _conclude(self, found: Measured, asked: int) -> None:
        measured = ~np.isnan(np.stack(list(found.values.values()))).all(axis=0)
        missing = asked - int(measured.sum())
        if missing:
            found.notes.append(f"{missing} samples could not be measured: too long for the model, or nothing was told of them.")

"""Summaries of what was said, written by a model: in one piece where it fits the model's context, else part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.conversations.tables import Message as MessageRow
from api.streams.thinking import ThinkingParser
from cluster.contracts.generation import GenerationRequest, Message, Sampling, Usage
from cluster.contracts.models import ModelStatus
from cluster.errors import EngineError
from cluster.gateway import ModelGateway

TASK = (
    "You summarise conversations so that they can go on without their older messages. Keep names, numbers, decisions, promises, "
    "preferences and open questions. Leave out greetings and repetition. Write plain sentences in the language of the conversation, "
    "at most {words} words, and nothing but the summary."
)
WORDS_PER_TOKEN = 0.6
# A text that is longer than the context loses its middle, but not more than to this many characters.
SHORTEST = 200


@dataclass(frozen=True, slots=True)
class Summary:
    """``usage``: of each request that it took. ``served_by``: the model that wrote it."""

    text: str
    served_by: str
    usage: tuple[Usage, ...]


class Summariser:
    """``tokens``: the longest summary. ``request``: model, adapter and scope of what is asked."""

    def __init__(self, gateway: ModelGateway, status: ModelStatus, request: GenerationRequest, tokens: int) -> None:
        most = status.context_tokens
        self._gateway = gateway
        self._most = most
        self._request = request
        # At least half of the context is for what is summarised.
        self._tokens = tokens if most is None else max(1, min(tokens, most // 4))

    async def write(self, before: str | None, rows: Sequence[MessageRow]) -> Summary:
        """Of ``rows``, after what ``before`` sums up."""
        texts = [f"{row.role.capitalize()}: {row.text}" for row in rows if row.text]
        return await self._write(Summary(before or "", self._request.model, ()), texts)

    async def _write(self, before: Summary, texts: Sequence[str]) -> Summary:
        asked = self._asked(before.text, texts)
        if await self._fits(asked):
            return await self._answer(asked, before)
        if len(texts) > 1:
            half = len(texts) // 2
            return await self._write(await self._write(before, texts[:half]), texts[half:])
        shorter = _without_middle(texts[0])
        if len(shorter) == len(texts[0]):
            return await self._answer(asked, before)  # the engine says what is wrong
        return await self._write(before, [shorter])

    async def _fits(self, asked: GenerationRequest) -> bool:
        if self._most is None:
            return True
        return (await self._gateway.count_tokens(asked)).tokens + self._tokens <= self._most

    async def _answer(self, asked: GenerationRequest, before: Summary) -> Summary:
        answer = await self._gateway.generate(asked)
        parser = ThinkingParser()
        text = "".join(piece.text for piece in parser.feed(answer.text) + parser.close() if piece.kind != "thinking").strip()
        if not text:
            raise EngineError(f"'{asked.model}' wrote no summary; name another model.")
        served_by = answer.provenance.served_by if answer.provenance else asked.model
        return Summary(text, served_by, (*before.usage, answer.usage))

    def _asked(self, before: str, texts: Sequence[str]) -> GenerationRequest:
        said = ([f"What was said before, in short: {before}"] if before else []) + [*texts]
        task = Message("system", TASK.format(words=max(10, round(self._tokens * WORDS_PER_TOKEN))))
        told = Message("user", "\n\n".join([*said, "Summarise this conversation."]))
        request = self._request
        return GenerationRequest(
            request.model,
            (task, told),
            adapter=request.adapter,
            sampling=Sampling(temperature=0.0, max_tokens=self._tokens),
            request_id=request.request_id,
            scope=request.scope,
        )


def _without_middle(text: str) -> str:
    kept = max(SHORTEST, len(text) // 2) // 2
    return text if len(text) <= 2 * kept + 3 else f"{text[:kept]}...{text[-kept:]}"

"""One choice of an answer from documents, whole or as it streams."""

from __future__ import annotations

from dataclasses import replace

from api.retrieval.citations import CitationAnswer, KnowledgeAnswer
from cluster.contracts.generation import Generation, GenerationDelta
from cluster.retrieval.briefing import Briefing


class GroundedChoice:
    """``citations`` and ``hearth`` are known at the end."""

    def __init__(self, briefing: Briefing) -> None:
        self._briefing = briefing
        self._text = briefing.cited()

    def whole(self, answer: Generation) -> Generation:
        return replace(answer, text=self._text.feed(answer.text) + self._text.close())

    def piece(self, delta: GenerationDelta) -> GenerationDelta:
        """With the text that can be shown by now; with the last piece, all that was held back."""
        text = self._text.feed(delta.text)
        return replace(delta, text=text + self._text.close() if delta.finish_reason else text)

    @property
    def citations(self) -> list[CitationAnswer]:
        found = self._text.citations or self._briefing.attributed(self._text)
        return [CitationAnswer.of(citation) for citation in found]

    @property
    def knowledge(self) -> KnowledgeAnswer:
        return KnowledgeAnswer.of(self._briefing, self._text.dropped)

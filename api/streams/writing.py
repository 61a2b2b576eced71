"""One answer on its way from the model into its journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from api.streams.fold import Content, Folded, calls_of, finish_event, piece_event, run_events, source_event
from api.streams.grounding import Citing
from api.streams.journal import Journal
from api.streams.thinking import ThinkingParser
from cluster.contracts.generation import FinishReason, GenerationDelta, Usage


class Writing:
    """One answer on its way from the model into the journal and into ``folded``. ``citing``: where it is answered from documents."""

    def __init__(self, journal: Journal, folded: Folded, citing: Citing | None = None) -> None:
        self.journal = journal
        self._folded = folded
        self._parser = ThinkingParser()
        self._citing = citing
        self._began = time.monotonic()
        self._spoke = False
        self._uncounted = 0

    async def open(self) -> None:
        await self._append([({"type": "start"}, 0)])

    async def take(self, batch: Sequence[GenerationDelta]) -> None:
        events: list[tuple[Content, int]] = []
        usage: Usage | None = None
        reason: FinishReason | None = None
        for delta in batch:
            usage, reason = delta.usage or usage, delta.finish_reason or reason
            if delta.provenance is not None:
                events.append((source_event(delta.provenance), 0))
            if delta.run is not None:
                events += [(content, 0) for content in run_events(delta.run)]
            # A token is counted with the event that shows it; one that is held back, because it may begin a tag, with the next.
            self._uncounted += int(bool(delta.text or delta.reasoning or delta.tool_calls))
            for content in self._contents(delta):
                if not self._spoke:
                    self._spoke = True
                    events.append(({"type": "first", "after_ms": self._ms()}, 0))
                events.append((content, self._uncounted))
                self._uncounted = 0
        if reason is not None:
            events += self._rest()
            events.append((finish_event("complete", reason, usage, None, self._ms()), 0))
        if events:
            await self._append(events, final=reason is not None)

    async def finish(self, status: str, *, remark: str, error: str | None = None, prompt_tokens: int | None = None) -> None:
        """How it ended without its own end. ``prompt_tokens``: where they could be counted."""
        events = self._rest()
        if error is not None:
            events.append(({"type": "error", "code": error, "message": remark}, 0))
        usage = None
        if prompt_tokens is not None:
            usage = Usage(prompt_tokens, self._folded.tokens + sum(tokens for _, tokens in events), estimated=True)
        await self._append([*events, (finish_event(status, None, usage, remark, self._ms()), 0)], final=True)

    def _contents(self, delta: GenerationDelta) -> list[Content]:
        thought: list[Content] = [{"type": "thinking", "text": delta.reasoning, "part": -1}] if delta.reasoning else []
        pieces = self._parser.feed(delta.text)
        return thought + [piece_event(piece) for piece in (self._citing.pieces(pieces) if self._citing else pieces)] + calls_of(delta)

    def _rest(self) -> list[tuple[Content, int]]:
        counted, self._uncounted = self._uncounted, 0
        pieces = self._parser.close()
        contents = [piece_event(piece) for piece in pieces]
        if self._citing is not None:
            pieces = [*self._citing.pieces(pieces), *self._citing.close()]
            contents = [*(piece_event(piece) for piece in pieces), self._citing.event()]
        return [(content, counted if at == 0 else 0) for at, content in enumerate(contents)]

    async def _append(self, events: list[tuple[Content, int]], *, final: bool = False) -> None:
        try:
            await self.journal.append(*events, final=final)
        except asyncio.CancelledError:
            self._fold(events)  # the next call writes them, if they are not written already
            raise
        self._fold(events)

    def _fold(self, events: list[tuple[Content, int]]) -> None:
        for content, tokens in events:
            self._folded.add(content, tokens)

    def _ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

"""Token ids as the caller sent them, or as the tokenizer made them, brought into what an embedding model accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from cluster.contracts.perception import TokenSpans
from cluster.errors import ContextLengthExceeded, Unprocessable


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """``prefix`` and ``suffix``: the special tokens around every input. ``max_tokens`` counts them too."""

    model: str
    max_tokens: int
    vocabulary: int
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer, model: str, max_tokens: int) -> TokenLimits:
        bare = tokenizer.encode("a", add_special_tokens=False).ids
        full = tokenizer.encode("a").ids
        at = next(start for start in range(len(full)) if full[start : start + len(bare)] == bare)
        return cls(model, max_tokens, tokenizer.get_vocab_size(), tuple(full[:at]), tuple(full[at + len(bare) :]))

    def spans(self, tokenizer: Tokenizer, text: str) -> TokenSpans:
        """Where the tokens of ``text`` lie, as ``TokenSpans`` says."""
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        return TokenSpans(np.array(offsets, np.int32).reshape(-1, 2), self.max_tokens - len(self.prefix) - len(self.suffix))

    def admit(self, ids: Sequence[int], number: int, truncate: bool) -> list[int]:
        """``ids`` with the special tokens it lacks, at most ``max_tokens`` long. ``number``: which input it is, for the message.

        Raises ContextLengthExceeded when it is longer and must not be cut, Unprocessable for ids that are not in the vocabulary.
        """
        wrong = next((one for one in ids if not 0 <= one < self.vocabulary), None)
        if wrong is not None:
            raise Unprocessable(
                f"Input {number} holds the token id {wrong}, but model '{self.model}' knows 0 to {self.vocabulary - 1}; "
                "send text, or ids of this model's own tokenizer."
            )
        content = list(ids)
        if tuple(content[: len(self.prefix)]) == self.prefix and tuple(content[len(content) - len(self.suffix) :]) == self.suffix:
            content = content[len(self.prefix) : len(content) - len(self.suffix)]
        count = len(self.prefix) + len(content) + len(self.suffix)
        if count > self.max_tokens:
            if not truncate:
                raise ContextLengthExceeded(
                    f"Input {number} has {count} tokens, but model '{self.model}' reads at most {self.max_tokens}; "
                    'split it into shorter pieces, or send "truncate": true to embed its beginning only.'
                )
            content = content[: self.max_tokens - len(self.prefix) - len(self.suffix)]
        return [*self.prefix, *content, *self.suffix]

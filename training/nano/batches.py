"""From conversations to tensors: rows of one length, filled with whole conversations, and how much predicting each token counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.nano.corpus import Conversation, Stream
from training.nano.tokens import END, PAD, token_id

MISSES = 16  # conversations that find no room before the rows are taken as full; the next rows begin with them
Encoded = tuple[list[int], list[float]]


@dataclass(frozen=True)
class Batch:
    """Three tensors [rows, time]: `tokens` int64; `weights` float32, of predicting that very token; `documents` int64, numbered in a row.

    Padding has document 0 and weight 0.
    """

    tokens: Tensor
    weights: Tensor
    documents: Tensor

    def to(self, device: str) -> Batch:
        return Batch(self.tokens.to(device), self.weights.to(device), self.documents.to(device))

    def split(self, rows: int) -> list[Batch]:
        """The same rows in batches of at most `rows`."""
        starts = range(0, len(self.tokens), rows)
        return [Batch(*(whole[at : at + rows] for whole in (self.tokens, self.weights, self.documents))) for at in starts]


class Encoder:
    """Turns a conversation into ids and weights: 1 for what the assistant says and its end, `context_weight` for the rest."""

    def __init__(self, tokenizer: Tokenizer, context_weight: float) -> None:
        self.tokenizer = tokenizer
        self.context_weight = context_weight
        self.pad, self.end = token_id(tokenizer, PAD), token_id(tokenizer, END)
        self.heads = {role: token_id(tokenizer, f"<|{role}|>") for role in ("system", "user", "assistant", "tool")}

    def __call__(self, conversation: Conversation) -> Encoded:
        ids: list[int] = []
        weights: list[float] = []
        texts = self.tokenizer.encode_batch_fast([message.text for message in conversation.messages])
        for message, text in zip(conversation.messages, texts, strict=True):
            body = [*text.ids, self.end]
            ids += [self.heads[message.role], *body]
            weights += [0.0] + [1.0 if message.role == "assistant" else self.context_weight] * len(body)
        return ids, weights


def batches(stream: Stream, encoder: Encoder, tokens_per_batch: int, longest: int, progress: Iterator[float]) -> Iterator[Batch]:
    """Endless batches of `tokens_per_batch` tokens in rows of `longest`. Conversations longer than a row are passed over."""
    conversations = (encoder(stream.next(share)) for share in progress)
    fitting = (row for row in conversations if len(row[0]) <= longest)
    count = max(1, tokens_per_batch // longest)
    waiting: deque[Encoded] = deque()
    while True:
        yield _stack(_fill(fitting, waiting, count, longest), longest, encoder.pad)


def _fill(source: Iterator[Encoded], waiting: deque[Encoded], count: int, length: int) -> list[list[Encoded]]:
    """Rows of conversations, each put into the first with room; those without any are left in `waiting`."""
    rows: list[list[Encoded]] = [[] for _ in range(count)]
    room = [length] * count
    missed: list[Encoded] = []
    while len(missed) < MISSES:
        item = waiting.popleft() if waiting else next(source)
        place = next((i for i, free in enumerate(room) if free >= len(item[0])), None)
        if place is None:
            missed.append(item)
            continue
        rows[place].append(item)
        room[place] -= len(item[0])
    waiting.extendleft(reversed(missed))
    return rows


def _stack(rows: list[list[Encoded]], time: int, pad: int) -> Batch:
    tokens = torch.full((len(rows), time), pad, dtype=torch.int64)
    weights = torch.zeros((len(rows), time))
    documents = torch.zeros((len(rows), time), dtype=torch.int64)
    for i, row in enumerate(rows):
        at = 0
        for number, (ids, counts) in enumerate(row, 1):
            end = at + len(ids)
            tokens[i, at:end] = torch.tensor(ids)
            weights[i, at:end] = torch.tensor(counts)
            documents[i, at:end] = number
            at = end
    return Batch(tokens, weights, documents)

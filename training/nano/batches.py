"""From conversations to tensors: token ids, and for every token how much its prediction counts."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.nano.corpus import Conversation, Stream
from training.nano.tokens import END, PAD, token_id

POOL = 12  # batches gathered before sorting by length: large enough to pad little, small enough to follow the curriculum


@dataclass(frozen=True)
class Batch:
    """`tokens` int64 [rows, time]; `weights` float32 [rows, time], the weight of predicting that very token."""

    tokens: Tensor
    weights: Tensor


class Encoder:
    """Turns a conversation into ids and weights: 1 for what the assistant says and its end, `context_weight` for the rest."""

    def __init__(self, tokenizer: Tokenizer, context_weight: float) -> None:
        self.tokenizer = tokenizer
        self.context_weight = context_weight
        self.pad = token_id(tokenizer, PAD)

    def __call__(self, conversation: Conversation) -> tuple[list[int], list[float]]:
        ids: list[int] = []
        weights: list[float] = []
        for message in conversation.messages:
            head = [token_id(self.tokenizer, f"<|{message.role}|>")]
            body = [*self.tokenizer.encode(message.text).ids, token_id(self.tokenizer, END)]
            learned = message.role == "assistant"
            ids += head + body
            weights += [0.0] + [1.0 if learned else self.context_weight] * len(body)
        return ids, weights


def batches(stream: Stream, encoder: Encoder, tokens_per_batch: int, longest: int, progress: Iterator[float]) -> Iterator[Batch]:
    """Endless batches of about `tokens_per_batch` tokens; rows of one batch are of similar length, longer ones are cut."""
    for share in progress:
        pool: list[tuple[list[int], list[float]]] = []
        while sum(len(ids) for ids, _ in pool) < POOL * tokens_per_batch:
            ids, weights = encoder(stream.next(share))
            pool.append((ids[:longest], weights[:longest]))
        pool.sort(key=lambda row: len(row[0]))
        groups = list(_groups(pool, tokens_per_batch))
        stream.rng.shuffle(groups)
        yield from (_stack(group, encoder.pad) for group in groups)


def _groups(rows: list[tuple[list[int], list[float]]], tokens_per_batch: int) -> Iterator[list[tuple[list[int], list[float]]]]:
    group: list[tuple[list[int], list[float]]] = []
    for row in rows:
        if group and len(row[0]) * (len(group) + 1) > tokens_per_batch:
            yield group
            group = []
        group.append(row)
    yield group


def _stack(rows: list[tuple[list[int], list[float]]], pad: int) -> Batch:
    time = max(len(ids) for ids, _ in rows)
    tokens = torch.full((len(rows), time), pad, dtype=torch.int64)
    weights = torch.zeros((len(rows), time))
    for i, (ids, row_weights) in enumerate(rows):
        tokens[i, : len(ids)] = torch.tensor(ids)
        weights[i, : len(ids)] = torch.tensor(row_weights)
    return Batch(tokens, weights)

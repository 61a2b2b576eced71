"""Attention on a CPU over rows in which several conversations stand one after the other: each by itself, beside others about as long.

A mask over whole rows makes a CPU multiply all pairs of tokens of a row and throw most of the products away: a conversation is a quarter as
long as its row. Here their tokens are taken out of the rows, computed with padding on the right, and put back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ALIKE = 0.75  # conversations of at least this share of the longest one's length are computed together with it


@dataclass(frozen=True)
class Pieces:
    """The conversations of a batch in groups that are about as long, ``shapes`` (conversations, places).

    ``there`` int64 [all places]: the token of the flattened rows for each place of the groups; padding has any token of its conversation.
    ``home`` int64 [rows * time]: for each token its place.
    """

    shapes: tuple[tuple[int, int], ...]
    there: Tensor
    home: Tensor


def pieces_of(documents: Tensor) -> Pieces:
    """`documents` int64 [rows, time] numbers the conversation of each token; padding counts as one more."""
    rows, time = documents.shape
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    starts = begins.flatten().nonzero().flatten()
    lengths = torch.diff(starts, append=torch.tensor([rows * time]))
    shapes, there, own = [], [], []
    for some in _alike(lengths):
        places = torch.arange(int(lengths[some].max()))
        filled = places < lengths[some, None]
        shapes.append((len(some), len(places)))
        there.append((starts[some, None] + torch.where(filled, places, 0)).flatten())
        own.append(filled.flatten())
    taken = torch.cat(there)
    real = torch.cat(own).nonzero().flatten()
    home = torch.empty(rows * time, dtype=torch.int64)
    home[taken[real]] = real
    return Pieces(tuple(shapes), taken, home)


def _alike(lengths: Tensor) -> list[Tensor]:
    """Numbers of conversations that are about as long, the longest first."""
    order = torch.argsort(lengths, descending=True)
    found: list[Tensor] = []
    while len(order):
        fitting = int((lengths[order] >= ALIKE * lengths[order[0]]).sum())
        found.append(order[:fitting])
        order = order[fitting:]
    return found


def attend_pieces(q: Tensor, k: Tensor, v: Tensor, pieces: Pieces) -> Tensor:
    """Causal attention of q [rows, heads, time, size] over k and v, which may have fewer heads, within each conversation."""
    rows, _, time, _ = q.shape
    taken = [_out(x.to(v.dtype).transpose(1, 2).flatten(0, 1), pieces) for x in (q, k, v)]
    mixed, at = [], 0
    for count, length in pieces.shapes:
        end = at + count * length
        parts = [x[at:end].view(count, length, *x.shape[1:]).transpose(1, 2) for x in taken]
        mixed.append(_causal(*parts).transpose(1, 2).flatten(0, 1))
        at = end
    return _home(torch.cat(mixed), pieces).view(rows, time, *q.shape[1::2]).transpose(1, 2)


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """In bfloat16 by plain products: up to 256 tokens a CPU is twice to three times as fast at them as at torch 2.13's fused kernel."""
    if v.dtype != torch.bfloat16:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    count, heads, length, size = k.shape
    later = torch.full((length, length), float("-inf"), dtype=q.dtype).triu(1)
    # The queries that share a key stand below each other, so that keys are not repeated.
    scores = (q * size**-0.5).reshape(count, heads, -1, size) @ k.mT
    weights = (scores.unflatten(2, (-1, length)) + later).softmax(-1)
    mixed: Tensor = (weights.flatten(2, 3) @ v).view(q.shape)
    return mixed


def _out(x: Tensor, pieces: Pieces) -> Tensor:
    out: Tensor = _Out.apply(x, pieces.there, pieces.home)  # type: ignore[no-untyped-call]
    return out


def _home(x: Tensor, pieces: Pieces) -> Tensor:
    home: Tensor = _Home.apply(x, pieces.home)  # type: ignore[no-untyped-call]
    return home


class _Out(torch.autograd.Function):
    """Tokens to their places. No gradient comes from padding, so that the way back only moves: a CPU adds up row by row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, home: Tensor) -> Tensor:
        ctx.save_for_backward(home)
        return x.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (home,) = ctx.saved_tensors
        return gradients[0].index_select(0, home), None, None


class _Home(torch.autograd.Function):
    """Places to their tokens; padding is left out, and has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, home: Tensor) -> Tensor:
        ctx.save_for_backward(home)
        ctx.places = len(x)
        return x.index_select(0, home)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (home,) = ctx.saved_tensors
        whole = gradients[0].new_zeros(ctx.places, *gradients[0].shape[1:])
        return whole.index_copy_(0, home, gradients[0].contiguous()), None

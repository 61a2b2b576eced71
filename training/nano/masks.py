"""Attention over rows in which several conversations stand one after the other, each seeing only itself.

On a CUDA card the mask is a BlockMask: whole blocks between two conversations are never computed. Elsewhere the conversations are taken out
of their rows (:mod:`training.nano.pieces`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from training.nano.pieces import Pieces, attend_pieces, pieces_of

Mask = Pieces | BlockMask


def packed_mask(documents: Tensor, blocks: bool) -> Mask:
    """Who may see whom: `documents` [rows, time] numbers the conversation of each token; no token sees a later one."""
    return block_mask(documents) if blocks else pieces_of(documents)


def block_mask(documents: Tensor) -> BlockMask:
    rows, time = documents.shape

    def visible(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents[row, query] == documents[row, key])

    build = _compiled_builder() if documents.is_cuda else create_block_mask
    mask: BlockMask = build(visible, rows, None, time, time, device=str(documents.device))
    return mask


@cache
def _compiled_builder() -> Any:
    """Uncompiled, the builder would write out every pair of positions of every row first."""
    return torch.compile(create_block_mask)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Mask | None) -> Tensor:
    """Scaled dot-product attention of q [batch, heads, time, size] over k and v with fewer heads; causal where there is no mask."""
    if mask is None:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    if isinstance(mask, Pieces):
        return attend_pieces(q, k, v, mask)
    # Rotation by float32 angles made q and k wider than v under autocast, and unlike the calls above this one wants them alike.
    mixed = flex_attention(q.to(v.dtype), k.to(v.dtype), v, block_mask=mask, enable_gqa=True)
    assert isinstance(mixed, Tensor)
    return mixed

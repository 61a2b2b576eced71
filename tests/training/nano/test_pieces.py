"""Conversations taken out of their rows: computed as alone, each token once, and nothing learned from padding."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from training.nano.pieces import attend_pieces, pieces_of

# Conversations of several lengths side by side, one that fills its row, and padding, which is document 0.
DOCUMENTS = torch.tensor([[1] * 5 + [2] * 7 + [3] * 2 + [0] * 2, [1] * 16, [1] * 6 + [2] * 6 + [3] * 4])


Three = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def drawn(dtype: torch.dtype) -> Three:
    """Queries, keys and values of four and two heads."""
    random = torch.Generator().manual_seed(7)
    q, k, v = (torch.randn(3, heads, 16, 8, generator=random).to(dtype).requires_grad_() for heads in (4, 2, 2))
    return q, k, v


def masked(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The same by a mask over whole rows."""
    visible = (DOCUMENTS[:, None, :, None] == DOCUMENTS[:, None, None, :]) & torch.ones(16, 16, dtype=torch.bool).tril()
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=visible, enable_gqa=True)


def test_every_token_has_one_place_of_its_own():
    pieces = pieces_of(DOCUMENTS)
    assert sorted(pieces.there[pieces.home].tolist()) == list(range(DOCUMENTS.numel()))
    assert len(set(pieces.home.tolist())) == DOCUMENTS.numel()


def test_conversations_of_like_length_share_a_group_and_others_do_not():
    assert pieces_of(DOCUMENTS).shapes == ((1, 16), (3, 7), (2, 5), (2, 2))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_attention_and_its_gradients_are_those_of_a_mask_over_whole_rows(dtype, tolerance):
    own, whole = drawn(dtype), drawn(dtype)
    found, expected = attend_pieces(*own, pieces_of(DOCUMENTS)), masked(*whole)
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)
    weight = torch.linspace(-1, 1, found.numel()).view(found.shape).to(dtype)
    mine, theirs = torch.autograd.grad(found, own, weight), torch.autograd.grad(expected, whole, weight)
    torch.testing.assert_close(mine, theirs, atol=2 * tolerance, rtol=2 * tolerance)


def test_queries_wider_than_the_values_as_mixed_precision_makes_them_come_out_like_the_values():
    q, k, v = drawn(torch.float32)
    assert attend_pieces(q, k, v.bfloat16(), pieces_of(DOCUMENTS)).dtype == torch.bfloat16

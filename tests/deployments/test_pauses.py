from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.pauses import parts

RATE = 100


@given(st.integers(0, 3000), st.integers(0, 10))
def test_parts_put_together_are_the_whole_and_none_is_too_long(length: int, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(size=length).astype(np.float32)
    found = list(parts(samples, RATE, longest_s=5.0, search_s=2.0))
    assert np.array_equal(np.concatenate([piece for _, piece in found]), samples)
    assert max(len(piece) for _, piece in found) <= 5 * RATE
    starts = np.cumsum([0, *(len(piece) for _, piece in found[:-1])]) / RATE
    assert [start for start, _ in found] == pytest.approx(starts)


def test_the_cut_is_made_in_the_pause() -> None:
    loud = np.ones(8 * RATE, np.float32)
    loud[380:420] = 0
    first, second = parts(loud, RATE, longest_s=5.0, search_s=2.0)
    assert 380 <= len(first[1]) < 420
    assert second[0] == len(first[1]) / RATE

"""Packed rows: whole conversations side by side, and a network that sees each as if it stood alone."""

from __future__ import annotations

import os
import time
import warnings
from itertools import repeat

import pytest
import torch

from tests.patience import PATIENCE_S
from tests.training.nano.conftest import SHAPE, SPEC
from training.nano.batches import Batch, Encoder, batches
from training.nano.corpus import Stream
from training.nano.evaluate import WEIGHTS
from training.nano.feeding import Pool
from training.nano.masks import attend, packed_mask
from training.nano.network import NanoLlama
from training.nano.tokens import load_tokenizer


@pytest.fixture(scope="module")
def encoder():
    return Encoder(load_tokenizer(WEIGHTS / "tokenizer.json", 2048), 0.15)


@pytest.fixture
def batch(encoder) -> Batch:
    return next(batches(Stream(1, "train"), encoder, 2048, 256, repeat(0.5)))


def test_a_row_holds_whole_conversations_and_little_padding(batch, encoder):
    starts, ends = (encoder.heads["user"], encoder.heads["system"]), encoder.end
    for tokens, documents in zip(batch.tokens, batch.documents, strict=True):
        for number in range(1, int(documents.max()) + 1):
            own = tokens[documents == number].tolist()
            assert own[0] in starts
            assert own[-1] == ends
    assert float((batch.documents > 0).float().mean()) > 0.85
    assert float(batch.weights[batch.documents == 0].sum()) == 0


def test_a_packed_conversation_is_computed_as_if_it_stood_alone(batch):
    model = NanoLlama(SHAPE)
    with torch.no_grad():
        packed = model(batch.tokens, packed_mask(batch.documents, blocks=False))
        for number in range(1, int(batch.documents[0].max()) + 1):
            own = batch.documents[0] == number
            torch.testing.assert_close(packed[0, own], model(batch.tokens[:1, own])[0], atol=1e-4, rtol=1e-3)


def test_the_mask_in_blocks_means_the_same_as_the_plain_one(batch):
    documents = batch.documents[:2]
    queries, keys, values = torch.randn(2, 4, 256, 16), torch.randn(2, 2, 256, 16), torch.randn(2, 2, 256, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that on a CPU it is slow
        blocks = attend(queries, keys, values, packed_mask(documents, blocks=True))
    torch.testing.assert_close(blocks, attend(queries, keys, values, packed_mask(documents, blocks=False)))


def test_blocks_take_queries_wider_than_the_values_as_mixed_precision_makes_them(batch):
    documents = batch.documents[:1]
    queries, keys, values = torch.randn(1, 4, 256, 16), torch.randn(1, 2, 256, 16), torch.randn(1, 2, 256, 16).bfloat16()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that on a CPU it is slow
        assert attend(queries, keys, values, packed_mask(documents, blocks=True)).dtype == torch.bfloat16


def test_generator_processes_feed_a_run_and_end_with_it(run_folder):
    spec = SPEC.model_copy(update={"producers": 2})
    with Pool(spec, run_folder / "tokenizer" / "tokenizer.json", "1", "cpu") as pool:
        feed = pool.batches(repeat(0.5))
        first, second = next(feed), next(feed)
        processes = [process.pid for process in pool.processes]
    assert first.tokens.shape == second.tokens.shape == (4, 128)
    assert not torch.equal(first.tokens, second.tokens)
    assert sorted(set(first.weights.flatten().tolist())) == pytest.approx([0.0, 0.15, 1.0], abs=1e-3)
    deadline = time.monotonic() + PATIENCE_S
    while any(_alive(pid) for pid in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in processes)


def _alive(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return True

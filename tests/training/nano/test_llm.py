"""Training: the loss falls, and what cannot be read is refused by name."""

from __future__ import annotations

import json

import pytest
import torch

from cluster.errors import ConfigError
from tests.training.nano.commands import ran
from tests.training.nano.conftest import SPEC
from training.nano.batches import Encoder, batches
from training.nano.checkpoint import NAME
from training.nano.corpus import Stream
from training.nano.loop import METRICS, train
from training.nano.run import TOKENIZER, Run, progress_of
from training.nano.tokens import load_tokenizer


def test_a_few_steps_reduce_the_loss(run_folder):
    run = Run(SPEC, run_folder, "cpu")
    batch = next(batches(Stream(1, "train"), Encoder(run.tokenizer, 0.15), 512, 128, progress_of(run)))
    losses = [run.update(batch)["answer_loss"] for _ in range(25)]
    assert losses[-1] < losses[0] / 2
    assert run.step == 25
    assert run.seen == 25 * batch.tokens.numel()


def test_the_metrics_say_what_share_of_the_machines_matrix_rate_was_used(run_folder):
    train(Run(SPEC.model_copy(update={"minutes": 0.02}), run_folder, "cpu"))
    first = json.loads((run_folder / METRICS).read_text().splitlines()[0])
    assert first["step"] == 1
    assert 0 < first["matrix_share"] < 1


def test_several_small_passes_give_the_gradient_of_one_large_pass(run_folder):
    whole = Run(SPEC, run_folder, "cpu")
    parts = Run(SPEC.model_copy(update={"tokens_per_pass": SPEC.longest}), run_folder, "cpu")
    for run in (whole, parts):
        run.dtype = torch.float32
    batch = next(batches(Stream(1, "train"), Encoder(whole.tokenizer, 0.15), 512, 128, progress_of(whole)))
    assert whole.update(batch)["answer_loss"] == pytest.approx(parts.update(batch)["answer_loss"], rel=1e-4)
    torch.testing.assert_close(whole.model.model.embed_tokens.weight, parts.model.model.embed_tokens.weight, atol=1e-3, rtol=1e-2)


def test_a_damaged_checkpoint_ends_the_command_with_its_name_and_the_cure(run_folder):
    (run_folder / NAME).write_bytes(b"PK not a checkpoint")
    ended = ran("training.nano.llm", run_folder)
    assert ended.returncode == 1
    assert str(run_folder / NAME) in ended.stderr
    assert "delete it" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("text", "message"), [("{}", "is no tokenizer"), (None, "has 2048 tokens and the network 700")])
def test_a_tokenizer_that_does_not_fit_is_refused_by_name(run_folder, text, message):
    path = run_folder / TOKENIZER
    if text:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message) as refused:
        load_tokenizer(path, 700)
    assert str(path) in refused.value.message

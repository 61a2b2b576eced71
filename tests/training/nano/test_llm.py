"""Training: the loss falls, a killed run goes on where its checkpoint stands, and a bad number never reaches a checkpoint."""

from __future__ import annotations

import json
import math

import pytest
import torch

from cluster.errors import ConfigError
from tests.training.nano.commands import killed, ran, trained_by_two
from tests.training.nano.conftest import SHAPE, SPEC
from training.nano.batches import Encoder, batches
from training.nano.checkpoint import NAME, load_checkpoint
from training.nano.corpus import Stream
from training.nano.loop import METRICS, train
from training.nano.run import TOKENIZER, Run, progress_of
from training.nano.tokens import load_tokenizer
from training.nano.trainee import Diverged


def test_a_few_steps_reduce_the_loss(run_folder):
    run = Run(SPEC, run_folder, "cpu")
    batch = next(batches(Stream(1, "train"), Encoder(run.tokenizer, 0.15), 512, 128, progress_of(run)))
    losses = [run.update(batch)["answer_loss"] for _ in range(25)]
    assert losses[-1] < losses[0] / 2
    assert run.step == 25
    assert run.seen == 25 * batch.tokens.numel()


def test_a_run_killed_in_the_middle_goes_on_from_a_whole_checkpoint(run_folder):
    # This run writes a checkpoint after every step, so that the kill may well fall into the writing of one.
    before = killed("training.nano.llm", run_folder, 5)
    resumed = Run(SPEC.model_copy(update={"minutes": (before.seconds + 1) / 60}), run_folder, "cpu")
    assert (resumed.step, resumed.seen, resumed.seconds) == (before.step, before.seen, before.seconds)
    assert all(torch.equal(weight, before.model[name]) for name, weight in resumed.model.state_dict().items())
    train(resumed)
    finished = load_checkpoint(run_folder)
    assert finished is not None
    assert finished.step == resumed.step > before.step
    assert finished.seconds >= before.seconds + 1


@pytest.mark.parametrize("cause", ["loss", "gradient"])
def test_a_number_that_is_none_stops_the_run_and_the_last_good_checkpoint_stays(run_folder, cause):
    run = Run(SPEC, run_folder, "cpu")
    run.save()
    good = (run_folder / NAME).read_bytes()
    if cause == "loss":
        run.model.model.norm.weight.data.fill_(math.nan)
    else:
        run.model.model.norm.weight.register_hook(lambda gradient: gradient * math.inf)  # type: ignore[no-untyped-call]
    with pytest.raises(Diverged, match=f"The {cause} became"):
        train(run)
    assert (run_folder / NAME).read_bytes() == good
    assert run.step == 0


def test_several_workers_of_ray_train_one_model_together(run_folder):
    # Long enough that both workers take steps; the schedule ends with it.
    SPEC.model_copy(update={"minutes": 0.05}).save(run_folder)
    finished = trained_by_two("training.nano.llm", run_folder)
    assert finished.seconds >= 3
    assert finished.seen == finished.step * 2 * SPEC.tokens_per_step
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


def test_a_checkpoint_of_another_shape_is_refused_with_the_first_difference(run_folder):
    Run(SPEC, run_folder, "cpu").save()
    wider = SPEC.model_copy(update={"shape": SHAPE.model_copy(update={"inner": 256})})
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is of another network: .*down_proj.* shape \[64, 128\] there, and \[64, 256\]"):
        Run(wider, run_folder, "cpu")


def test_a_damaged_checkpoint_ends_the_command_with_its_name_and_the_cure(run_folder):
    (run_folder / NAME).write_bytes(b"PK not a checkpoint")
    ended = ran("training.nano.llm", run_folder)
    assert ended.returncode == 1
    assert str(run_folder / NAME) in ended.stderr
    assert "delete it" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("text", "message"), [("{}", "is no tokenizer"), (None, "has 1792 tokens and the network 700")])
def test_a_tokenizer_that_does_not_fit_is_refused_by_name(run_folder, text, message):
    path = run_folder / TOKENIZER
    if text:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message) as refused:
        load_tokenizer(path, 700)
    assert str(path) in refused.value.message

"""Training: the loss falls, a killed run goes on where its checkpoint stands, and what is exported is what was trained."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError
from deployments.engines.open_clip import OpenClip
from tests.training.nano.commands import killed, trained_by_two
from training.nano.checkpoint import NAME, load_checkpoint
from training.nano.clip.exam import drawn
from training.nano.clip.export import WEIGHTS, export
from training.nano.clip.pairs import Drawn, looking, tokens_of
from training.nano.clip.run import ClipRun
from training.nano.clip.spec import ClipShape, ClipSpec
from training.nano.loop import train
from training.nano.trainee import Diverged

SHAPE = ClipShape(width=48, heads=2, image_layers=1, text_layers=1, dimensions=32)
SPEC = ClipSpec(minutes=60, shape=SHAPE, pairs=16, warmup_steps=2, producers=0, checkpoint_seconds=0.001, exam_seconds=3600, log_steps=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a run that has its spec and has not begun."""
    place = tmp_path / "run"
    place.mkdir()
    SPEC.save(place)
    return place


def test_a_few_steps_teach_pictures_their_captions(folder):
    run = ClipRun(SPEC.model_copy(update={"rate": 5e-3}), folder, "cpu")
    pairs = next(iter(Drawn(SPEC, "1")))
    losses = [run.update(pairs)["loss"] for _ in range(60)]
    assert losses[-1] < losses[0] / 3
    assert run.update(pairs)["found_in_batch"] > 0.8
    assert (run.step, run.seen) == (61, 61 * 16)


def test_a_run_killed_in_the_middle_goes_on_from_a_whole_checkpoint(folder):
    SPEC.model_copy(update={"producers": 1}).save(folder)
    before = killed("training.nano.clip", folder, 3)
    resumed = ClipRun(SPEC.model_copy(update={"minutes": (before.seconds + 1) / 60}), folder, "cpu")
    assert (resumed.step, resumed.seen, resumed.seconds) == (before.step, before.seen, before.seconds)
    assert all(torch.equal(weight, before.model[name]) for name, weight in resumed.model.state_dict().items())
    train(resumed)
    finished = load_checkpoint(folder)
    assert finished is not None
    assert finished.step > before.step


def test_several_workers_of_ray_train_one_model_together(folder):
    # Long enough that both workers take steps; the schedule ends with it.
    SPEC.model_copy(update={"minutes": 0.05}).save(folder)
    finished = trained_by_two("training.nano.clip", folder)
    assert finished.seconds >= 3
    assert finished.seen == finished.step * 2 * SPEC.pairs


@pytest.mark.parametrize("cause", ["loss", "gradient"])
def test_a_number_that_is_none_stops_the_run_and_the_last_good_checkpoint_stays(folder, cause):
    run = ClipRun(SPEC, folder, "cpu")
    run.save()
    good = (folder / NAME).read_bytes()
    weight = run.model.get_parameter("visual.proj")
    if cause == "loss":
        weight.data.fill_(math.nan)
    else:
        weight.register_hook(lambda gradient: gradient * math.inf)  # type: ignore[no-untyped-call]
    with pytest.raises(Diverged, match=f"The {cause} became"):
        train(run)
    assert (folder / NAME).read_bytes() == good


def test_a_checkpoint_of_another_shape_is_refused_with_the_first_difference(folder):
    ClipRun(SPEC, folder, "cpu").save()
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is of another network: .* has shape"):
        ClipRun(SPEC.model_copy(update={"shape": SHAPE.model_copy(update={"dimensions": 16})}), folder, "cpu")


def test_a_spec_that_is_none_is_named(folder):
    (folder / "run.json").write_text('{"tokens_per_step": 512}')
    with pytest.raises(ConfigError, match=r"run\.json does not describe a run of the nano CLIP"):
        ClipSpec.load(folder)


def test_the_engine_that_serves_sees_and_reads_as_the_run_does(folder, tmp_path):
    run = ClipRun(SPEC, folder, "cpu")
    with pytest.raises(FileNotFoundError, match="train first"):
        export(folder, tmp_path / "out")
    run.save()
    export(folder, tmp_path / "out")
    assert (tmp_path / "out" / WEIGHTS).stat().st_size < 2_000_000
    spec = ReplicaSpec(
        model="nano-clip",
        kind=ModelKind.CLIP,
        engine="open_clip",
        path=str(tmp_path / "out"),
        dtype="float32",
        device="cpu",
        budget_bytes=0,
        device_bytes=0,
    )
    engine = OpenClip(spec)
    pictures, captions = drawn(1, 8)
    look = looking(SHAPE.image_size)
    with torch.inference_mode():
        seen = run.model.encode_image(torch.stack([look(one) for one in pictures]), normalize=True)  # type: ignore[operator]
        said = run.model.encode_text(tokens_of(captions), normalize=True)  # type: ignore[operator]
    np.testing.assert_allclose(engine.embed_images(pictures), seen.numpy(), atol=5e-3)
    vectors, tokens = engine.embed_texts(captions, truncate=False)
    np.testing.assert_allclose(vectors, said.numpy(), atol=5e-3)
    assert tokens == sum(len(text.split()) + 2 for text in captions)
    engine.close()


def test_an_untrained_network_finds_no_more_than_chance_does(folder):
    assert ClipRun(SPEC, folder, "cpu").recall(1) <= 0.06

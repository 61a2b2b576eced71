"""Training: the loss falls, and what is exported is what was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError
from deployments.engines.open_clip import OpenClip
from tests.training.nano.clip.small import SHAPE, SPEC
from training.nano.clip.exam import drawn
from training.nano.clip.export import WEIGHTS, export
from training.nano.clip.pairs import Drawn, looking, tokens_of
from training.nano.clip.run import ClipRun
from training.nano.clip.spec import ClipSpec


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

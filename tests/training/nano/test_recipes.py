"""What holds for the recipe of every network of the family: a killed run goes on, workers train together, a bad number is never kept."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from cluster.errors import ConfigError
from tests.training.nano.clip.small import SPEC as CLIP
from tests.training.nano.commands import killed, trained_by_two
from tests.training.nano.conftest import SPEC as LLM
from tests.training.nano.whisper.small import SPEC as WHISPER
from training.nano.checkpoint import NAME, load_checkpoint
from training.nano.clip.run import ClipRun
from training.nano.evaluate import WEIGHTS
from training.nano.loop import train
from training.nano.run import TOKENIZER, Run
from training.nano.trainee import Diverged, Trainee
from training.nano.training_spec import TrainingSpec
from training.nano.whisper.run import WhisperRun


@dataclass(frozen=True)
class Recipe:
    """``module``: its command; ``weight``: one of the network's; ``other``: a change that makes another network of it; ``each``: what one
    worker is sure to see in a step."""

    module: str
    spec: TrainingSpec
    begin: Callable[[Any, Path, str], Trainee[Any, Any]]
    weight: str
    other: dict[str, int]
    each: int

    def started(self, folder: Path, **changes: Any) -> Trainee[Any, Any]:
        return self.begin(self.spec.model_copy(update=changes), folder, "cpu")


RECIPES = {
    "llm": Recipe("training.nano.llm", LLM, Run, "model.norm.weight", {"inner": 256}, LLM.tokens_per_step),
    "clip": Recipe("training.nano.clip", CLIP, ClipRun, "visual.proj", {"dimensions": 16}, CLIP.pairs),
    "whisper": Recipe("training.nano.whisper", WHISPER, WhisperRun, "sounds.weight", {"width": 32}, 1),
}


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return RECIPES[request.param]


@pytest.fixture
def folder(recipe: Recipe, tmp_path: Path) -> Path:
    """Of a run that has its spec and has not begun."""
    place = tmp_path / "run"
    (place / TOKENIZER).parent.mkdir(parents=True)
    shutil.copy(WEIGHTS / "tokenizer.json", place / TOKENIZER)
    recipe.spec.save(place)
    return place


def test_a_run_killed_in_the_middle_goes_on_from_a_whole_checkpoint(recipe: Recipe, folder: Path):
    # This run writes a checkpoint after every step, so that the kill may well fall into the writing of one.
    recipe.spec.model_copy(update={"producers": 1}).save(folder)
    before = killed(recipe.module, folder, 3)
    resumed = recipe.started(folder, minutes=(before.seconds + 1) / 60)
    assert (resumed.step, resumed.seen, resumed.seconds) == (before.step, before.seen, before.seconds)
    assert all(torch.equal(weight, before.model[name]) for name, weight in resumed.model.state_dict().items())
    train(resumed)
    finished = load_checkpoint(folder)
    assert finished is not None
    assert finished.step == resumed.step > before.step
    assert finished.seconds >= before.seconds + 1


@pytest.mark.usefixtures("ray_runtime")
def test_several_workers_of_ray_train_one_model_together(recipe: Recipe, folder: Path):
    # Long enough that both workers take steps; the schedule ends with it.
    recipe.spec.model_copy(update={"minutes": 0.05}).save(folder)
    finished = trained_by_two(recipe.module, folder)
    assert finished.seconds >= 3
    assert finished.step >= 1
    assert finished.seen >= finished.step * 2 * recipe.each


@pytest.mark.parametrize("cause", ["loss", "gradient"])
def test_a_number_that_is_none_stops_the_run_and_the_last_good_checkpoint_stays(recipe: Recipe, folder: Path, cause: str):
    run = recipe.started(folder)
    run.save()
    good = (folder / NAME).read_bytes()
    weight = run.model.get_parameter(recipe.weight)
    if cause == "loss":
        weight.data.fill_(math.nan)
    else:
        weight.register_hook(lambda gradient: gradient * math.inf)  # type: ignore[no-untyped-call]
    with pytest.raises(Diverged, match=f"The {cause} became"):
        train(run)
    assert (folder / NAME).read_bytes() == good
    assert run.step == 0


def test_a_checkpoint_of_another_shape_is_refused_with_the_first_difference(recipe: Recipe, folder: Path):
    recipe.started(folder).save()
    shape = recipe.spec.shape.model_copy(update=recipe.other)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is of another network: \S+ has shape \[\d+.* there, and \[\d+"):
        recipe.started(folder, shape=shape)

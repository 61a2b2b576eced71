"""A training of hearth-nano for a few steps, in this process."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from cluster.errors import Cancelled, Unavailable, Unprocessable
from cluster.learning.chat_lines import Turn
from cluster.learning.tuning.folders import METRICS, read_metrics
from cluster.learning.tuning.spec import Hyperparameters
from tests.training.finetune.conftest import NANO
from training.finetune.examples import Tally, encode, tokenise
from training.finetune.loop import train
from training.finetune.packing import pack
from training.finetune.run import Run, Task


def ignore(figures: Any) -> None: ...


def weights_of(run: Run) -> Any:
    return torch.cat([weight.detach().flatten() for weight in run.model.parameters() if weight.requires_grad])


def gradient_of(run: Run) -> Any:
    return torch.cat([weight.grad.flatten() for weight in run.model.parameters() if weight.requires_grad])


def test_it_learns_and_its_adapter_is_what_peft_loads(task):
    told: list[Any] = []
    asked = task(24, epochs=5)
    outcome = train(Run(asked, "cpu"), told.append)
    losses = [figures["held_out_loss"] for figures in told if "held_out_loss" in figures]
    assert losses[-1] < losses[0]
    assert outcome.best == min(losses)
    assert outcome.step == outcome.steps == 30
    best = asked.folder / "best"
    assert sorted(file.name for file in best.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    config = json.loads((best / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["r"], config["peft_type"]) == ("hearth-nano", 4, "LORA")
    assert any(tensor.abs().sum() > 0 for name, tensor in load_file(best / "adapter_model.safetensors").items() if "lora_B" in name)
    assert [figures["step"] for figures in read_metrics(asked.folder)] == [figures["step"] for figures in told]


def test_a_training_that_was_ended_goes_on_as_if_it_had_not_been(task):
    asked = task()
    whole = Run(asked, "cpu")
    train(whole, ignore)
    for file in asked.folder.glob("*.*"):
        file.unlink()

    def dies(figures: Any) -> None:
        if figures["step"] == 3:
            raise Cancelled("ended")

    with pytest.raises(Cancelled):
        train(Run(asked, "cpu"), dies)
    again = Run(asked, "cpu")
    assert again.step == 2, "the last checkpoint"
    train(again, ignore)
    assert torch.allclose(weights_of(whole), weights_of(again), atol=1e-6)
    steps = [figures["step"] for figures in read_metrics(asked.folder) if "train_loss" in figures]
    assert steps == [1, 2, 3], "no step is told twice"


def test_a_loss_that_is_no_number_ends_it_and_the_last_good_adapter_stays(task):
    asked = task()
    run = Run(asked, "cpu")
    run.update()
    run.save()
    run.keep_best()
    kept = (asked.folder / "best" / "adapter_model.safetensors").read_bytes()
    with torch.no_grad():
        next(weight for weight in run.model.parameters() if weight.requires_grad).fill_(math.nan)
    with pytest.raises(Unprocessable, match=r"loss became nan in step 2.*lower learning rate"):
        train(run, ignore)
    assert (asked.folder / "best" / "adapter_model.safetensors").read_bytes() == kept
    again = Run(asked, "cpu")
    assert again.step == 1
    assert torch.isfinite(weights_of(again)).all()


@contextmanager
def full_disk(room: int = 2**14) -> Iterator[None]:
    """No file of this process may grow over ``room`` bytes meanwhile, as on a disk that has no more. Python gets an error, no signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_of(task: Task) -> dict[Path, bytes]:
    """All but the figures, of which there are more now."""
    return {file: file.read_bytes() for file in task.folder.rglob("*.*") if file.is_file() and file.name != METRICS}


def test_a_full_disk_ends_it_with_what_to_do_and_it_goes_on_where_it_was(task):
    asked = task()
    run = Run(asked, "cpu")
    run.update()
    run.save()
    run.keep_best()
    there = files_of(asked)
    for act in (run.save, run.keep_best):
        with full_disk(), pytest.raises(Unavailable, match=r"cannot be written to .*free some space there, and retry the job"):
            act()
    with full_disk(), pytest.raises(Unavailable, match="goes on from its last checkpoint"):
        train(run, ignore)
    assert files_of(asked) == there, "nothing is half written, and what was good is there"
    again = Run(asked, "cpu")
    assert again.step == 1
    assert train(again, ignore).step == again.course.steps


def test_it_stops_when_it_gets_no_better(task):
    # A learning rate that only does harm.
    outcome = train(Run(task(24, epochs=20, learning_rate=0.1, patience=1, evaluations=60), "cpu"), ignore)
    assert outcome.stopped_early
    assert outcome.step < outcome.steps


def test_packed_examples_do_not_see_each_other(task):
    run = Run(task(), "cpu")
    alone = sum(float(run.objective.score(row).loss.detach()) for example in run.data.train for row in pack([example], 2048))
    (together,) = pack(run.data.train, 2048)
    assert float(run.objective.score(together).loss.detach()) == pytest.approx(alone, rel=1e-4)


def test_gradient_checkpointing_changes_nothing_but_memory(task):
    plain, twice = (Run(task(gradient_checkpointing=on), "cpu") for on in (False, True))
    assert plain.update().loss == pytest.approx(twice.update().loss, rel=1e-4)
    assert torch.allclose(gradient_of(plain), gradient_of(twice), atol=1e-5)


def test_a_step_of_many_passes_is_the_same_step(task):
    few, many = Run(task(max_tokens=2048), "cpu"), Run(task(max_tokens=64), "cpu")
    assert few.update().loss == pytest.approx(many.update().loss, rel=1e-4)
    assert torch.allclose(gradient_of(few), gradient_of(many), atol=1e-5)


def turns(*answers: str) -> tuple[Turn, ...]:
    return tuple(turn for text in answers for turn in (Turn(role="user", content="Hello."), Turn(role="assistant", content=text)))


def test_only_answers_are_learned():
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    tokens = encode(turns("Yes.", "No, never."), tokenizer)
    learned = [token for token, is_learned in zip(tokens.ids, tokens.learned, strict=True) if is_learned]
    assert tokenizer.decode(learned) == "Yes.<|end|>No, never.<|end|>"


def test_over_long_examples_are_dropped_or_truncated_and_counted():
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    talks = [turns("Yes."), turns(*["A long answer, indeed."] * 40)]
    dropping, cutting = Tally(), Tally()
    assert len(list(tokenise(talks, tokenizer, Hyperparameters(max_tokens=64), dropping))) == 1
    assert (dropping.kept, dropping.dropped, dropping.truncated) == (1, 1, 0)
    kept = list(tokenise(talks, tokenizer, Hyperparameters(max_tokens=64, overlong="truncate"), cutting))
    assert [len(one.ids) <= 64 for one in kept] == [True, True]
    assert (cutting.kept, cutting.truncated) == (2, 1)
    assert str(tokenizer.decode(list(kept[1].ids))).endswith("indeed.<|end|>")


def test_developers_and_calls_of_tools_are_shown_as_templates_know_them():
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
    shown = Turn(role="assistant", content=None, tool_calls=(call,))
    told = (Turn(role="developer", content="Count."), Turn(role="user", content="2?"), shown, Turn(role="tool", content="2"))
    text = tokenizer.decode(list(encode((*told, Turn(role="assistant", content="2")), tokenizer).ids))
    assert text == "<|system|>Count.<|end|><|user|>2?<|end|><|assistant|><|end|><|tool|>2<|end|><|assistant|>2<|end|>"
    tokenizer.chat_template = (
        "{% for message in messages if message.tool_calls %}{{ message.tool_calls[0].function.arguments.a + 'b' }}{% endfor %}"
    )
    with pytest.raises(Unprocessable, match="cannot show one of the conversations"):
        encode((*told, Turn(role="assistant", content="2")), tokenizer)

"""Direct Preference Optimization of hearth-nano for a few steps, in this process."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from cluster.learning.chat_lines import Turn
from cluster.learning.tuning.pairs import Pair
from cluster.learning.tuning.spec import Hyperparameters
from tests.training.finetune.conftest import NANO
from tests.training.finetune.test_run import gradient_of, weights_of
from training.finetune.examples import Tally, tokenise_pairs
from training.finetune.loop import train
from training.finetune.preference import REFERENCE, Preference
from training.finetune.run import Run

QUICK = {"epochs": 6, "learning_rate": 3e-4, "batch_size": 4}


@pytest.fixture(scope="module")
def learned(pair_task, tmp_path_factory) -> Any:
    """A training that is through; and what the first one of its pairs was worth before."""
    run = Run(pair_task(tmp_path_factory.mktemp("learned"), 16, **QUICK), "cpu")
    before = margin_of(run)
    told: list[Any] = []
    outcome = train(run, told.append)
    return run, before, told, outcome


def preference(run: Run) -> Preference:
    assert isinstance(run.objective, Preference)
    return run.objective


def margin_of(run: Run) -> float:
    """By how much the log-probability of the preferred answer is above that of the other, over the held-out pairs."""
    run.model.eval()
    with torch.no_grad():
        pairs = [preference(run)._log_probabilities(one) for one in run.objective.passes("held_out", range(len(run.data.held_out))).passes]
    both = torch.cat(pairs)
    return float((both[:, 0] - both[:, 1]).mean())


def test_the_margin_of_the_preferred_answer_grows_on_questions_that_were_not_learned(learned):
    run, before, told, outcome = learned
    looks = [figures for figures in told if "held_out_loss" in figures]
    assert margin_of(run) > before + 1
    assert looks[-1]["held_out_loss"] < math.log(2)
    assert outcome.best == min(figures["held_out_loss"] for figures in looks)
    assert looks[-1]["held_out_reward_accuracy"] == 1.0
    assert looks[-1]["held_out_reward_margin"] == pytest.approx(run.parameters.beta * (margin_of(run) - before), rel=1e-3)
    assert (run.task.folder / "best" / "adapter_model.safetensors").is_file()


def test_it_begins_where_neither_answer_is_preferred_to_what_the_base_does(pair_task, tmp_path):
    run = Run(pair_task(tmp_path, 8), "cpu")
    step = run.update()
    assert step.loss == pytest.approx(math.log(2), abs=1e-4)
    assert step.figures["reward_margin"] == pytest.approx(0, abs=1e-4)


def test_what_the_reference_says_is_computed_once_and_kept(learned):
    run, before, _, _ = learned
    kept = load_file(run.task.folder / REFERENCE)
    assert {side: tuple(one.shape) for side, one in kept.items()} == {"train": (12, 2), "held_out": (4, 2)}
    assert not any(one.isnan().any() for one in kept.values())
    assert float((kept["held_out"][:, 0] - kept["held_out"][:, 1]).mean()) == pytest.approx(before, rel=1e-3)
    # A training that goes on believes the file.
    again = preference(Run(run.task, "cpu"))
    assert torch.equal(again._reference["train"], kept["train"])
    assert not again._fresh


def test_its_gradient_is_that_of_equation_7(pair_task, tmp_path):
    """Written out for pairs that are computed alone, with no packing."""
    run = Run(pair_task(tmp_path, 8, dropout=0.0), "cpu")
    run.update()
    weights = weights_of(run)
    run.model.train()
    chosen = run.course.batch_of(run.step)
    losses = []
    for pair in (run.data.train[number] for number in chosen):
        ratios = [log_probability(run, tokens) - reference(run, tokens) for tokens in (pair.preferred, pair.other)]
        losses.append(-torch.log(torch.sigmoid(run.parameters.beta * (ratios[0] - ratios[1]))))
    loss = torch.stack(losses).mean()
    run.model.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_([weight for weight in run.model.parameters() if weight.requires_grad], run.parameters.clip)
    wanted = gradient_of(run)
    assert torch.equal(weights_of(run), weights)
    assert run.update().loss == pytest.approx(float(loss.detach()), rel=1e-4)
    assert torch.allclose(gradient_of(run), wanted, atol=1e-4)


def log_probability(run: Run, tokens: Any) -> Any:
    ids = torch.tensor([tokens.ids])
    chances = torch.log_softmax(run.model(input_ids=ids, use_cache=False).logits[0, :-1], -1)
    each = chances.gather(1, ids[0, 1:, None])[:, 0]
    return each[torch.tensor(tokens.learned[1:])].sum()


def reference(run: Run, tokens: Any) -> Any:
    with torch.no_grad(), run.model.disable_adapter():
        return log_probability(run, tokens)


def pair(words: int = 1, asked: str = "Hello.") -> Pair:
    return Pair((Turn(role="user", content=asked),), "Yes. " * words, "No. " * words)


def test_pairs_that_are_too_long_are_dropped_or_lose_the_same_beginning():
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    talks = [pair(), pair(asked="Tell me of the goat. " * 20)]
    dropping, cutting = Tally(), Tally()
    assert len(list(tokenise_pairs(talks, tokenizer, Hyperparameters(max_tokens=64), dropping))) == 1
    assert (dropping.kept, dropping.dropped, dropping.truncated) == (1, 1, 0)
    kept = list(tokenise_pairs(talks, tokenizer, Hyperparameters(max_tokens=64, overlong="truncate"), cutting))
    assert (cutting.kept, cutting.truncated) == (2, 1)
    assert kept[1].size in (63, 64)
    assert kept[1].key == kept[1].other.ids[: len(kept[1].key)], "still one question"


def test_questions_with_several_pairs_are_on_one_side(pair_task, tmp_path):
    asked = pair_task(tmp_path, 8, held_out=0.5)
    lines = [json.loads(line) for line in asked.sources.train.read_text().splitlines()]
    more = [{**line, "non_preferred_output": [{"role": "assistant", "content": "No."}]} for line in lines]
    asked.sources.train.write_text("".join(json.dumps(line) + "\n" for line in (*lines, *more)))
    data = Run(asked, "cpu").data
    sides = [{one.key for one in side} for side in (data.train, data.held_out)]
    assert not sides[0] & sides[1]
    assert sides[1]

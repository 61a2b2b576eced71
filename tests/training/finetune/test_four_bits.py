"""A base that is held in 4 bits while its adapter learns (QLoRA)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cluster.learning.tuning.spec import Method
from training.finetune.run import Run


def held_out_loss(run: Run) -> float:
    figures = run.examine()
    assert figures is not None
    return figures["held_out_loss"]


def bytes_of(run: Run) -> int:
    """Of the base's linear layers, without the adapter."""
    return sum(one.numel() * one.element_size() for name, one in run.model.named_parameters() if "base_layer" in name)


def test_it_learns_nearly_what_it_does_on_the_base_in_full_and_holds_a_fraction_of_it(task):
    asked = task(24, epochs=3)
    losses: list[list[Any]] = []
    runs = [Run(asked, "cpu"), Run(replace(asked, method=Method(quantization="nf4")), "cpu")]
    for run in runs:
        before = held_out_loss(run)
        for _ in range(12):
            run.update()
        losses.append([before, held_out_loss(run)])
    full, four_bits = losses
    assert bytes_of(runs[1]) * 7 < bytes_of(runs[0])
    assert four_bits[0] != full[0]
    assert four_bits[0] == pytest.approx(full[0], rel=0.1)
    assert four_bits[1] < 0.7 * four_bits[0]
    assert four_bits[1] == pytest.approx(full[1], rel=0.3)
    runs[1].keep_best()
    kept = asked.folder / "best" / "adapter_model.safetensors"
    in_four_bits = kept.stat().st_size
    runs[0].keep_best()
    assert in_four_bits == kept.stat().st_size, "an adapter as any other"

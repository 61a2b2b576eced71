from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster.errors import Unprocessable
from deployments.engines.llama_cpp import load
from deployments.engines.llama_lora import gguf_adapter
from tests.deployments.fixtures.peft_adapters import ATTENTION, MLP, save_adapter, told_by_transformers
from tests.deployments.fixtures.talks import chat
from tests.deployments.fixtures.tiny_model import TinyModel, llama_spec


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": ATTENTION},
        {"targets": (*ATTENTION, *MLP), "spread": 0.2},
        {"targets": ("q_proj",), "use_rslora": True, "spread": 0.8},
        {"targets": ("k_proj", "down_proj"), "rank_pattern": {"k_proj": 2}, "alpha_pattern": {"down_proj": 2}},
    ],
    ids=["attention", "all", "rslora", "patterns"],
)
async def test_a_converted_adapter_says_what_peft_says(tiny: TinyModel, tmp_path: Path, changes):
    folder = save_adapter(tiny.hf, tmp_path / "made", 5, **changes)
    engine = load(llama_spec(tiny, adapters={"made": str(folder)}))
    try:
        for text in ("hello", "who are you"):
            said = (await engine.generate(chat(text, adapter="made", max_tokens=8))).text
            assert said == told_by_transformers(tiny.hf, folder, text, 8)
            assert said != (await engine.generate(chat(text, max_tokens=8))).text
    finally:
        engine.close()


def test_what_was_converted_once_is_there_the_next_time(tiny: TinyModel, tmp_path: Path):
    folder = save_adapter(tiny.hf, tmp_path / "made", 5)
    made = gguf_adapter(folder, tiny.gguf, "tiny")
    before = made.stat().st_mtime_ns
    assert gguf_adapter(folder, tiny.gguf, "tiny").stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


def test_an_adapter_of_another_base_is_refused_and_leaves_nothing(tiny: TinyModel, tmp_path: Path):
    folder = save_adapter(Path("training/nano/weights/hearth-nano"), tmp_path / "made", 5)
    with pytest.raises(Unprocessable, match="for another model"):
        gguf_adapter(folder, tiny.gguf, "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_rows_that_do_not_divide_into_heads_are_of_another_model():
    from deployments.engines.llama_lora import interleaved

    with pytest.raises(Unprocessable, match="3 heads"):
        interleaved(np.zeros((8, 2), np.float32), 3)

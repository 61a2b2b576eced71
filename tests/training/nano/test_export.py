"""The exported files: what transformers and llama.cpp load is the network that was trained."""

from __future__ import annotations

import hashlib

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from tests.training.nano.conftest import SHAPE, SPEC
from training.nano.answerers import answerer
from training.nano.export import GGUF, NAME, SUMS, checksums, export
from training.nano.gguf_file import interleaved
from training.nano.network import NanoLlama
from training.nano.run import Run

TOKENS = torch.arange(40, 100).reshape(2, 30)


@pytest.fixture
def run(run_folder):
    run = Run(SPEC, run_folder, "cpu")
    run.save()
    return run


def test_transformers_computes_what_the_training_network_computes(run, tmp_path):
    export(run.folder, tmp_path / NAME)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / NAME, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        # float16 keeps 11 bits of every weight.
        torch.testing.assert_close(loaded(TOKENS).logits, run.model(TOKENS), atol=0.01, rtol=0.01)
    assert loaded.config.tie_word_embeddings


def test_the_gguf_file_holds_the_same_weights_to_within_eight_bits(run, tmp_path):
    export(run.folder, tmp_path / NAME)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / NAME / GGUF).tensors}
    trained = {name: weight.numpy() for name, weight in run.model.state_dict().items()}
    queries = gguf.quants.dequantize(tensors["blk.1.attn_q.weight"].data, tensors["blk.1.attn_q.weight"].tensor_type)
    expected = interleaved(trained["model.layers.1.self_attn.q_proj.weight"], SHAPE.heads)
    np.testing.assert_allclose(queries, expected, atol=np.abs(expected).max() / 200)
    assert tensors["output_norm.weight"].tensor_type == gguf.GGMLQuantizationType.F32
    assert "output.weight" not in tensors


def test_rows_of_a_head_are_interleaved_and_heads_stay_apart():
    rows = np.arange(8, dtype=np.float32).reshape(8, 1)
    assert interleaved(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_llama_cpp_answers_from_a_fresh_export(run, tmp_path):
    export(run.folder, tmp_path / NAME)
    with answerer(tmp_path / NAME, "gguf") as answer:
        assert len(answer(["Hello", "Who are you?"])) == 2


def test_a_second_export_replaces_the_files_and_leaves_the_card(run, tmp_path):
    target = tmp_path / NAME
    export(run.folder, target)
    (target / "README.md").write_text("The card.\n")
    before = (target / SUMS).read_text()
    run.model = NanoLlama(SHAPE, seed=99)
    run.save()
    export(run.folder, target)
    assert (target / "README.md").read_text() == "The card.\n"
    assert (target / SUMS).read_text() != before
    for line in (target / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == digest
    assert not list(tmp_path.glob(".export-*"))


def test_the_same_checkpoint_gives_the_same_files(run, tmp_path):
    for name in ("first", "second"):
        export(run.folder, tmp_path / name)
    assert checksums(tmp_path / "first") == checksums(tmp_path / "second")


def test_a_run_without_a_checkpoint_is_refused_with_what_to_do(run_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="train first"):
        export(run_folder, tmp_path / NAME)
    assert not (tmp_path / NAME).exists()


def test_the_tokenizer_of_the_files_is_the_one_of_the_run(run, tmp_path):
    export(run.folder, tmp_path / NAME)
    exported = Tokenizer.from_file(str(tmp_path / NAME / "tokenizer.json"))
    assert exported.get_vocab() == run.tokenizer.get_vocab()

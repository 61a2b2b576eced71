from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import ModelNotFound, Unprocessable
from cluster.home import REPOSITORY, Home
from cluster.learning.adapters.bases import find_base, gguf_base, need_fit
from cluster.learning.adapters.peft_folder import read_lora
from tests.cluster.learning.adapters.folders import BASE, write_adapter

GGUF = REPOSITORY / "training/nano/weights/hearth-nano/hearth-nano-q8_0.gguf"


def test_an_adapter_of_the_base_fits_by_either_form_of_its_weights(tmp_path: Path):
    lora = read_lora(write_adapter(tmp_path))
    for base in (find_base(BASE, Home(tmp_path)), gguf_base(BASE, GGUF)):
        assert base.shape("model.layers.0.self_attn.k_proj") == (128, 256)
        assert base.shape("model.layers.9.self_attn.k_proj") is None
        need_fit(lora, base)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"layers": 6}, "has no layer 'model.layers.5"), ({"width": 128}, "128 x 128, and in 'hearth-nano' it is 256 x 256")],
)
def test_one_of_another_base_is_refused_by_the_layer_that_differs(tmp_path: Path, changes: dict[str, int], said: str):
    lora = read_lora(write_adapter(tmp_path, **changes))
    for base in (find_base(BASE, Home(tmp_path)), gguf_base(BASE, GGUF)):
        with pytest.raises(Unprocessable, match=said):
            need_fit(lora, base)


def test_one_that_names_another_repository_is_refused(tmp_path: Path):
    lora = read_lora(write_adapter(tmp_path, base_model_name_or_path="somebody/another-model"))
    with pytest.raises(Unprocessable, match="trained on 'somebody/another-model'"):
        need_fit(lora, gguf_base(BASE, GGUF, ("hearth/hearth-nano",)))
    need_fit(
        read_lora(write_adapter(tmp_path, base_model_name_or_path="hearth/Hearth-Nano")), gguf_base(BASE, GGUF, ("hearth/hearth-nano",))
    )
    need_fit(read_lora(write_adapter(tmp_path, base_model_name_or_path="/some/folder")), gguf_base(BASE, GGUF, ("hearth/hearth-nano",)))


def test_a_base_has_to_be_a_language_model_of_the_catalog(tmp_path: Path):
    with pytest.raises(ModelNotFound, match="hearth-nano"):
        find_base("hearth-nan", Home(tmp_path))
    with pytest.raises(Unprocessable, match="language models"):
        find_base("all-minilm-l6-v2", Home(tmp_path))

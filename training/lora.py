"""An adapter on a language model: low-rank matrices beside every linear layer, by PEFT; the model itself stays as it is.

PEFT's folder is what llama.cpp (after conversion), vLLM and transformers load, so nothing of ours stands in it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from cluster.learning.tuning.spec import Hyperparameters

CONFIG = "adapter_config.json"


def load_base(folder: Path, dtype: torch.dtype, device: str, quantization: Literal["nf4"] | None = None) -> Any:
    """The model of ``folder`` with its weights in ``dtype``; only files on this machine are read, and only safetensors. With
    ``quantization``, the weights of its linear layers are held in 4 bits, and computed with in ``dtype``."""
    more: dict[str, Any] = {"quantization_config": _four_bits(dtype), "device_map": {"": device}} if quantization else {}
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True, **more)
    model.config.use_cache = False
    if not quantization:
        return model.to(device)
    for module in model.modules():
        # On a processor with AVX512-BF16, bitsandbytes 0.50 brings the weights into another form at the first pass without gradients, and
        # later passes have none through it: torch warns, and the adapter would learn nonsense.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def _four_bits(dtype: torch.dtype) -> BitsAndBytesConfig:
    """As in Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs" (NeurIPS 2023, arXiv 2305.14314): NormalFloat of 4 bits, and
    its scales quantized once more. On a CPU, and on cards from compute capability 6.0."""
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def put_on(model: Any, parameters: Hyperparameters) -> PeftModel:
    """``model`` with a new adapter, which changes nothing yet. The adapter's weights are float32 whatever the model's are; the same seed
    gives the same ones on every worker."""
    config = LoraConfig(
        r=parameters.rank,
        lora_alpha=parameters.alpha,  # type: ignore[arg-type]  # PEFT says int and divides by it
        lora_dropout=parameters.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(parameters.seed)
    tuned = get_peft_model(model, config)
    assert isinstance(tuned, PeftModel)
    return tuned


def adapter_state(model: PeftModel) -> dict[str, torch.Tensor]:
    """The adapter's weights alone, on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in get_peft_model_state_dict(model).items()}


def restore_adapter(model: PeftModel, state: dict[str, torch.Tensor]) -> None:
    set_peft_model_state_dict(model, state)


def save_adapter(model: PeftModel, folder: Path, base: str) -> None:
    """PEFT's two files, in place of what stood in ``folder``, which is whole or not there. ``base``: the model's name, not where it is on
    this machine."""
    draft = folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        model.save_pretrained(str(draft), safe_serialization=True)
        (draft / "README.md").unlink(missing_ok=True)
        config = json.loads((draft / CONFIG).read_text())
        config["base_model_name_or_path"] = base
        (draft / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True))
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)

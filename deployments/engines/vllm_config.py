"""A ReplicaSpec as the configuration of ray.serve.llm.

The server runs inside our replica, so the replica's own share of a GPU, which Ray gave it through CUDA_VISIBLE_DEVICES, is the place. Ray's
configuration would start one actor per GPU in a placement group of its own instead, and count the card twice; ``kind: cpu`` tells it to
leave placement alone (vLLM finds the card by itself), and the placement group it insists on asks for next to nothing.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from ray.llm._internal.common.callbacks.base import CallbackBase
from ray.serve.llm import LLMConfig, ModelLoadingConfig

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError
from cluster.vram.adapters import slots
from cluster.vram.headers import config_architecture

# When the plan states no context.
DEFAULT_CONTEXT = 4096
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
# vLLM hands the KV cache out in blocks of tokens; a sequence may leave most of its last block empty.
BLOCK_TOKENS = 128
ENVIRONMENT = {
    # The weights are on this machine: nothing is asked of a hub, and nobody is told of our use.
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    # Cores are shared with other replicas: the operating system places the threads.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}
# How a model writes its tool calls shows in its chat template: first marker found, parser of vLLM.
TOOL_PARSERS = (
    ("<function=", "qwen3_coder"),
    ("<tool_call>", "hermes"),
    ("[TOOL_CALLS]", "mistral"),
    ("<|python_tag|>", "llama3_json"),
)
REASONING_PARSERS = (("[THINK]", "mistral"), ("<think>", "qwen3"))


class LocalWeights(CallbackBase):
    """Spares Ray's download step, a task of its own: the weights are here."""

    async def on_before_node_init(self) -> None:
        self.ctx.run_init_node = False


def context_tokens(spec: ReplicaSpec) -> int:
    return spec.context_tokens or DEFAULT_CONTEXT


def set_environment(spec: ReplicaSpec) -> None:
    """What vLLM reads from the environment, for this process and the children it starts."""
    os.environ.update(ENVIRONMENT)
    if spec.device == "cpu":
        os.environ["OMP_NUM_THREADS"] = str(spec.threads)


def adapter_room(spec: ReplicaSpec) -> int:
    """How many adapters it may hold: those of the profile, and as many of organisations as the plan has counted memory for. Of what vLLM
    knows no adapters for, none beside the profile's."""
    later = spec.adapters_loaded if spec.adapters_file else 0
    return len(spec.adapters) + (later if later and takes_adapters(Path(spec.path)) else 0)


@cache
def takes_adapters(folder: Path) -> bool:
    """Whether vLLM knows how to put adapters on the model of ``folder``."""
    from vllm.model_executor.models import ModelRegistry, supports_lora

    named = json.loads((folder / "config.json").read_text()).get("architectures") or []
    known = [ModelRegistry.models[name] for name in named if name in ModelRegistry.models]
    return any(supports_lora(model.load_model_cls()) for model in known)


def llm_config(spec: ReplicaSpec) -> LLMConfig:
    """Raises ConfigError when ``spec.path`` is not a model folder, or an adapter is not one."""
    folder = Path(spec.path)
    if not (folder / "config.json").is_file():
        raise ConfigError(f"model '{spec.model}': {folder} has no config.json; vLLM loads folders in Hugging Face's layout.")
    for name, path in spec.adapters.items():
        if not (Path(path) / "adapter_config.json").is_file():
            raise ConfigError(
                f"adapter '{name}' of '{spec.model}': {path} has no adapter_config.json; vLLM loads adapters as PEFT saves them."
            )
    return LLMConfig(
        model_loading_config=ModelLoadingConfig(model_id=spec.model, model_source=str(folder)),
        accelerator_config={"kind": "cpu"},
        placement_group_config={"bundles": [{"CPU": 0.001}]},
        callback_config={"callback_class": LocalWeights},
        experimental_configs={"stream_batching_interval_ms": 0},
        log_engine_metrics=False,
        engine_kwargs=_engine(spec) | _adapters(spec) | _parsers(folder),
    )


def _engine(spec: ReplicaSpec) -> dict[str, Any]:
    common = {
        "max_model_len": context_tokens(spec),
        "max_num_seqs": spec.parallel,
        "dtype": spec.dtype if spec.dtype in BYTES else "auto",
        "disable_log_stats": True,
        "enable_prompt_tokens_details": True,
        # A small model left free to write blanks between the tokens of JSON writes only those.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if spec.device == "cpu":
        return common | {"enforce_eager": True, "kv_cache_memory_bytes": _kv_bytes(spec)}
    return common | {"gpu_memory_utilization": round(spec.budget_bytes / spec.device_bytes, 4)}


def _kv_bytes(spec: ReplicaSpec) -> int:
    """Room for ``spec.parallel`` full contexts."""
    shape = config_architecture(Path(spec.path))
    if shape is None:
        raise ConfigError(f"model '{spec.model}': its config.json lacks the sizes of the key and value cache; serve it on a GPU.")
    tokens = (context_tokens(spec) + BLOCK_TOKENS) * spec.parallel
    return 2 * shape.layers * shape.kv_heads * shape.head_dim * BYTES.get(spec.dtype, 4) * tokens


def _adapters(spec: ReplicaSpec) -> dict[str, Any]:
    room = adapter_room(spec)
    return {"enable_lora": True, "max_loras": slots(room), "max_lora_rank": spec.adapter_rank} if room else {}


def _parsers(folder: Path) -> dict[str, Any]:
    template = _template(folder)
    tools = next((parser for marker, parser in TOOL_PARSERS if marker in template), None)
    reasoning = next((parser for marker, parser in REASONING_PARSERS if marker in template), None)
    found: dict[str, Any] = {"enable_auto_tool_choice": True, "tool_call_parser": tools} if tools else {}
    return found | ({"reasoning_parser": reasoning} if reasoning else {})


def _template(folder: Path) -> str:
    """The chat template, wherever it is kept; empty for a model without one."""
    files = (folder / "chat_template.jinja", folder / "tokenizer_config.json")
    return "".join(path.read_text(encoding="utf-8") for path in files if path.is_file())

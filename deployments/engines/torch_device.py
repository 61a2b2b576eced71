"""Where and how exactly a torch model runs: device, dtype and the hard cap on the memory of this process."""

from __future__ import annotations

import huggingface_hub.constants
import torch

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def claim(spec: ReplicaSpec) -> tuple[torch.device, torch.dtype]:
    """The device and dtype of ``spec``, with its budget set as the most this process may allocate there; CPU threads set to its share.

    Raises ConfigError for a dtype torch does not compute in, and where torch sees no GPU.
    """
    if spec.dtype not in DTYPES:
        raise ConfigError(f"Model '{spec.model}': {spec.engine} computes in {', '.join(DTYPES)}, not {spec.dtype}.")
    if spec.device == "cpu":
        torch.set_num_threads(spec.threads)
        return torch.device("cpu"), DTYPES[spec.dtype]
    if not torch.cuda.is_available():
        raise ConfigError(
            f"Model '{spec.model}' is placed on a GPU, but this build of torch ({torch.__version__}) sees none; see hearth doctor."
        )
    torch.cuda.set_per_process_memory_fraction(min(1.0, spec.budget_bytes / spec.device_bytes))
    return torch.device("cuda", 0), DTYPES[spec.dtype]


def stay_offline() -> None:
    """No library of this process reaches for the model hub any more: what a model's folder lacks is an error, not a download."""
    huggingface_hub.constants.HF_HUB_OFFLINE = True

"""Starting xllamacpp's server: parameters from a ReplicaSpec, files checked, errors with a cure.

The server always listens for HTTP. It is given a Unix socket in a private folder that is removed as soon as it has started, so nobody, not
even another user of the machine, reaches the model past the gateway, and nothing is left behind when the process is killed. A
:class:`Door` to it stays open for what the library answers by HTTP only.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import xllamacpp  # type: ignore[import-untyped]

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError, EngineError

MAGIC = b"GGUF"
# More than any model has: all of them go to the GPU. (-1 would let the library choose by free memory, behind the plan's back.)
ALL_LAYERS = 9999
# When the plan states no context.
DEFAULT_CONTEXT = 4096


def parameters(spec: ReplicaSpec) -> xllamacpp.CommonParams:
    """Everything but the address. Raises ConfigError naming a file that is missing or not GGUF."""
    params = xllamacpp.CommonParams()
    params.model.path = str(weights(spec))
    params.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(str(_gguf(Path(path), f"adapter '{name}' of '{spec.model}'")), 1.0)
        for name, path in sorted(spec.adapters.items())
    ]
    params.lora_init_without_apply = True
    # The library splits the context over the slots.
    params.n_parallel = spec.parallel
    params.n_ctx = (spec.context_tokens or DEFAULT_CONTEXT) * spec.parallel
    params.kv_unified = False
    _within_budget(params, spec)
    _quiet(params)
    return params


def weights(spec: ReplicaSpec) -> Path:
    """The model's file. Raises ConfigError naming one that is missing or not GGUF."""
    return _gguf(Path(spec.path) / spec.file if spec.file else Path(spec.path), f"model '{spec.model}'")


class Door:
    """Leads to a Unix socket whose name is gone: the system finds it by the file that this process holds open."""

    def __init__(self, socket: Path) -> None:
        self._held = os.open(socket, os.O_PATH | os.O_CLOEXEC)

    @property
    def path(self) -> str:
        """For this process only."""
        return f"/proc/self/fd/{self._held}"

    def close(self) -> None:
        os.close(self._held)


def start(spec: ReplicaSpec, params: xllamacpp.CommonParams) -> tuple[xllamacpp.Server, Door]:
    """The running server, and the way to its HTTP handlers. Raises EngineError when it cannot load the weights."""
    with tempfile.TemporaryDirectory(prefix="hearth-llama-") as folder:
        socket = Path(folder) / "llama.sock"
        params.hostnames = [str(socket)]
        try:
            server = xllamacpp.Server(params)
            _try(server)
            return server, Door(socket)
        except (RuntimeError, ValueError) as error:
            raise EngineError(
                f"llama.cpp cannot load {params.model.path} for '{spec.model}': {error} The file may be cut short, of an architecture this "
                "build does not know, or too big for the memory that is free; the replica's log has its last words. Pull the model again, "
                "or choose a smaller quantisation."
            ) from None


def _try(server: xllamacpp.Server) -> None:
    """One token, which proves that the model can answer and that the server's loop runs. The loop starts a moment after the constructor
    returns, and a server let go before that waits for it for ever, holding the interpreter lock."""
    answer = server.handle_completions({"prompt": [0], "max_tokens": 1, "cache_prompt": False})
    if "error" in answer:
        raise RuntimeError(str(answer["error"]["message"]))


def _within_budget(params: xllamacpp.CommonParams, spec: ReplicaSpec) -> None:
    params.cpuparams.n_threads = spec.threads
    params.cpuparams_batch.n_threads = spec.threads
    # The plan has decided what fits; the library must neither shrink the context nor keep old prompts in memory nobody counted.
    params.fit_params = False
    params.cache_ram_mib = 0
    params.n_gpu_layers = 0
    if spec.device == "cuda":
        if not any("gpu" in str(device["type"]).lower() for device in xllamacpp.get_device_info()):
            raise EngineError(
                f"'{spec.model}' is planned for a GPU, but the installed xllamacpp sees none: it is the CPU build, or the driver is "
                "missing. Install the wheel built for your CUDA version (see `hearth doctor`)."
            )
        params.n_gpu_layers = ALL_LAYERS
        # The replica sees one card.
        params.split_mode = xllamacpp.llama_split_mode.LLAMA_SPLIT_MODE_NONE


def _quiet(params: xllamacpp.CommonParams) -> None:
    """Errors only, no pages, and one thread for a socket that nobody reaches."""
    params.verbosity = 1
    params.ui = False
    params.endpoint_slots = False
    params.n_threads_http = 1


def _gguf(path: Path, what: str) -> Path:
    """``path``, checked to be a GGUF file."""
    if path.is_dir():
        raise ConfigError(f"{what}: {path} is a folder; name the GGUF file in it.")
    try:
        with path.open("rb") as file:
            found = file.read(len(MAGIC))
    except OSError as error:
        raise ConfigError(f"{what}: {path} cannot be read ({error.strerror}); run `hearth models pull` or correct the path.") from None
    if found != MAGIC:
        raise ConfigError(f"{what}: {path} is not a GGUF file; convert it, or serve it with an engine that reads its format.")
    return path

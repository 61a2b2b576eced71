"""The weights that an adapter is trained on: a language model of the catalog in Hugging Face's format."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from cluster.errors import Unprocessable
from cluster.home import Home
from cluster.learning.bases import base_here
from cluster.learning.tuning.spec import Method


def find_base(model: str, home: Home) -> Path:
    """The folder of ``model`` with config, tokenizer and ``*.safetensors``. Blocking. Raises ModelNotFound, Unprocessable for what is no
    language model or is here as GGUF only, and Conflict where no weights are here."""
    for _, path in base_here(model, home, "model")[1]:
        if path.is_dir() and (path / "config.json").is_file() and any(path.glob("*.safetensors")):
            return path
    raise Unprocessable(
        f"'{model}' is on this machine as GGUF only, which nothing can be trained on; add a variant with safetensors to its catalog "
        f"entry (engine vllm) and run `hearth models pull {model}`."
    ).about("model")


def refuse_unquantizable(method: Method) -> None:
    """Raises Unprocessable for 4 bits where the library that computes with them is not installed."""
    if method.quantization is not None and importlib.util.find_spec("bitsandbytes") is None:
        raise Unprocessable(
            f"A base is held as '{method.quantization}' by bitsandbytes, which is not installed here; run `pip install '.[train]'`, or "
            "leave 'method.quantization' out: then it is plain LoRA."
        ).about("method.quantization")


def base_sha256(folder: Path) -> str:
    """Of the weights: of each file's name and digest, in order of names. Reads all of them."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name} {digest}\n".encode())
    return whole.hexdigest()

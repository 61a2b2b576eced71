"""The weights that an adapter is trained on: a language model of the catalog in Hugging Face's format."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cluster.contracts.models import ModelKind
from cluster.errors import Conflict, Unprocessable
from cluster.home import CATALOG, Home
from cluster.specs.catalog import Catalog
from cluster.weights import locate

PIECE = 2**22


def find_base(model: str, home: Home) -> Path:
    """The folder of ``model`` with config, tokenizer and ``*.safetensors``. Blocking. Raises ModelNotFound, Unprocessable for what is no
    language model or is here as GGUF only, and Conflict where no weights are here."""
    spec = Catalog.load(CATALOG, home.catalog).get(model)
    if spec.kind is not ModelKind.LLM:
        raise Unprocessable(f"'{model}' is of the kind {spec.kind}; only language models are fine-tuned.").about("model")
    places = [path for variant in spec.variants if (path := locate(spec, variant, home)) is not None]
    for path in places:
        if path.is_dir() and (path / "config.json").is_file() and any(path.glob("*.safetensors")):
            return path
    if places:
        raise Unprocessable(
            f"'{model}' is on this machine as GGUF only, which nothing can be trained on; add a variant with safetensors to its catalog "
            f"entry (engine vllm) and run `hearth models pull {model}`."
        ).about("model")
    raise Conflict(f"The weights of '{model}' are not on this machine; run `hearth models pull {model}`.").about("model")


def base_sha256(folder: Path) -> str:
    """Of the weights: of each file's name and digest, in order of names. Reads all of them."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
        whole.update(f"{path.name} {digest.hexdigest()}\n".encode())
    return whole.hexdigest()

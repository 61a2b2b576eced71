"""What an adapter must fit: the linear layers of its base model, read from the headers of the weights on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf

from cluster.errors import Conflict, Unprocessable
from cluster.home import Home
from cluster.learning.adapters.peft_folder import Lora
from cluster.learning.bases import Places, base_here
from cluster.specs.catalog import HubSource, ModelSpec
from cluster.vram.gguf_header import read_header
from cluster.vram.headers import tensor_shapes


@dataclass(frozen=True, slots=True)
class Base:
    """``layers``: (out, in) of every matrix by its name as ``names`` says it of a module. ``repositories``: what the hub calls it."""

    model: str
    layers: Mapping[str, tuple[int, int]]
    names: GgufNames | None
    repositories: tuple[str, ...]

    def shape(self, module: str) -> tuple[int, int] | None:
        """Of ``module`` as transformers calls it; None: the model has no such layer."""
        name = self.names.of(module) if self.names is not None else f"{module}.weight"
        return self.layers.get(name) if name is not None else None


class GgufNames:
    """What llama.cpp calls the modules of an architecture."""

    def __init__(self, architecture: str, layers: int) -> None:
        known = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
        self._map = gguf.get_tensor_name_map(known[architecture], layers) if architecture in known else None

    def of(self, module: str) -> str | None:
        """The name of its matrix; None: it has none."""
        return self._map.get_name(f"{module}.weight", try_suffixes=(".weight",)) if self._map is not None else None


def find_base(model: str, home: Home) -> Base:
    """Blocking. Raises what ``base_here`` does, also where nothing that is here has a header that can be read."""
    spec, places = base_here(model, home, "base")
    found = next(_bases(spec, places), None)
    if found is None:
        raise Conflict(f"The weights of '{model}' are not on this machine; run `hearth models pull {model}`.").about("base")
    return found


def need_fit(lora: Lora, base: Base) -> None:
    """Raises Unprocessable for an adapter of another base: by its name, or by a layer that ``base`` has not or has in another size."""
    named = lora.config.base_model_name_or_path
    if named and base.repositories and _is_repository(named) and _last(named) not in map(_last, (*base.repositories, base.model)):
        raise Unprocessable(f"The adapter was trained on '{named[:200]}', not on '{base.model}'; name that as its base.").about("base")
    for module, pair in lora.pairs.items():
        shape, own = base.shape(module), (pair.b.shape[0], pair.a.shape[1])
        if shape is None:
            raise Unprocessable(f"'{base.model}' has no layer '{module[:200]}'; the adapter is for another model.").about("base")
        if shape != own:
            raise Unprocessable(
                f"The adapter changes '{module[:200]}' as {own[0]} x {own[1]}, and in '{base.model}' it is {shape[0]} x {shape[1]}; "
                "the adapter is for another model."
            ).about("base")


def gguf_base(model: str, path: Path, repositories: tuple[str, ...] = ()) -> Base:
    """Of a GGUF file."""
    header = read_header(path)
    architecture = str(header.values.get("general.architecture", ""))
    names = GgufNames(architecture, int(header.values.get(f"{architecture}.block_count", 0)))
    layers = {name: (shape[1], shape[0]) for name, shape in header.shapes.items() if len(shape) == 2}
    return Base(model, layers, names, repositories)


def _bases(spec: ModelSpec, places: Places) -> Iterator[Base]:
    """By each form of it that is here: Hugging Face's first, whose names an adapter uses."""
    repositories = tuple(variant.source.repo for variant in spec.variants if isinstance(variant.source, HubSource))
    for _, path in places:
        files = sorted(path.glob("*.safetensors")) if path.is_dir() else []
        if files:
            shapes = {name: shape for file in files for name, shape in tensor_shapes(file).items()}
            layers = {name: (shape[0], shape[1]) for name, shape in shapes.items() if len(shape) == 2}
            yield Base(spec.id, layers, None, repositories)
    for variant, path in places:
        file = path / variant.file if variant.file is not None and path.is_dir() else path
        if file.suffix == ".gguf":
            yield gguf_base(spec.id, file, repositories)


def _is_repository(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith(("/", ".", "~"))


def _last(name: str) -> str:
    return name.rpartition("/")[2].lower()

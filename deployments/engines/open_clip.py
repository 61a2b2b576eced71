"""Images and texts in one space, by open_clip on torch, from a folder in its own format.

The folder holds ``open_clip_config.json`` (architecture and preprocessing), the weights (``open_clip_model.safetensors`` or
``open_clip_pytorch_model.bin``), and the tokenizer's files where the model does not use CLIP's own; repositories of open_clip models on the
Hugging Face Hub are such folders. Without weights open_clip would serve random numbers: here that is an error.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip  # type: ignore[import-untyped]
import torch
from PIL.Image import Image

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError, ContextLengthExceeded, EngineError
from deployments.engines.torch_device import claim, stay_offline

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
PRECISIONS = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
# Images in one pass: bounds the memory that one request can take.
BATCH = 16
# More than any text of a CLIP model's length has; what follows need not be counted to know that it is too long.
COUNTED_CHARS = 20_000
# CLIP's own tokenizer remembers every word it has ever seen.
REMEMBERED_WORDS = 50_000


class OpenClip:
    """A ClipEngine. Both calls may come from several threads; the model itself computes for one at a time."""

    def __init__(self, spec: ReplicaSpec) -> None:
        self._device, self._dtype = claim(spec)
        self._name = spec.model
        self._model, self._preprocess, self._tokenizer = _load(Path(spec.path), self._device, self._dtype)
        self._busy = threading.Lock()
        self.variant = f"open-clip-{spec.dtype}"
        self.dimensions = self.embed_texts(["a photo"], truncate=False)[0].shape[1]

    def embed_images(self, images: Iterable[Image]) -> npt.NDArray[np.float32]:
        prepared = (self._preprocess(image) for image in images)
        rows = []
        while batch := list(itertools.islice(prepared, BATCH)):
            rows.append(self._run(self._model.encode_image, torch.stack(batch).to(self._dtype)))
        return np.concatenate(rows)

    def embed_texts(self, texts: Sequence[str], truncate: bool) -> tuple[npt.NDArray[np.float32], int]:
        counts = [self._count(text[:COUNTED_CHARS]) for text in texts]
        longest = int(self._tokenizer.context_length)
        for number, count in enumerate(counts, start=1):
            if count > longest and not truncate:
                raise ContextLengthExceeded(
                    f"Text {number} has {count} tokens, but model '{self._name}' reads at most {longest}; "
                    'shorten it, or send "truncate": true to use its beginning only.'
                )
        ids = self._tokenizer([text[:COUNTED_CHARS] for text in texts])
        rows = [self._run(self._model.encode_text, piece) for piece in ids.split(4 * BATCH)]
        return np.concatenate(rows), sum(min(count, longest) for count in counts)

    def close(self) -> None:
        del self._model
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _count(self, text: str) -> int:
        if isinstance(self._tokenizer, open_clip.tokenizer.HFTokenizer):
            return len(self._tokenizer.tokenizer(self._tokenizer.clean_fn(text)).input_ids)
        if len(self._tokenizer.cache) > REMEMBERED_WORDS:
            self._tokenizer.cache.clear()
        return len(self._tokenizer.encode(text)) + 2  # start and end

    def _run(self, encode: torch.nn.Module, inputs: torch.Tensor) -> npt.NDArray[np.float32]:
        try:
            with self._busy, torch.inference_mode():
                features: torch.Tensor = encode(inputs.to(self._device))
                return torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise EngineError(
                f"{len(inputs)} inputs do not fit the memory budget of '{self._name}'; raise its budget in the profile."
            ) from error
        except RuntimeError as error:
            raise EngineError(f"open_clip failed on {len(inputs)} inputs: {error}") from error


def _load(folder: Path, device: torch.device, dtype: torch.dtype):  # type: ignore[no-untyped-def]  # open_clip is untyped
    if not (folder / "open_clip_config.json").is_file():
        raise ConfigError(f"{folder} has no open_clip_config.json; name the folder of a model in open_clip's own format.")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise ConfigError(
            f"{folder} has no weights ({' or '.join(WEIGHTS)}); without them the model would answer at random. Pull it again."
        )
    stay_offline()
    name = f"local-dir:{folder}"
    try:
        model, preprocess = open_clip.create_model_from_pretrained(name, precision=PRECISIONS[dtype], device=device)
        tokenizer = open_clip.get_tokenizer(name)
    except torch.OutOfMemoryError as error:
        raise EngineError(f"{folder} does not fit its memory budget; raise it in the profile, or take a smaller model.") from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise ConfigError(f"{folder} cannot be loaded by open_clip: {error}") from error
    return model.eval(), preprocess, tokenizer


def load(spec: ReplicaSpec) -> OpenClip:
    return OpenClip(spec)

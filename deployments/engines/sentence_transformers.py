"""Text embeddings by the sentence-transformers library on torch: any model of that library, from a local folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from cluster.contracts.perception import TokenSpans
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError, EngineError
from deployments.engines.token_limits import TokenLimits
from deployments.engines.torch_device import claim, stay_offline

# Capabilities of the catalog that mark a model whose leading dimensions are an embedding too.
MATRYOSHKA = "matryoshka"


class SentenceTransformersEmbedding:
    """An EmbeddingEngine."""

    lanes = None

    def __init__(self, spec: ReplicaSpec) -> None:
        device, dtype = claim(spec)
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._device = device
        self._model = _load(Path(spec.path), device, dtype)
        backend = getattr(self._model.tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ConfigError(f"{spec.path} has no fast tokenizer (tokenizer.json), which exact token counts need.")
        own = self._model.get_max_seq_length() or 512
        self.max_tokens = min(own, spec.context_tokens or own)
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self.matryoshka = MATRYOSHKA in spec.capabilities
        self.variant = f"torch-{spec.dtype}"
        self.batch_tokens = 1024 if device.type == "cpu" else 16384
        self._pad = int(self._model.tokenizer.pad_token_id or 0)
        self._tokenizer = backend
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._limits = TokenLimits.of(self._tokenizer, spec.model, self.max_tokens)

    def tokenize(self, inputs: Sequence[str | Sequence[int]], truncate: bool) -> list[list[int]]:
        texts = iter(self._tokenizer.encode_batch_fast([one for one in inputs if isinstance(one, str)]))
        return [
            self._limits.admit(next(texts).ids if isinstance(one, str) else one, number, truncate)
            for number, one in enumerate(inputs, start=1)
        ]

    def spans(self, text: str) -> TokenSpans:
        return self._limits.spans(self._tokenizer, text)

    def embed(self, batch: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        length = max(map(len, batch))
        ids = torch.tensor([[*one, *[self._pad] * (length - len(one))] for one in batch])
        mask = torch.tensor([[1] * len(one) + [0] * (length - len(one)) for one in batch])
        try:
            with torch.inference_mode():
                features = {"input_ids": ids.to(self._device), "attention_mask": mask.to(self._device)}
                vectors = torch.nn.functional.normalize(self._model(features)["sentence_embedding"].float(), dim=-1)
                return vectors.cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise EngineError(
                f"A batch of {tuple(ids.shape)} tokens does not fit the model's memory budget; raise its budget in the profile."
            ) from error
        except RuntimeError as error:
            raise EngineError(f"torch failed on a batch of {tuple(ids.shape)} tokens: {error}") from error

    def close(self) -> None:
        del self._model
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _load(folder: Path, device: torch.device, dtype: torch.dtype) -> SentenceTransformer:
    if not (folder / "modules.json").is_file():
        raise ConfigError(f"{folder} has no modules.json; name the folder of a sentence-transformers model.")
    stay_offline()
    try:
        return SentenceTransformer(str(folder), device=str(device), local_files_only=True, model_kwargs={"dtype": dtype}).eval()
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{folder} cannot be loaded by sentence-transformers: {error}") from error


def load(spec: ReplicaSpec) -> SentenceTransformersEmbedding:
    return SentenceTransformersEmbedding(spec)

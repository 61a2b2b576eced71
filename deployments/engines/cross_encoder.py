"""Rerankers that read question and document together: sequence classifiers of one label of the transformers library, from a local folder.

By transformers itself, not sentence-transformers' CrossEncoder: that one pads and batches by its own count of rows, and here what many
callers ask is batched together, by tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Encoding, Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import BadInput, ConfigError, ContextLengthExceeded, EngineError
from deployments.engines.protocols import Pair
from deployments.engines.torch_device import claim, stay_offline

# What tokenizers of models without a limit of their own say.
NO_LIMIT = 10**6


class CrossEncoder:
    """A RerankEngine."""

    def __init__(self, spec: ReplicaSpec) -> None:
        self._device, dtype = claim(spec)
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        stay_offline()
        folder = Path(spec.path)
        self._model, tokenizer = _load(folder, dtype)
        self._model = self._model.to(self._device).eval()
        self._tokenizer: Tokenizer = tokenizer.backend_tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._typed = "token_type_ids" in tokenizer.model_input_names
        self._pad = int(tokenizer.pad_token_id or 0)
        self._name = spec.model
        own = min(tokenizer.model_max_length, _positions(self._model.config, self._pad))
        self.max_tokens = min(own, spec.context_tokens or own)
        self.batch_tokens = 1024 if self._device.type == "cpu" else 16384
        self._special = self._tokenizer.num_special_tokens_to_add(True)

    def pair(self, query: str, documents: Sequence[str], document_tokens: int | None) -> list[Pair]:
        try:
            asked = self._tokenizer.encode(query, add_special_tokens=False)
            read = self._tokenizer.encode_batch_fast(list(documents), add_special_tokens=False)
        except (UnicodeEncodeError, TypeError):
            raise BadInput("The question or a document is not valid Unicode (a lone surrogate); clean the text.") from None
        if len(asked) > self.max_tokens // 2:
            raise ContextLengthExceeded(
                f"The question has {len(asked)} tokens, but model '{self._name}' reads {self.max_tokens} of question and document, "
                "and at least half are for the document; ask more briefly."
            )
        room = self.max_tokens - self._special - len(asked)
        longest = min(room, document_tokens or room)
        return [self._joined(asked, document, longest) for document in read]

    def score(self, batch: Sequence[Pair]) -> npt.NDArray[np.float32]:
        length = max(map(len, batch))
        features = {"input_ids": _padded([pair.ids for pair in batch], length, self._pad)}
        features["attention_mask"] = _padded([[1] * len(pair) for pair in batch], length, 0)
        if self._typed:
            features["token_type_ids"] = _padded([pair.types for pair in batch], length, 0)
        try:
            with torch.inference_mode():
                logits = self._model(**{name: rows.to(self._device) for name, rows in features.items()}).logits
                return np.asarray(torch.sigmoid(logits.float()).cpu().numpy())
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise EngineError(
                f"A batch of {len(batch)} x {length} tokens does not fit the model's memory budget; raise its budget in the profile."
            ) from error
        except RuntimeError as error:
            raise EngineError(f"torch failed on a batch of {len(batch)} x {length} tokens: {error}") from error

    def close(self) -> None:
        self._model = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _joined(self, asked: Encoding, document: Encoding, longest: int) -> Pair:
        cut = len(document) > longest
        if cut:
            document.truncate(longest)
        both = self._tokenizer.post_process(asked, document)
        return Pair(both.ids, both.type_ids, cut)


def _load(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model and tokenizer. Raises ConfigError for what is no reranker: a head that the weights lack would score at random."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
        model, said = AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigError(f"{folder} cannot be loaded as a reranker by transformers: {error}") from error
    if not tokenizer.is_fast:
        raise ConfigError(f"{folder} has no fast tokenizer (tokenizer.json), which exact token counts need.")
    if said["missing_keys"] or said["mismatched_keys"]:
        missing = ", ".join(sorted(map(str, said["missing_keys"] or said["mismatched_keys"]))[:3])
        raise ConfigError(f"{folder} is not a whole reranker: its weights lack {missing}; name the folder of a trained cross-encoder.")
    if model.config.num_labels != 1:
        raise ConfigError(f"{folder} has {model.config.num_labels} labels; a reranker has one, the score.")
    return model, tokenizer


def _positions(config: Any, pad: int) -> int:
    """How many positions the model was trained for."""
    own = int(getattr(config, "max_position_embeddings", None) or NO_LIMIT)
    # Models of RoBERTa's family count positions from the padding token's id on.
    return own - pad - 1 if "roberta" in config.model_type else own


def _padded(rows: Sequence[Sequence[int]], length: int, filling: int) -> torch.Tensor:
    return torch.tensor([[*row, *[filling] * (length - len(row))] for row in rows])


def load(spec: ReplicaSpec) -> CrossEncoder:
    return CrossEncoder(spec)

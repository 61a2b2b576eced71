"""Text embeddings on ONNX Runtime, from the folder that onnx_export.py makes. About 200 MB resident, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]
from tokenizers import Tokenizer

from cluster.contracts.perception import TokenSpans
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError
from deployments.engines.onnx_export import GRAPH, TOKENIZER, read_record
from deployments.engines.token_limits import TokenLimits
from deployments.standing_back import stand_back

NAMES = ["sentence_embedding"]
# Batches computed at once, each in one thread. Each keeps memory of its own for what is between two layers; further cores help them all.
MOST_LANES = 4
# Joins a sum and its normalisation into one operation that takes four times as long as the two (ONNX Runtime 1.31).
SLOWER = ["SkipLayerNormFusion"]


class OnnxEmbedding:
    """An EmbeddingEngine. Both calls release the GIL while they compute."""

    matryoshka = False
    # Beyond about 16 short sentences or a long one a larger batch is no faster on one core: what is between two layers no longer fits its
    # cache, and everyone in it waits longer.
    batch_tokens = 256

    def __init__(self, spec: ReplicaSpec) -> None:
        folder = Path(spec.path)
        record = read_record(folder)
        self.variant = record.variant
        self.dimensions = record.dimensions
        self.max_tokens = min(record.max_tokens, spec.context_tokens or record.max_tokens)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        # The file itself asks for padding to 128 and truncation at 128 tokens: both would lose text or time.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._limits = TokenLimits.of(self._tokenizer, spec.model, self.max_tokens)
        self.lanes = min(spec.threads, MOST_LANES)
        # Threads of its own, which there are where cores are left by the lanes, have the priority of the thread that starts them. So have
        # those of the tokenizer, which starts them with the first batch, for all later ones.
        with ThreadPoolExecutor(1, initializer=stand_back) as aside:
            aside.submit(self._tokenizer.encode_batch_fast, ["a", "b"]).result()
            self._session = aside.submit(_session, folder / GRAPH, spec.threads - self.lanes + 1).result()

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
        ids = np.zeros((len(batch), length), dtype=np.int64)
        mask = np.zeros((len(batch), length), dtype=np.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        try:
            vectors: npt.NDArray[np.float32] = self._session.run(NAMES, {"input_ids": ids, "attention_mask": mask})[0]
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise EngineError(f"ONNX Runtime failed on a batch of {ids.shape}: {error}") from error
        return vectors

    def close(self) -> None:
        del self._session


def _session(graph: Path, threads: int) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, _options(threads), providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER)


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads answer a little faster and burn a core while nobody asks.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps the memory of the largest batch, some tens of MB. Without it every layer's is given back to the system and asked for
    # again, which was a third of the time of long texts.
    options.enable_cpu_mem_arena = True
    return options


def load(spec: ReplicaSpec) -> OnnxEmbedding:
    return OnnxEmbedding(spec)

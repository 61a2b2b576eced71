"""The stages on workers of Ray Data, for more documents than one process should read.

    sources -> Preparing (read, parse, recognise, clean, chunk) -> Indexing (embed, write) -> tables of events

Execution streams: blocks are small, each stage runs on a pool of actors, and Ray holds the first back while the second is busy, so memory
does not grow with the number of documents. The same code runs on a laptop and on many nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa  # type: ignore[import-untyped]
import ray.data
from ray.data import ActorPoolStrategy, DataContext, Dataset, ExecutionResources

from cluster.settings import IngestSettings
from pipelines.ingest.prepare import Preparation
from pipelines.ingest.steps import Embed, Indexing, Preparing, Write, row_of
from pipelines.stages.read import Source

SOURCES_PER_BLOCK = 64


def spread(files: Sequence[Source], how: Preparation, embed: Embed, write: Write) -> Iterator[pa.Table]:
    """Tables of events, in no particular order. ``embed`` and ``write`` are pickled and called on Ray's workers."""
    yield from _pipeline(files, how, embed, write).iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)


def _pipeline(files: Sequence[Source], how: Preparation, embed: Embed, write: Write) -> Dataset:
    limits = how.limits
    blocks = max(-(-len(files) // SOURCES_PER_BLOCK), min(len(files), limits.workers * 8))
    workers = ActorPoolStrategy(min_size=1, max_size=limits.workers)
    with DataContext.current(_context(limits)):
        rows = ray.data.from_items([row_of(source) for source in files], override_num_blocks=blocks)
        chunks = rows.map_batches(
            Preparing,
            batch_size=None,
            batch_format="pyarrow",
            fn_constructor_args=(how, limits.niceness),
            compute=workers,
            num_cpus=limits.worker_cpus,
        )
        return chunks.map_batches(
            Indexing,
            batch_size=limits.embed_batch,
            batch_format="pyarrow",
            fn_constructor_args=(embed, write, limits.niceness),
            compute=workers,
            num_cpus=limits.worker_cpus,
        )


def _context(limits: IngestSettings) -> DataContext:
    context = DataContext.get_current().copy()
    context.target_max_block_size = int(limits.block_bytes)
    context.target_min_block_size = min(context.target_min_block_size, int(limits.block_bytes))
    context.execution_options.resource_limits = ExecutionResources.for_limits(object_store_memory=int(limits.object_store))
    context.enable_progress_bars = False
    return context

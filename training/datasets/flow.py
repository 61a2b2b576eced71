"""Blocks of examples through Ray Data, as many at once as there are CPUs to be had. Order does not matter: all is sorted later.

A block that a lost worker had is examined again by another, which Ray does by itself. The blocks lie on this machine, so workers are here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.data import DataContext

from training.datasets.examining import How, examined

# The label by which Ray knows a node; what else pins tasks to one is deprecated in Ray Data 2.60.
HERE = "ray.io/node-id"


def examine(blocks: Sequence[Path], how: How, worker_cpus: float) -> Iterator[list[dict[str, Any]]]:
    """Rows as of EXAMINED, block by block."""
    with DataContext.current(_context()):
        files = ray.data.from_items([{"file": str(block)} for block in blocks], override_num_blocks=len(blocks))
        done = files.map_batches(
            examined,
            batch_size=None,
            batch_format="pyarrow",
            fn_kwargs={"how": how},
            num_cpus=worker_cpus,
            label_selector={HERE: ray.get_runtime_context().get_node_id()},
        )
        for table in done.iter_batches(batch_size=None, batch_format="pyarrow"):
            yield table.to_pylist()


def attach() -> None:
    """To the Ray of the cluster, once."""
    if not ray.is_initialized():
        ray.init("auto", configure_logging=False, log_to_driver=False)


def _context() -> DataContext:
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    return context

"""Workers of an ingestion stand back before they load anything."""

from __future__ import annotations

import os
from pathlib import Path

import ray

from cluster.settings import IngestSettings
from pipelines.ingest.workers import worker_environment

NICENESS = 12


def priorities() -> tuple[int, set[int]]:
    """The process, and how far its threads stand back, those that Ray started first among them."""
    return os.getpid(), {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path("/proc/self/task").iterdir()}


def test_a_worker_stands_back_from_the_start_with_all_its_threads(ray_runtime: None):
    remote = ray.remote(priorities)
    process, found = ray.get(
        remote.options(num_cpus=0, runtime_env=worker_environment(IngestSettings(niceness=NICENESS))).remote(), timeout=300
    )
    other, plain = ray.get(remote.options(num_cpus=0).remote(), timeout=300)
    assert process != other
    # Ray has its workers stand back by itself, but not the threads that are there before it does.
    assert min(plain) < NICENESS <= min(found)


def test_where_nothing_is_to_stand_back_workers_are_as_they_are_anyway():
    assert worker_environment(IngestSettings(niceness=0)) == {}

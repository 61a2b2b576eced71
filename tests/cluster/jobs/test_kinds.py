"""What may be started as a job is there."""

from __future__ import annotations

from importlib.util import find_spec

from cluster.jobs.kinds import JOB_KINDS


def test_every_kind_has_its_module():
    assert {module for module in JOB_KINDS.values() if find_spec(module) is None} == set()

"""Where the agent of a Ray node listens, which starts its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ray._private import parameter


@contextmanager
def agent_on_a_free_port() -> Iterator[None]:
    """While this holds, ``ray.init`` gives the agent of the node it starts a port that is free.

    Without it the agent's port is always 52365: where another cluster of this machine has it, Ray goes on without an agent, and no job
    ever starts ("No available agent to submit job"). ``ray start`` has a flag for it (``--dashboard-agent-listen-port``), ``ray.init`` no
    parameter, so what it makes its own of is filled in here. Source: ray/_private/parameter.py and node.py of Ray 2.60.
    """
    original = parameter.RayParams
    parameter.RayParams = partial(original, dashboard_agent_listen_port=None)  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        parameter.RayParams = original  # type: ignore[misc]

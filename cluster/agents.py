"""Whoever carries runs of graphs on: what the other rooms may ask of them.

``AgentRuntime`` is what callers depend on; ``ServeAgents`` (cluster/serving/agents.py) reaches the deployment in
``deployments/agents``. Runs themselves are rows (cluster/graphs): what is asked for here only makes things quicker, and nothing is
lost where it does not arrive."""

from __future__ import annotations

from typing import Protocol


class AgentRuntime(Protocol):
    """What callers depend on."""

    async def wake(self) -> None:
        """Look now: a run was queued, answered, or is to be stopped. Returns at once, and raises nothing."""
        ...


class NobodyToWake:
    """Where no process can be told: runs are found at the next look of whoever carries them on."""

    async def wake(self) -> None:
        """Nothing happens."""

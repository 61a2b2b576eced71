"""Whoever carries runs on, in the caller's own process."""

from __future__ import annotations

from typing import Protocol


class Carrier(Protocol):
    """What a runner of graphs is to be told (see deployments/agents/runner.py)."""

    def wake(self) -> None: ...


class InProcessAgents:
    """An AgentRuntime over a runner in this process: what a test of the API gives to it, so that runs are carried on in the test."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self.woken = 0

    async def wake(self) -> None:
        self.woken += 1
        self._carrier.wake()

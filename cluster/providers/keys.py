"""API keys of providers: where they come from, and how long a process holds them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from pydantic import SecretStr

from cluster.errors import ConfigError

# A key that was changed where it is kept takes effect within this time; one that the provider refuses is read again at once.
HELD_S = 60.0


class SecretSource(Protocol):
    """Where ``env:NAME`` and ``secret:NAME`` lead."""

    async def read(self, reference: str) -> SecretStr:
        """Raises a HearthError that names the reference, and never shows a secret."""
        ...


class EnvironmentSecrets:
    """A SecretSource: ``env:NAME`` from the mapping given (``os.environ``, handed down by main), everything else from ``others``."""

    def __init__(self, environment: Mapping[str, str], others: SecretSource | None = None) -> None:
        self._environment = environment
        self._others = others

    async def read(self, reference: str) -> SecretStr:
        place, _, name = reference.partition(":")
        if place == "env":
            return self._variable(name)
        if self._others is None:
            raise ConfigError(f"'{reference}' cannot be read here: no store of secrets is connected; use env:NAME.")
        return await self._others.read(reference)

    def _variable(self, name: str) -> SecretStr:
        value = self._environment.get(name, "").strip()
        if not value:
            raise ConfigError(f"The environment variable {name} is not set; set it to the provider's API key, and start again.")
        return SecretStr(value)


class HeldKey:
    """The key behind one reference, read on first use and again when it has grown old."""

    def __init__(self, reference: str | None, source: SecretSource) -> None:
        self._reference = reference
        self._source = source
        self._held: SecretStr | None = None
        self._until = 0.0

    async def get(self) -> SecretStr | None:
        """None where the provider needs no key."""
        if self._reference is None:
            return None
        if self._held is None or time.monotonic() >= self._until:
            self._held = await self._source.read(self._reference)
            self._until = time.monotonic() + HELD_S
        return self._held

    def forget(self) -> None:
        self._held = None

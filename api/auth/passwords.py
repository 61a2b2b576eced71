"""Passwords: argon2id, away from the event loop, and never faster for an account that does not exist."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Each takes 64 MiB and some 50 ms of a core; more at once would only wait for each other.
AT_ONCE = 4


class Passwords:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one behind ``stored``. Without one the same work is done, for the answer False."""
        if stored is None and self._nobody is None:
            self._nobody = await self.hash("nobody has this password")
        async with self._turn:
            same = await asyncio.to_thread(self._verify, stored or self._nobody or "", password)
        return same and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

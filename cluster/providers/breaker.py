"""Leaves a provider alone that fails again and again, then lets one request look whether it is well."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from cluster.errors import Unavailable
from cluster.providers.failures import AttemptFailed
from cluster.specs.providers import ProviderBreaker

BreakerState = Literal["closed", "open", "half_open"]


class Breaker:
    """Belongs to one event loop. ``clock`` gives seconds that never go back."""

    def __init__(self, provider: str, spec: ProviderBreaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._spec = spec
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._looking = False

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return "closed"
        return "open" if self._rest_s() > 0 else "half_open"

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one attempt. Raises AttemptFailed without trying while the provider rests. An attempt given up says nothing about it."""
        looks = self._enter()
        try:
            yield
        except AttemptFailed as failed:
            self._failed() if failed.unwell else self._succeeded()
            raise
        else:
            self._succeeded()
        finally:
            if looks:
                self._looking = False

    def failed_later(self) -> None:
        """An attempt that had begun well ended badly."""
        self._failed()

    def _enter(self) -> bool:
        if self._opened_at is None:
            return False
        if self._rest_s() > 0 or self._looking:
            raise AttemptFailed(Unavailable(self.reason))
        self._looking = True
        return True

    @property
    def reason(self) -> str:
        """A sentence for people, while it is not closed."""
        seconds = max(1, math.ceil(self._rest_s()))
        return f"Provider '{self._provider}' failed {self._failures} times in a row and is left alone; retry in {seconds} s."

    def _rest_s(self) -> float:
        return 0.0 if self._opened_at is None else self._opened_at + self._spec.rest_s - self._clock()

    def _succeeded(self) -> None:
        self._failures, self._opened_at = 0, None

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= self._spec.failures:
            self._opened_at = self._clock()

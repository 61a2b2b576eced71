"""Expressions beside the event loop, but for the quick ones: one that takes its whole time keeps no other run waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from cluster.contracts.generation import Json, JsonObject
from cluster.graphs.expressions import Scope, evaluate, fill, holds, is_quick
from cluster.graphs.templates import expressions_in, render
from cluster.settings import GraphSettings

# More do not make Python faster.
THREADS = 2

T = TypeVar("T")


class Expressions:
    """One for each process. All raise BadInput, see cluster/graphs/expressions.py."""

    def __init__(self, settings: GraphSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="expressions")

    async def value(self, text: str, scope: Scope) -> Json:
        if is_quick(text, scope):
            return evaluate(text, scope, self._settings)
        return await self._beside(evaluate, text, scope, self._settings)

    async def holds(self, text: str, scope: Scope) -> bool:
        if is_quick(text, scope):
            return holds(text, scope, self._settings)
        return await self._beside(holds, text, scope, self._settings)

    async def text(self, template: str, scope: Scope) -> str:
        if all(is_quick(text, scope) for text in expressions_in(template)):
            return render(template, scope, self._settings)
        return await self._beside(render, template, scope, self._settings)

    async def filled(self, arguments: Mapping[str, Any], scope: Scope) -> JsonObject:
        return await self._beside(fill, arguments, scope, self._settings) if arguments else {}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _beside(self, function: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)

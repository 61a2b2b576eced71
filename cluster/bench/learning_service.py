"""Promoting and taking back while people ask: how long each takes, and whether anybody is refused meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from cluster.bench.learning_ledger import Service
from cluster.learning.demo.loop import ANSWER_TOKENS, Adapter, Loop
from cluster.learning.demo.task import Asked

CALLERS = 4
# Between two changes, so that each meets requests in every state.
BETWEEN_S = 1.0


@dataclass
class _Load:
    asked: int = 0
    failed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *, well: bool) -> None:
        with self.lock:
            self.asked += 1
            self.failed += not well


def service(loop: Loop, adapter: Adapter, questions: Sequence[Asked], rounds: int) -> Service:
    """``rounds`` promotions and as many roll-backs, each timed until it is answered, while CALLERS ask the base without a pause."""
    promoted, taken_back = list[float](), list[float]()
    with _under_load(loop, questions) as load:
        for _ in range(rounds):
            time.sleep(BETWEEN_S)
            began = time.perf_counter()
            loop.promote(adapter, force=True)
            promoted.append(time.perf_counter() - began)
            time.sleep(BETWEEN_S)
            began = time.perf_counter()
            loop.roll_back()
            taken_back.append(time.perf_counter() - began)
        time.sleep(BETWEEN_S)
    return Service(promote_s=tuple(promoted), roll_back_s=tuple(taken_back), asked=load.asked, failed=load.failed)


@contextmanager
def _under_load(loop: Loop, questions: Sequence[Asked]) -> Iterator[_Load]:
    load, ended = _Load(), threading.Event()

    def ask(caller: int) -> None:
        number = caller
        while not ended.is_set():
            prompt = questions[number % len(questions)].prompt
            body = {"model": loop.model, "messages": [{"role": "user", "content": prompt}], "max_tokens": ANSWER_TOKENS}
            try:
                # Not Place.send, which tries again: a request that is refused is a failed one here.
                load.count(well=loop.place.http.post("/v1/chat/completions", json=body).is_success)
            except httpx.HTTPError:
                load.count(well=False)
            number += CALLERS

    with ThreadPoolExecutor(CALLERS, thread_name_prefix="load") as pool:
        asking = [pool.submit(ask, caller) for caller in range(CALLERS)]
        try:
            yield load
        finally:
            ended.set()
    for one in asking:
        one.result()

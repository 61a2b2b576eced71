"""What adds something to a gateway passes everything else on."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from cluster.forwarding import ForwardingGateway
from cluster.gateway import ModelGateway

CALLS = [name for name in vars(ModelGateway) if not name.startswith("_")]


class _Recorder:
    """Answers every call with its name and what it was given."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        async def answer(*given: object) -> object:
            return name, given

        return answer


@pytest.mark.parametrize("name", CALLS)
async def test_every_call_of_the_contract_is_passed_on_with_what_it_was_given(name: str) -> None:
    gateway = ForwardingGateway(_Recorder())  # type: ignore[arg-type]  # it answers whatever it is asked
    call = getattr(gateway, name)
    given = tuple(f"{name}-{place}" for place, _ in enumerate(inspect.signature(call).parameters))

    assert await call(*given) == (name, given)

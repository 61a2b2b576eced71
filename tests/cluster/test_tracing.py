"""What is recorded, and what is not: in a process of its own, because a process has one recorder for good."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from cluster.fakes.collector import Collector
from cluster.home import REPOSITORY
from cluster.settings import TracingSettings
from cluster.tracing import continued, parent_here, span, start_tracing

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SENDING = """
import asyncio, sys
from cluster.contracts.generation import GenerationRequest, Message
from cluster.fakes.gateway import FakeGateway
from cluster.settings import TracingSettings
from cluster.traced import TracedGateway
from cluster.tracing import continued, parent_here, span, start_tracing, trace_of

recording = start_tracing(TracingSettings(endpoint=sys.argv[1]), "hearth-test")
assert recording is not None
request = GenerationRequest(model="fake-llm", messages=(Message("user", "my secret"),))

async def main():
    models = TracedGateway(FakeGateway(failures={"broken": ValueError("my secret")}))
    with continued(sys.argv[2]), span("graph answer", {"hearth.run_id": "7"}):
        assert trace_of(parent_here()) in sys.argv[2]
        await models.generate(request)
        async for _ in models.stream(request):
            with span("meanwhile"):
                pass
        try:
            with span("node find"):
                raise ValueError("my secret")
        except ValueError:
            pass

asyncio.run(main())
recording.shutdown()
"""


async def _recorded(collector: Collector) -> None:
    words = ("-c", SENDING, f"{collector.url}/v1/traces", CALLER)
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


@pytest.fixture(scope="module")
async def collected():
    async with Collector() as collector:
        await _recorded(collector)
        return collector


def test_without_an_endpoint_nothing_is_recorded():
    assert start_tracing(TracingSettings(), "hearth-test") is None
    with span("anything"):
        assert parent_here() is None
        assert parent_here() is None


async def test_spans_belong_to_the_callers_trace_and_to_one_another(collected):
    (graph,) = collected.named("graph answer")
    assert (graph.trace, graph.parent) == (CALLER.split("-")[1], CALLER.split("-")[2])
    assert graph.service == "hearth-test"
    assert graph.attributes == {"hearth.run_id": "7"}
    for name in ("chat fake-llm", "node find", "meanwhile"):
        assert {(each.trace, each.parent) for each in collected.named(name)} == {(graph.trace, graph.id)}


async def test_a_model_is_named_with_what_it_counted(collected):
    for call in collected.named("chat fake-llm"):
        assert call.attributes["gen_ai.operation.name"] == "chat"
        assert call.attributes["gen_ai.request.model"] == "fake-llm"
        assert call.attributes["gen_ai.usage.input_tokens"] == 2
        assert call.attributes["gen_ai.usage.output_tokens"] > 0
    assert sorted(call.events for call in collected.named("chat fake-llm")) == [(), ("gen_ai.first_token",)]


async def test_what_failed_is_named_by_its_class_and_nobodys_words_are_told(collected):
    (node,) = collected.named("node find")
    assert node.failed
    assert node.attributes == {"error.type": "ValueError"}
    assert "secret" not in json.dumps([[each.name, each.attributes, each.events] for each in collected.spans])


@pytest.mark.parametrize("parent", [None, "", "nonsense", "00-00000000000000000000000000000000-0000000000000000-01"])
def test_a_parent_that_is_none_changes_nothing(parent):
    with continued(parent):
        assert parent_here() is None


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x/y", "http://user:word@host/v1/traces"])
def test_an_endpoint_is_an_address_without_credentials(endpoint):
    with pytest.raises(ValueError, match="endpoint"):
        TracingSettings(endpoint=endpoint)

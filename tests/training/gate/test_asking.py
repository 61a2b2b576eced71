from __future__ import annotations

import pytest

from cluster.contracts.generation import Message, ToolCall
from cluster.errors import TooLarge, Unprocessable
from training.gate.asking import message_of, refusal_of, request_of


def test_a_request_is_greedy_bounded_never_cached_and_in_the_organisations_name():
    request = request_of("base:one", ({"role": "user", "content": "?"},), 64, "an organisation", "gate-1")
    assert (request.model, request.scope, request.request_id) == ("base:one", "an organisation", "gate-1")
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.0, 64)
    assert request.caching is not None
    assert request.caching.ttl_s == 0


def test_messages_in_openais_shape_are_taken():
    call = {"id": "c1", "type": "function", "function": {"name": "go", "arguments": "{}"}}
    assert message_of({"role": "assistant", "content": None, "tool_calls": [call]}) == Message(
        "assistant", None, tool_calls=(ToolCall("c1", "go", "{}"),)
    )
    assert message_of({"role": "tool", "content": "gone", "tool_call_id": "c1"}) == Message("tool", "gone", tool_call_id="c1")
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert message_of({"role": "user", "content": parts}).content == "a\nb"


@pytest.mark.parametrize(
    "message",
    [
        {"content": "?"},
        {"role": "nobody", "content": "?"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
        {"role": "user", "content": 5},
        {"role": "user", "content": [{"type": "text", "text": None}]},
        {"role": "assistant", "tool_calls": ["go"]},
    ],
)
def test_what_is_no_message_of_text_is_refused(message):
    with pytest.raises(Unprocessable):
        message_of(message)


def test_why_a_model_could_not_be_asked_is_kept_short_and_storable():
    assert refusal_of(TooLarge("Too\x00 long" + "!" * 5000)).startswith("too_large: Too\ufffd long!")
    assert len(refusal_of(TooLarge("!" * 5000))) == 1000

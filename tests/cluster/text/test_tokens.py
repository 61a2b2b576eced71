from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from cluster.contracts.perception import TokenSpansRequest
from cluster.fakes.gateway import FakeGateway
from cluster.text.tokens import PART_CHARS, parts, token_spans


@given(text=st.text(alphabet="ab \n\u3000", max_size=200), most=st.integers(1, 40))
def test_parts_are_the_text_none_too_long_and_no_word_is_cut_that_fits_in_half_a_part(text, most):
    found = list(parts(text, most))
    assert "".join(part for _, part in found) == text
    assert [start for start, _ in found] == [sum(len(part) for _, part in found[:number]) for number in range(len(found))]
    assert all(0 < len(part) <= most for _, part in found)
    inside = {start for start, _ in found if start and not text[start].isspace() and not text[start - 1].isspace()}
    for word in re.finditer(r"\S+", text):
        if word.end() - word.start() < most // 2:
            assert not inside & set(range(word.start() + 1, word.end()))


async def test_a_long_text_is_asked_for_in_parts_and_has_the_tokens_it_would_have_at_once():
    gateway, text = FakeGateway(), "goats climb steep hills " * (PART_CHARS // 10)
    spans = await token_spans(gateway, "fake-embedder", text)
    assert spans == [match.span() for match in re.finditer(r"\S+", text)]
    asked = gateway.asked_for(TokenSpansRequest)
    assert len(asked) > 2
    assert all(len(one.text) <= PART_CHARS for one in asked)


async def test_a_text_without_words_has_no_tokens():
    assert await token_spans(FakeGateway(), "fake-embedder", "  \n") == []
    assert await token_spans(FakeGateway(), "fake-embedder", "") == []

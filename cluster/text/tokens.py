"""Where the tokens of a text lie, however long it is."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.contracts.perception import TokenSpansRequest
from cluster.gateway import ModelGateway

# A model is asked for this many characters at once: its tokenizer holds some hundred bytes for each token of them.
PART_CHARS = 100_000


async def token_spans(gateway: ModelGateway, model: str, text: str, request_id: str = "") -> list[tuple[int, int]]:
    """Spans of the tokens of ``text`` as the embedding model ``model`` cuts it, in order, special tokens left out.

    It is asked for in parts that end between words, where no tokenizer joins characters; only a word longer than a part is cut elsewhere.
    Raises what ``ModelGateway`` raises.
    """
    found = list[tuple[int, int]]()
    for start, part in parts(text):
        spans = (await gateway.token_spans(TokenSpansRequest(model, part, request_id))).spans + start
        found += zip(spans[:, 0].tolist(), spans[:, 1].tolist(), strict=True)
    return found


def parts(text: str, most: int = PART_CHARS) -> Iterator[tuple[int, str]]:
    """Where each part begins, and the part: no longer than ``most`` characters, cut in front of white space in its second half, if there is
    some. Together they are the text."""
    start = 0
    while start < len(text):
        end = start + most
        if end < len(text):
            end = next((at for at in range(end, start + most // 2, -1) if text[at].isspace()), end)
        yield start, text[start:end]
        start = end

"""How well the network in training does on held-out exercises, cheaply: one forward pass tells whether a greedy answer would be exact.

If at every place of the expected answer the likeliest token is the expected one, then greedy decoding writes exactly that answer.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from tokenizers import Tokenizer

from training.nano.batches import Encoder
from training.nano.corpus import SKILLS, Conversation, Stream
from training.nano.network import NanoLlama
from training.nano.tokens import END, render, token_id

SAMPLED = ("grounded", "extraction", "tools", "comparison", "summary")


@torch.no_grad()
def examine(model: NanoLlama, tokenizer: Tokenizer, seed: int, count: int) -> dict[str, float]:
    """For each skill, the share of `count` fresh held-out conversations whose last answer would be exact."""
    stream, encoder = Stream(f"trial-{seed}", "held_out"), Encoder(tokenizer, 0.0)
    return {skill: sum(_exact(model, encoder, stream.of(skill)) for _ in range(count)) / count for skill in SKILLS}


def _exact(model: NanoLlama, encoder: Encoder, conversation: Conversation) -> bool:
    ids, _ = encoder(conversation)
    answer = len(encoder.tokenizer.encode(conversation.messages[-1].text).ids) + 1
    tokens = torch.tensor([ids[: model.shape.context]], device=model.model.embed_tokens.weight.device)
    likeliest = model(tokens[:, :-1]).argmax(-1)
    return bool(torch.equal(likeliest[0, -answer:], tokens[0, -answer:]))


def samples(model: NanoLlama, tokenizer: Tokenizer, seed: int) -> Iterator[str]:
    """One held-out exercise of several skills, with the answer expected and the one given."""
    stream = Stream(f"samples-{seed}", "held_out")
    for skill in SAMPLED:
        conversation = stream.of(skill)
        asked = tokenizer.encode(render(conversation.messages[:-1], ask_for_answer=True)).ids
        said = tokenizer.decode(greedy(model, asked, token_id(tokenizer, END), 48))
        yield f"[{skill}] {conversation.messages[-1].text} -> {said}"


@torch.no_grad()
def greedy(model: NanoLlama, prompt: list[int], end: int, longest: int) -> list[int]:
    """The likeliest continuation up to `end`, without it; no cache, since this is for a look now and then."""
    ids = list(prompt)
    for _ in range(longest):
        state = model.model(torch.tensor([ids], device=model.model.embed_tokens.weight.device))[0, -1]
        token = int((state @ model.model.embed_tokens.weight.mT).argmax())
        if token == end:
            break
        ids.append(token)
    return ids[len(prompt) :]

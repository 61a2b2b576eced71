"""Conversations as tokens, and which of them are learned: those of the assistant's answers, as the model's chat template writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from cluster.errors import Unprocessable
from cluster.learning.chat_lines import Turn, Turns
from cluster.learning.tuning.pairs import Pair
from cluster.learning.tuning.spec import Hyperparameters

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tokens:
    """``learned`` says of each token whether it is part of an answer to learn."""

    ids: tuple[int, ...]
    learned: tuple[bool, ...]

    @property
    def asked(self) -> tuple[int, ...]:
        return tuple(token for token, is_learned in zip(self.ids, self.learned, strict=True) if not is_learned)

    @property
    def answered(self) -> tuple[int, ...]:
        return tuple(token for token, is_learned in zip(self.ids, self.learned, strict=True) if is_learned)

    @property
    def key(self) -> tuple[int, ...]:
        """Examples with the same key are kept on one side of a split."""
        return self.ids

    def without_first(self, tokens: int) -> Tokens:
        return Tokens(self.ids[tokens:], self.learned[tokens:])


@dataclass(frozen=True, slots=True)
class PairTokens:
    """One question with two answers, of which the first is preferred."""

    preferred: Tokens
    other: Tokens

    @property
    def size(self) -> int:
        return len(self.preferred.ids) + len(self.other.ids)

    @property
    def key(self) -> tuple[int, ...]:
        """The question: who has learned one answer to it could judge no other."""
        return self.preferred.ids[: self.preferred.learned.index(True)]


@dataclass(slots=True)
class Tally:
    """What became of the examples of a file."""

    kept: int = 0
    truncated: int = 0
    dropped: int = 0


def tokenise(conversations: Iterable[Turns], tokenizer: Any, parameters: Hyperparameters, tally: Tally) -> Iterator[Tokens]:
    """Each conversation of at most ``max_tokens``; longer ones as ``overlong`` says, counted in ``tally``. Raises Unprocessable for a
    tokenizer without a chat template."""
    _refuse_without_template(tokenizer)
    for turns in conversations:
        tokens = encode(turns, tokenizer)
        if len(tokens.ids) > parameters.max_tokens:
            tokens = tokens.without_first(len(tokens.ids) - parameters.max_tokens)
            # What has no answer any more teaches nothing. The first token is never predicted.
            if parameters.overlong == "drop" or not any(tokens.learned[1:]):
                tally.dropped += 1
                continue
            tally.truncated += 1
        tally.kept += 1
        yield tokens


def tokenise_pairs(pairs: Iterable[Pair], tokenizer: Any, parameters: Hyperparameters, tally: Tally) -> Iterator[PairTokens]:
    """The same of pairs, whose two conversations together have at most ``max_tokens``. Truncated, both lose the same beginning, so that
    they still answer one question."""
    _refuse_without_template(tokenizer)
    for pair in pairs:
        both = PairTokens(*(encode(turns, tokenizer) for turns in pair.conversations()))
        if both.size > parameters.max_tokens:
            surplus = (both.size - parameters.max_tokens + 1) // 2
            both = PairTokens(both.preferred.without_first(surplus), both.other.without_first(surplus))
            if parameters.overlong == "drop" or not (any(both.preferred.learned[1:]) and any(both.other.learned[1:])):
                tally.dropped += 1
                continue
            tally.truncated += 1
        tally.kept += 1
        yield both


def _refuse_without_template(tokenizer: Any) -> None:
    if not tokenizer.chat_template:
        raise Unprocessable("The base has no chat template, so nobody knows how it is shown a conversation; use one that is made for chat.")


def encode(turns: Turns, tokenizer: Any) -> Tokens:
    """One conversation as the model is shown it. A token that begins within an answer belongs to it, its end mark included."""
    messages = [_shown(turn) for turn in turns]
    text = _render(tokenizer, messages, asks=False)
    spans = [span for number, turn in enumerate(turns) if turn.learned and (span := _span(tokenizer, messages, number, text))]
    if not spans:
        raise Unprocessable(
            "The chat template of the base shows past answers in another form than the ones to come; they cannot be learned."
        )
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    learned = tuple(any(first <= start < last for first, last in spans) for start, _ in encoded["offset_mapping"])
    return Tokens(tuple(encoded["input_ids"]), learned)


def _span(tokenizer: Any, messages: list[dict[str, Any]], number: int, text: str) -> Span | None:
    """Where the answer stands in ``text``: behind what the model is shown when it is asked for it. None where the template shows it
    otherwise once the conversation has gone on, as some do with thoughts."""
    before = _render(tokenizer, messages[:number], asks=True)
    through = text if number == len(messages) - 1 else _render(tokenizer, messages[: number + 1], asks=False)
    return (len(before), len(through)) if text.startswith(before) and text.startswith(through) else None


def _shown(turn: Turn) -> dict[str, Any]:
    """As engines hand a message to a chat template: that knows no developer, a text always, and arguments of calls as objects."""
    message = turn.message() | {"role": "system" if turn.role == "developer" else turn.role, "content": turn.content or ""}
    if turn.tool_calls:
        message["tool_calls"] = [_call(call) for call in turn.tool_calls]
    return message


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(arguments, str):
        return call
    try:
        return call | {"function": function | {"arguments": json.loads(arguments)}}
    except ValueError:
        # A model wrote it, so it may be no JSON; a template shows it as it is.
        return call


def _render(tokenizer: Any, messages: list[dict[str, Any]], *, asks: bool) -> str:
    if not messages and not asks:
        return ""
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asks))
    except (TemplateError, TypeError) as error:
        raise Unprocessable(
            f"The chat template of the base cannot show one of the conversations ({str(error)[:200]}); leave out what it does not know, "
            "such as calls of tools."
        ) from None

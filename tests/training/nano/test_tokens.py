"""The tokenizer and the chat template of the shipped files."""

from __future__ import annotations

from itertools import islice

import gguf
import pytest
from transformers import AutoTokenizer

from training.nano.corpus import Message, conversations
from training.nano.evaluate import WEIGHTS
from training.nano.export import GGUF
from training.nano.tokens import ANSWER_WORDS, CHAT_TEMPLATE, SPECIALS, render, train_tokenizer

TALK = [Message("system", "Be short."), Message("user", 'Passage: "é" < 3.\n\nWho?'), Message("assistant", "Okan"), Message("user", "Why?")]


@pytest.fixture(scope="module")
def shipped():
    return AutoTokenizer.from_pretrained(WEIGHTS)


@pytest.mark.parametrize("ask_for_answer", [True, False])
def test_the_chat_template_of_the_files_is_the_text_of_training(shipped, ask_for_answer):
    chat = [{"role": message.role, "content": message.text} for message in TALK]
    text = shipped.apply_chat_template(chat, tokenize=False, add_generation_prompt=ask_for_answer)
    assert text == render(TALK, ask_for_answer)


def test_llama_cpp_and_transformers_find_the_same_chat_template():
    field = gguf.GGUFReader(WEIGHTS / GGUF).fields["tokenizer.chat_template"]
    assert field.contents() == (WEIGHTS / "chat_template.jinja").read_text() == CHAT_TEMPLATE


def test_every_marker_is_one_token_and_text_survives_encoding(shipped):
    assert [shipped.encode(marker) for marker in SPECIALS] == [[number] for number in range(len(SPECIALS))]
    for message in TALK:
        assert shipped.decode(shipped.encode(message.text)) == message.text


# The shipped tokenizer is of before what the next test holds to: strict, so that weights with a new one end this exception.
OTHERWISE = pytest.param("awaiting parts", marks=pytest.mark.xfail(strict=True, reason="its space is joined to the 'a' of 'awaiting'"))


@pytest.mark.parametrize("name", ["Tamira Voskel", "Brellhaven", "KX-4096", "waiting for parts", "17,320 crowns", OTHERWISE])
def test_a_name_has_the_same_tokens_at_the_start_of_an_answer_as_inside_a_passage(shipped, name):
    alone, inside = shipped.encode(name), shipped.encode(f"It says {name}.")
    assert any(inside[start : start + len(alone)] == alone for start in range(len(inside)))


def test_in_a_tokenizer_trained_now_so_has_every_word_that_can_be_an_answer():
    tokenizer = train_tokenizer(list(islice(conversations(1, "train"), 3000)), 2048)
    assert tokenizer.get_vocab_size() == 2048
    for word in ANSWER_WORDS:
        alone, inside = tokenizer.encode(word).ids, tokenizer.encode(f"It says {word}.").ids
        assert any(inside[start : start + len(alone)] == alone for start in range(len(inside))), word


def test_a_tokenizer_trained_again_is_the_same_and_has_exactly_the_size_asked_for():
    texts = list(islice(conversations(1, "train"), 300))
    first, second = (train_tokenizer(texts, 700) for _ in range(2))
    assert first.get_vocab_size() == 700
    assert first.to_str() == second.to_str()

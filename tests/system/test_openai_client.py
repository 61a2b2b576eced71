"""The official OpenAI client, unchanged, through every endpoint of a running cluster."""

from __future__ import annotations

import io
import wave

import numpy as np
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.conftest import RunningHearth
from tests.deployments.fixtures.speech import RATE, say
from training.nano.corpus import ABSTENTION, ask

PASSAGE = "Tamira lives in Velmhaven. Okan lives in Sudale."


@pytest.fixture(scope="module")
def client(hearth: RunningHearth):
    with openai.OpenAI(base_url=f"{hearth.base_url}/v1", api_key=hearth.key, timeout=120, max_retries=0) as client:
        yield client


def spoken(words: list[str]) -> io.BytesIO:
    """A WAV file of made-up speech."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((say(words) * 32767).astype("<i2").tobytes())
    file.name = "talk.wav"
    file.seek(0)
    return file


def question(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": ask(PASSAGE, text)}]


def test_every_served_model_is_listed(client: openai.OpenAI):
    local = {"hearth-nano", "all-minilm-l6-v2", "pp-ocrv6", "tiny-clip", "tiny-whisper"}
    graphs = {"agent/answer", "agent/research"}
    assert {model.id for model in client.models.list()} == local | graphs | {"clever", "far/echo"}


def test_a_chat_copies_the_answer_from_the_passage_and_counts_its_tokens(client: openai.OpenAI):
    answer = client.chat.completions.create(model="hearth-nano", messages=question("Where does Okan live?"), temperature=0)
    assert answer.choices[0].message.content == "Sudale"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens >= 2


def test_a_chat_says_when_the_passage_does_not_say(client: openai.OpenAI):
    answer = client.chat.completions.create(
        model="hearth-nano", messages=question("How much does the Plostra engine weigh?"), temperature=0
    )
    assert answer.choices[0].message.content == ABSTENTION


def test_a_stream_is_the_same_answer_in_pieces_with_usage_at_the_end(client: openai.OpenAI):
    chunks = list(
        client.chat.completions.create(
            model="hearth-nano",
            messages=question("Where does Okan live?"),
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Sudale"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens >= 2


def test_a_response_format_is_kept_to(client: openai.OpenAI):
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"town": {"type": "string", "enum": ["Velmhaven", "Sudale"]}},
        "required": ["town"],
    }
    answer = client.chat.completions.create(
        model="hearth-nano",
        messages=question("Where does Okan live?"),
        temperature=0,
        max_tokens=60,
        response_format={"type": "json_schema", "json_schema": {"name": "home", "schema": schema, "strict": True}},
    )
    assert answer.choices[0].message.content is not None
    assert '"town"' in answer.choices[0].message.content


def test_a_raw_completion_goes_on_with_the_prompt(client: openai.OpenAI):
    answer = client.completions.create(model="hearth-nano", prompt="The mayor of", max_tokens=8, temperature=0)
    assert answer.choices[0].text
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 8


def test_embeddings_place_like_beside_like_as_numbers_and_as_base64(client: openai.OpenAI):
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "The invoice was paid twice."]
    floats = client.embeddings.create(model="all-minilm-l6-v2", input=texts, encoding_format="float")
    coded = client.embeddings.create(model="all-minilm-l6-v2", input=texts)  # the client asks for base64 and decodes it
    vectors = np.array([item.embedding for item in floats.data])
    assert np.allclose(vectors, [item.embedding for item in coded.data], atol=1e-6)
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert floats.usage.prompt_tokens > 15


def test_speech_becomes_text_in_every_format(client: openai.OpenAI):
    # The tiny model's int8 weights hear a third word on processors with VNNI only.
    words = ["red", "blue"]

    create = client.audio.transcriptions.create
    assert create(model="tiny-whisper", file=spoken(words), language="en").text.strip() == "red blue"
    plain = create(model="tiny-whisper", file=spoken(words), language="en", response_format="text")
    assert str(plain).strip() == "red blue"
    assert create(model="tiny-whisper", file=spoken(words), language="en", response_format="verbose_json").segments
    assert "-->" in str(create(model="tiny-whisper", file=spoken(words), language="en", response_format="srt"))
    assert str(create(model="tiny-whisper", file=spoken(words), language="en", response_format="vtt")).startswith("WEBVTT")


def test_word_times_are_reported(client: openai.OpenAI):
    heard = client.audio.transcriptions.create(
        model="tiny-whisper",
        file=spoken(["blue", "red"]),
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert heard.words is not None
    assert [word.word.strip() for word in heard.words] == ["blue", "red"]
    assert 0 <= heard.words[0].start < heard.words[1].start <= heard.duration


def test_an_unknown_model_is_404_and_the_nearest_is_named(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError, match="hearth-nano"):
        client.chat.completions.create(model="hearth-nan", messages=question("Where does Okan live?"))


def test_a_prompt_over_the_context_is_413_with_both_counts(client: openai.OpenAI):
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="hearth-nano", messages=[{"role": "user", "content": "word " * 3000}])
    assert refused.value.status_code == 413
    assert "512" in refused.value.message

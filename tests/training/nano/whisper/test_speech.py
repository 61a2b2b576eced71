"""What is said and how it is written down, and that the tests hear nothing that training heard."""

from __future__ import annotations

import random
import wave
from io import BytesIO

import numpy as np
import pytest

from training.nano.whisper.batches import batch
from training.nano.whisper.clips import NOT_ASKED, NOWHERE, clip, noises, utterance
from training.nano.whisper.evaluate import wav
from training.nano.whisper.exam import errors, hearing, recordings, words_of
from training.nano.whisper.mels import extractor, looks, powers
from training.nano.whisper.rooms import in_room, noise, with_noise
from training.nano.whisper.sentences import WORDS, sentence, text
from training.nano.whisper.speech import KEPT_VARIANTS, RATE, VARIANTS, Voice, say, voice
from training.nano.whisper.words import END, MOMENTS, NO_SPEECH, NO_TIMES, START, moment, text_of, token, tokenizer, words_as_tokens

CALM = Voice("en-us+m3", 150, 50, 50)


def test_no_held_out_sentence_is_ever_said_in_training_and_all_its_words_are():
    rng = random.Random(1)
    trained, held_out = ({sentence(rng, split) for _ in range(3000)} for split in ("train", "held_out"))
    assert not trained & held_out
    assert {word for one in held_out for word in words_of(one)} <= {word.lower() for word in WORDS}
    assert 200 < len(WORDS) < 500


def test_a_few_words_come_first_and_sentences_later():
    rng = random.Random(2)
    lengths = [[len(text(rng, ease).split()) for _ in range(300)] for ease in (1.0, 0.0)]
    assert max(lengths[0]) <= 3
    assert np.mean(lengths[1]) > 5


def test_no_voice_of_the_tests_is_a_voice_of_training():
    assert not set(VARIANTS) & set(KEPT_VARIANTS)
    rng = random.Random(3)
    assert {voice(rng, "held_out").name.split("+")[1] for _ in range(100)} == set(KEPT_VARIANTS)


def test_every_word_is_one_token_and_a_text_comes_back():
    for word in WORDS:
        for form in (word, word.capitalize()):
            if "'" not in word:
                assert len(words_as_tokens(form)) == 1, form
    rng = random.Random(4)
    for said in (sentence(rng, "train") for _ in range(200)):
        tokens = words_as_tokens(said)
        assert text_of([id_ for id_, _ in tokens]) == f" {said}"
        assert {word for _, word in tokens} == set(range(len(said.split())))


def test_marks_stand_in_the_order_that_whisper_has_them():
    assert token(END) + 1 == token(START)
    assert token(NO_SPEECH) + 1 == token(NO_TIMES)
    assert (moment(0.0), moment(29.98)) == (token(NO_TIMES) + 1, token("<|29.98|>"))
    assert tokenizer().get_vocab_size() == token(NO_TIMES) + 1 + MOMENTS


def test_words_are_where_they_are_heard():
    said = say("Wednesday, Wednesday, Wednesday.", CALM)
    assert len(said.words) == 3
    assert said.words[0][0] == 0.0
    assert said.words[-1][1] == pytest.approx(len(said.sound) / RATE, abs=0.01)
    # Between two of them is a pause; each begins after it.
    for begin, _ in said.words[1:]:
        before = said.sound[int((begin - 0.1) * RATE) : int((begin - 0.02) * RATE)]
        after = said.sound[int((begin + 0.02) * RATE) : int((begin + 0.2) * RATE)]
        assert np.abs(before).mean() < np.abs(after).mean() / 3


def test_a_faster_voice_needs_less_time_and_the_same_voice_says_the_same():
    slow, fast = (say("The budget is ready.", Voice("en-us+m3", speed, 50, 50)) for speed in (130, 200))
    assert len(fast.sound) < 0.8 * len(slow.sound)
    again = say("The budget is ready.", Voice("en-us+m3", 130, 50, 50))
    # Not to the sample: espeak-ng goes on where it was in its wave.
    assert len(again.sound) == pytest.approx(len(slow.sound), rel=0.01)


def test_what_the_network_sees_is_what_faster_whisper_shows_it():
    sound = say("We will meet in Berlin.", CALM).sound
    np.testing.assert_allclose(looks(powers(sound)), extractor()(sound), atol=1e-4)


def test_a_room_answers_and_noise_is_as_loud_as_it_is_said_to_be():
    rng = random.Random(5)
    click = np.zeros(RATE, dtype=np.float32)
    click[0] = 1.0
    echoed = in_room(click, rng)
    assert echoed[0] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(echoed[16 : RATE // 4]).max() > 0.005
    steady = noise(RATE, rng)
    noisy = with_noise(steady, rng, 20.0, 20.0) - steady
    assert 10 * np.log10((steady**2).mean() / (noisy**2).mean()) == pytest.approx(20.0, abs=0.2)


def test_a_clip_says_what_is_heard_and_where():
    rng = random.Random(6)
    said = [utterance(rng, 0.0) for _ in range(2)]
    for _ in range(20):
        one = clip(said, noises(rng, 1), rng)
        assert one.tokens[-1] == token(END)
        assert text_of(one.tokens[one.tokens.index(token(START)) :]) == "".join(f" {each.text}" for each in said)
        heard = [span for span in one.spans if span != NOWHERE]
        assert max(end for _, end in heard) <= one.looks.shape[1] / 100 + 0.2
        spoken = [span for id_, span in zip(one.tokens, one.spans, strict=True) if span != NOWHERE and id_ < token(END)]
        assert [begin for begin, _ in spoken] == sorted(begin for begin, _ in spoken)


def test_what_the_window_cuts_is_left_to_the_next_one():
    rng = random.Random(7)
    many = [utterance(rng, 0.0) for _ in range(20)]
    one = clip(many, noises(rng, 1), rng)
    assert one.looks.shape[1] == 3000
    assert token(NO_TIMES) not in one.tokens
    assert one.tokens[-2] > token(NO_TIMES)
    assert len(text_of(one.tokens)) < sum(len(each.text) for each in many)


def test_silence_is_marked_as_such():
    rng = random.Random(8)
    assert clip([], noises(rng, 1), rng).tokens == [token(START), token(NO_SPEECH), token(END)]


def test_a_batch_is_to_be_continued_from_where_the_transcript_starts():
    rng = random.Random(9)
    clips = [clip([utterance(rng, 1.0)], noises(rng, 1), rng) for _ in range(40)]
    made = batch(clips, rng, None)
    for row, one in enumerate(clips):
        begin = one.tokens.index(token(START))
        asked = made.labels[row] != NOT_ASKED
        assert not asked[:begin].any()
        text_tokens = [id_ for id_ in one.tokens[begin:] if id_ < token(END)]
        assert [id_ for id_ in made.labels[row][asked].tolist() if id_ < token(END)] == text_tokens
        moments = [id_ for id_ in made.labels[row][asked].tolist() if id_ > token(NO_TIMES)]
        assert moments == [id_ + made.offset for id_ in one.tokens if id_ > token(NO_TIMES)]


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [("a b c", "a b c", 0), ("a b c", "", 3), ("", "a b", 2), ("a b c", "a x c", 1), ("a b c", "b c", 1), ("a b", "a b c", 1)],
)
def test_the_fewest_changes_count(said, heard, wrong):
    assert errors(said.split(), heard.split()) == wrong


def test_an_examination_is_the_same_again_and_marks_words_alone():
    first, again = recordings(3, 3), recordings(3, 3)
    assert [one.text for one in first] == [one.text for one in again]
    texts = iter(one.text.upper().replace(".", "") for one in first)
    assert hearing(lambda _: next(texts), first).rate == 0.0
    assert hearing(lambda _: "", first).rate == 1.0


def test_recordings_are_sent_as_wav():
    with wave.open(BytesIO(wav(np.zeros(RATE, dtype=np.float32)))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE, 1, RATE)

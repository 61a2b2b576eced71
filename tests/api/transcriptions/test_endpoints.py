from __future__ import annotations

import pytest

from api.transcriptions.subtitles import srt, vtt
from cluster.contracts.models import ModelKind, ModelState
from cluster.contracts.perception import Segment, TranscriptionRequest
from cluster.fakes.gateway import ONE_OF_EACH, FakeGateway, fake_model
from cluster.settings import LimitSettings, Settings

URL = "/v1/audio/transcriptions"
FULL = "/api/v1/audio/transcribe"
WAV = {"file": ("a.wav", b"RIFF1234")}
MODEL = {"model": "fake-whisper"}


def segment(start: float, end: float, text: str) -> Segment:
    return Segment(0, text, start, end, (), 0.0, 0.0, 0.0, 0.0)


async def test_json_is_the_default(client):
    answer = (await client.post(URL, data=MODEL, files=WAV)).json()
    assert answer == {"text": "8 bytes of wav.", "usage": {"type": "duration", "seconds": 3.0}}


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("text", "text/plain", "8 bytes"),
        ("srt", "application/x-subrip", "1\n00:00:00,000 --> 00:00:03,000\n8 bytes"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:"),
    ],
)
async def test_text_and_subtitles_are_plain_files(client, form, kind, begins):
    response = await client.post(URL, data=MODEL | {"response_format": form}, files=WAV)
    assert response.headers["content-type"] == f"{kind}; charset=utf-8"
    assert response.text.startswith(begins)


async def test_verbose_json_has_segments_or_words_or_both(client):
    verbose = MODEL | {"response_format": "verbose_json"}
    plain = (await client.post(URL, data=verbose, files=WAV)).json()
    assert plain["segments"][0]["text"] == " 8 bytes of wav."
    assert plain["words"] is None
    words = (await client.post(URL, data=verbose | {"timestamp_granularities[]": "word"}, files=WAV)).json()
    assert words["segments"] is None
    assert words["words"][0] == {"word": "8", "start": 0.0, "end": 1.0, "probability": 0.9}
    both = (await client.post(URL, data=verbose | {"timestamp_granularities[]": ["word", "segment"]}, files=WAV)).json()
    assert both["segments"]
    assert both["words"]


async def test_everything_known_comes_from_a_form_or_a_raw_body(client, gateway):
    formed = (await client.post(FULL, data={"word_timestamps": "true", "vad": "false", "task": "translate"}, files=WAV)).json()
    raw = await client.post(f"{FULL}?language=de", content=b"RIFF1234", headers={"Content-Type": "audio/wav"})
    assert formed["status"] == "success"
    assert formed["data"]["words"][1]["word"] == "bytes"
    assert raw.json()["data"]["language"] == "de"
    first, second = gateway.asked_for(TranscriptionRequest)
    assert (first.word_timestamps, first.vad, first.task) == (True, False, "translate")
    assert (second.word_timestamps, second.vad, second.task) == (False, True, "transcribe")


async def test_the_model_may_be_left_out_only_where_there_is_one(in_process, error):
    gateway = FakeGateway(served=[*ONE_OF_EACH, fake_model("second", ModelKind.TRANSCRIPTION)])
    async with in_process(gateway) as client:
        several = await client.post(FULL, files=WAV)
    assert several.status_code == 400
    assert "fake-whisper, second" in error(several)["message"]
    async with in_process(FakeGateway(served=[])) as client:
        assert (await client.post(FULL, files=WAV)).status_code == 404


@pytest.mark.parametrize(
    ("larger", "expected"), [(ModelState.NOT_PULLED, "small"), (ModelState.IDLE, "larger")], ids=["not pulled", "pulled"]
)
async def test_left_out_it_is_the_one_that_answers_and_a_nano_model_only_beside_no_other(in_process, larger, expected):
    small = fake_model("small", ModelKind.TRANSCRIPTION, nano=True)
    gateway = FakeGateway(served=[small, fake_model("larger", ModelKind.TRANSCRIPTION, state=larger)])
    async with in_process(gateway) as client:
        assert (await client.post(FULL, files=WAV)).status_code == 200
    assert gateway.asked_for(TranscriptionRequest)[0].model == expected


@pytest.mark.parametrize(
    ("data", "files", "status", "param"),
    [
        ({}, WAV, 400, "model"),
        (MODEL, None, 415, None),
        (MODEL, {"sound": ("a.wav", b"RIFF")}, 400, "sound"),
        (MODEL, {"file": ("a.wav", b"")}, 422, "file"),
        (MODEL | {"file": "text"}, {"other": (None, "x")}, 400, "file"),
        (MODEL, [("file", ("a.wav", b"RIFF")), ("file", ("b.wav", b"RIFF"))], 400, None),
        (MODEL | {"temperature": "hot"}, WAV, 400, "temperature"),
        (MODEL | {"temperature": "nan"}, WAV, 400, "temperature"),
        (MODEL | {"temperature": "1e400"}, WAV, 400, "temperature"),
        (MODEL | {"language": "English"}, WAV, 400, "language"),
        (MODEL | {"language": ["de", "en"]}, WAV, 400, "language"),
        (MODEL | {"prompt": "a\x00b"}, WAV, 400, "prompt"),
        (MODEL | {"response_format": "xml"}, WAV, 400, "response_format"),
        (MODEL | {"timestamp_granularities[]": "word"}, WAV, 400, "timestamp_granularities[]"),
        (MODEL | {"stream": "true"}, WAV, 400, "stream"),
        (MODEL | {"include[]": "logprobs"}, WAV, 400, "include[]"),
        (MODEL | {"speed": "2"}, WAV, 400, "speed"),
        (MODEL, {"file": ("a.wav", b"not a sound")}, 415, None),
        ({"model": "fake-llm"}, WAV, 404, None),
    ],
)
async def test_what_cannot_be_meant_is_refused(client, error, data, files, status, param):
    response = await client.post(URL, data=data, files=files)
    assert response.status_code == status
    assert error(response)["param"] == param


async def test_a_form_without_a_boundary_or_cut_short_is_refused(client, error):
    without = await client.post(URL, content=b"--x\r\n", headers={"Content-Type": "multipart/form-data"})
    assert without.status_code == 400
    error(without)
    first = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nfake-whisper\r\n'
    second = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a'
    cut = await client.post(URL, content=first + second, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert cut.status_code == 400
    error(cut)


async def test_other_content_types_are_refused(client, error):
    for url in (URL, FULL):
        response = await client.post(url, json={})
        assert response.status_code == 415
        assert "application/json" in error(response)["message"]


async def test_a_large_file_is_refused_naming_size_limit_and_setting(in_process, gateway, error):
    async with in_process(gateway, Settings(limits=LimitSettings(audio_bytes=10))) as client:
        formed = await client.post(URL, data=MODEL, files={"file": ("a.wav", b"RIFF" + b"x" * 20)})
        raw = await client.post(FULL, content=b"RIFF" + b"x" * 20, headers={"Content-Type": "audio/wav"})
    for response in (formed, raw):
        assert response.status_code == 413
        assert "24 bytes, at most 10" in error(response)["message"]
        assert "limits.audio_bytes" in error(response)["message"]
    assert gateway.asked_for(TranscriptionRequest) == []


async def test_models_and_health_say_what_takes_sound(client):
    models = (await client.get("/api/v1/audio/models")).json()["data"]
    assert [model["id"] for model in models] == ["fake-whisper"]
    health = (await client.get("/api/v1/audio/health")).json()["data"]
    assert (health["healthy"], health["concurrent_tasks"]) == (True, 2)
    assert set(health["formats"]) == {"mp3", "wav", "flac", "aac", "ogg", "webm", "m4a"}


def test_subtitles_write_hours_and_milliseconds():
    cues = srt([segment(3661.5, 3662.0004, "one"), segment(3663.0, 3664.9996, "two")])
    assert cues == "1\n01:01:01,500 --> 01:01:02,000\none\n\n2\n01:01:03,000 --> 01:01:05,000\ntwo\n"


def test_subtitles_keep_text_from_becoming_markup():
    assert "a &lt;b&gt; &amp; c" in vtt([segment(0, 1, "a <b> & c")])
    assert vtt([segment(0, 1, "x\n\n00:01 --> 00:02")]).count("-->") == 1

"""Training: the loss falls, and what is exported is what was trained."""

from __future__ import annotations

import random
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from cluster.contracts.models import ModelKind
from cluster.contracts.perception import TranscriptionRequest
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import BadInput, ConfigError
from deployments.engines.faster_whisper import FasterWhisper
from tests.training.nano.whisper.small import SPEC
from training.nano.whisper.batches import Batch, batch
from training.nano.whisper.clips import Utterance, clip, noises, utterance
from training.nano.whisper.export import export
from training.nano.whisper.mels import powers
from training.nano.whisper.run import WhisperRun
from training.nano.whisper.spec import POSITIONS, WhisperSpec
from training.nano.whisper.speech import Said, Voice, say

SENTENCE = "Anna will send the budget to Felix."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a run that has its spec and has not begun."""
    place = tmp_path / "run"
    place.mkdir()
    SPEC.save(place)
    return place


def said(text: str = SENTENCE) -> Said:
    return say(text, Voice("en-us+m3", 165, 50, 50))


def spoken(whole: bool = False) -> Batch:
    """Four clips of one utterance each."""
    rng = random.Random(1)
    heard = noises(rng, 2)
    return batch([clip([utterance(rng, 1.0)], heard, rng) for _ in range(4)], rng, POSITIONS if whole else None)


def test_a_few_steps_teach_what_is_said_and_where_to_look(folder):
    run, clips = WhisperRun(SPEC, folder, "cpu"), spoken()
    figures = [run.update(clips) for _ in range(60)]
    assert figures[-1]["words"] < figures[0]["words"] / 3
    assert figures[-1]["where"] < figures[0]["where"] / 2
    assert figures[-1]["sounds"] < figures[0]["sounds"] / 2
    assert (run.step, run.seen) == (60, 240)


def test_a_spec_that_is_none_is_named(folder):
    (folder / "run.json").write_text('{"tokens_per_step": 512}')
    with pytest.raises(ConfigError, match=r"run\.json does not describe a run of the nano Whisper"):
        WhisperSpec.load(folder)


def test_short_clips_are_encoded_as_transformers_encodes_whole_windows(folder):
    model, looks = WhisperRun(SPEC, folder, "cpu").model, torch.randn(1, 80, 2 * POSITIONS)
    with torch.inference_mode():
        ours, theirs = model.encoded(looks), model.whisper.model.encoder(looks).last_hidden_state
    torch.testing.assert_close(ours, theirs)


def test_the_engine_that_serves_writes_what_the_run_writes_and_when(folder, tmp_path):
    """Taught one sentence by heart, which is all that a few seconds teach."""
    with pytest.raises(FileNotFoundError, match="train first"):
        export(folder, tmp_path / "out")
    spec = SPEC.model_copy(update={"muon_rate": 0.03, "adam_rate": 0.005})
    run, one, rng = WhisperRun(spec, folder, "cpu"), said(), random.Random(2)
    heard = Utterance(one.text, np.log10(np.maximum(powers(one.sound), 1e-7)).astype(np.float16), one.words, one.sounds)
    clips = batch([clip([heard], noises(rng, 1), rng) for _ in range(4)], rng, POSITIONS)
    # Sure of the full stop, which has no sound, and not yet of an early end.
    for _ in range(75):
        run.update(clips)
    run.save()
    export(folder, tmp_path / "out")
    assert (tmp_path / "out" / "model.bin").stat().st_size < 1_500_000
    engine = FasterWhisper(
        ReplicaSpec(
            model="nano-whisper",
            kind=ModelKind.TRANSCRIPTION,
            engine="faster_whisper",
            path=str(tmp_path / "out"),
            dtype="float32",
            device="cpu",
            budget_bytes=0,
            device_bytes=0,
            threads=1,
            max_tasks=1,
        )
    )
    assert run.heard(one.sound).strip() == SENTENCE
    found = engine.transcribe(one.sound, TranscriptionRequest("nano-whisper", b"", word_timestamps=True, vad=False), threading.Event())
    assert " ".join(segment.text.strip() for segment in found.segments) == SENTENCE
    words = [word for segment in found.segments for word in segment.words]
    assert [word.text.strip() for word in words] == SENTENCE.split()
    assert all(later.start >= earlier.start for earlier, later in pairwise(words))
    with pytest.raises(BadInput, match="hears English only"):
        engine.transcribe(one.sound, TranscriptionRequest("nano-whisper", b"", task="translate"), threading.Event())
    engine.close()


def test_an_untrained_network_hears_nothing(folder):
    assert WhisperRun(SPEC, folder, "cpu").hears(1, 2).rate >= 0.9

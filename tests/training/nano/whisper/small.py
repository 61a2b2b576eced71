"""A nano Whisper small enough for a test."""

from __future__ import annotations

from training.nano.whisper.spec import WhisperShape, WhisperSpec

SHAPE = WhisperShape(width=64, heads=2, inner=128, encoder_layers=1, decoder_layers=2)
SPEC = WhisperSpec(
    minutes=60, shape=SHAPE, seconds=8, kept=8, fresh=1, warmup_steps=2, checkpoint_seconds=0.001, exam_seconds=3600, log_steps=1
)

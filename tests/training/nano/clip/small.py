"""A nano CLIP small enough for a test."""

from __future__ import annotations

from training.nano.clip.spec import ClipShape, ClipSpec

SHAPE = ClipShape(width=48, heads=2, image_layers=1, text_layers=1, dimensions=32)
SPEC = ClipSpec(minutes=60, shape=SHAPE, pairs=16, warmup_steps=2, producers=0, checkpoint_seconds=0.001, exam_seconds=3600, log_steps=1)

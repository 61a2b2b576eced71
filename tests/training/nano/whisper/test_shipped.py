"""The shipped weights: what their card promises, measured on speech made for this run of the tests."""

from __future__ import annotations

import hashlib
import random

from training.nano.export import SUMS
from training.nano.whisper.evaluate import SHIPPED, exported
from training.nano.whisper.exam import BAR, hearing, recordings


def test_the_shipped_weights_hear_unseen_sentences_in_unseen_voices():
    seed = random.SystemRandom().randrange(10**6)
    with exported(SHIPPED) as ear:
        assert hearing(ear, recordings(seed, 25)).rate <= BAR, f"seed {seed}"


def test_shipped_files_are_whole():
    for line in (SHIPPED / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest, name

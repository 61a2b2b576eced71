"""The shipped weights: what their card promises, measured on scenes drawn for this run of the tests."""

from __future__ import annotations

import hashlib
import random

from training.nano.clip.evaluate import SHIPPED, exported
from training.nano.clip.exam import BAR, recall
from training.nano.export import SUMS


def test_the_shipped_weights_find_pictures_of_unseen_combinations():
    seed = random.SystemRandom().randrange(10**6)
    with exported(SHIPPED) as eyes:
        assert recall(eyes, seed, 2) >= BAR, f"seed {seed}"


def test_shipped_files_are_whole():
    for line in (SHIPPED / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest, name

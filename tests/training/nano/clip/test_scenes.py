"""What is drawn, what is said of it, and that the tests see nothing that training saw."""

from __future__ import annotations

import random

import numpy as np
import pytest

from training.nano.clip.captions import OPENINGS_OF_SEVERAL, caption, vocabulary
from training.nano.clip.pairs import tokens_of
from training.nano.clip.pictures import PAINTS, picture
from training.nano.clip.scenes import KINDS, Scene, Thing, different, draw_scene
from training.nano.clip.spec import TEXT_TOKENS

RED_STAR = Thing("big", "plain", "red", "star")
BLUE_RING = Thing("big", "plain", "blue", "ring")


def middle_of(scene: Scene, colour: str) -> tuple[float, float]:
    """Where the colour is in the picture, across and down, from 0 to 1."""
    pixels = np.asarray(picture(scene, random.Random(1), 96), np.float32)
    rows, columns = np.nonzero(np.abs(pixels - np.array(PAINTS[colour])).max(axis=2) < 30)
    assert len(rows) > 40
    return float(columns.mean()) / 96, float(rows.mean()) / 96


def test_no_look_of_a_held_out_scene_is_ever_shown_in_training():
    rng = random.Random(1)
    looks = [{thing.look for _ in range(2000) for thing in draw_scene(rng, split).things} for split in ("train", "held_out")]
    assert not looks[0] & looks[1]
    assert min(map(len, looks)) > 50
    shown, unseen = ({word for look in those for word in look.split()} for those in looks)
    assert unseen <= shown


def test_every_kind_of_scene_comes_and_none_twice_among_different_ones():
    scenes = different(random.Random(2), "train", 300)
    assert {scene.kind for scene in scenes} == set(KINDS)
    assert len(set(scenes)) == 300
    assert all(scene.things[0].look != scene.things[1].look for scene in scenes if scene.kind == "pair")


def test_every_word_of_every_caption_is_a_token_and_all_fit():
    rng, known = random.Random(3), set(vocabulary())
    captions = [caption(draw_scene(rng, "train"), rng) for _ in range(3000)]
    assert {word for text in captions for word in text.lower().split()} <= known
    rows = tokens_of(captions)
    assert rows.shape == (3000, TEXT_TOKENS)
    # CLIP reads what stands at the highest id.
    assert all(row.argmax() == len(text.split()) + 1 for row, text in zip(rows, captions, strict=True))


def test_the_same_scene_is_said_in_many_ways():
    scene = Scene("pair", (RED_STAR, BLUE_RING), "grey", "left of")
    said = {caption(scene, random.Random(seed)) for seed in range(1000)}
    assert len(said) > 300
    assert any("big red star left of a" in text for text in said)
    assert any("blue ring to the right of a" in text for text in said)
    several = {caption(Scene("several", (RED_STAR,), "grey", count=3), random.Random(seed)) for seed in range(100)}
    assert all(text.startswith(OPENINGS_OF_SEVERAL) and "three" in text and "stars" in text for text in several)


@pytest.mark.parametrize(("where", "across", "down"), [("left of", -1, 0), ("right of", 1, 0), ("above", 0, -1), ("below", 0, 1)])
def test_the_first_of_two_stands_where_it_is_said_to(where, across, down):
    scene = Scene("pair", (RED_STAR, BLUE_RING), "sand", where)
    first, second = middle_of(scene, "red"), middle_of(scene, "blue")
    along = (first[0] - second[0]) * across + (first[1] - second[1]) * down
    aside = (first[0] - second[0]) * down + (first[1] - second[1]) * across
    assert along > 0.3
    assert abs(aside) < 0.2


def test_a_picture_is_the_same_again_and_another_with_other_chances():
    scene = Scene("single", (RED_STAR,), "mint", "top left")
    first, again, other = (np.asarray(picture(scene, random.Random(seed))) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert max(middle_of(scene, "red")) < 0.4

"""What can be said of a scene, in many phrasings. Each names all that tells its scene from others, but for the ground, which it may leave
out."""

from __future__ import annotations

import random

from training.nano.clip.scenes import COLOURS, GROUNDS, PLACES, RELATIONS, SHAPES, SIZES, TEXTURES, Scene, Thing

NUMBERS = {2: "two", 3: "three", 4: "four"}
SIZE_WORDS = {"small": ("small", "little", "tiny"), "big": ("big", "large", "huge")}
TEXTURE_WORDS = {"plain": ("plain", ""), "striped": ("striped",), "dotted": ("dotted", "spotted"), "checked": ("checked", "chequered")}
PLURALS = {"cross": "crosses"}
OPENINGS = ("", "a picture of ", "an image of ", "I see ", "this shows ", "a drawing of ", "there is ")
OPENINGS_OF_SEVERAL = (*OPENINGS[:-1], "there are ")
GROUND_WORDS = ("on a {} background", "on {}", "in front of {}", "on a {} ground")
PLACE_WORDS = {
    "middle": ("in the middle", "in the centre", "at the centre"),
    **{place: (f"in the {place} corner", f"at the {place}", f"in the {place}") for place in PLACES if place != "middle"},
}
RELATION_WORDS = {
    "left of": ("left of", "to the left of", "on the left side of"),
    "right of": ("right of", "to the right of", "on the right side of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "under", "beneath"),
}
CONVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def caption(scene: Scene, rng: random.Random) -> str:
    """One of the phrasings of ``scene``, in lower case but for "I"."""
    opening = rng.choice(OPENINGS_OF_SEVERAL if scene.kind == "several" else OPENINGS)
    said = f"{opening}{_said(scene, rng)}"
    if rng.random() < 0.5:
        said = f"{said} {rng.choice(GROUND_WORDS).format(scene.ground)}"
    return said


def _said(scene: Scene, rng: random.Random) -> str:
    if scene.kind == "several":
        thing = scene.things[0]
        words = (NUMBERS[scene.count], *_adjectives(thing, rng), PLURALS.get(thing.shape, f"{thing.shape}s"))
        return " ".join(filter(None, words))
    if scene.kind == "single":
        return f"{_one(scene.things[0], rng)} {rng.choice(PLACE_WORDS[scene.where])}"
    first, second = scene.things
    if rng.random() < 0.5:
        return f"{_one(first, rng)} {rng.choice(RELATION_WORDS[scene.where])} {_one(second, rng)}"
    return f"{_one(second, rng)} {rng.choice(RELATION_WORDS[CONVERSE[scene.where]])} {_one(first, rng)}"


def _one(thing: Thing, rng: random.Random) -> str:
    return " ".join(filter(None, ("a", *_adjectives(thing, rng), thing.shape)))


def _adjectives(thing: Thing, rng: random.Random) -> tuple[str, str, str]:
    return rng.choice(SIZE_WORDS[thing.size]), rng.choice(TEXTURE_WORDS[thing.texture]), thing.colour


def vocabulary() -> list[str]:
    """Every word of every caption, in lower case, sorted."""
    phrases = [
        *OPENINGS,
        *OPENINGS_OF_SEVERAL,
        *(words.format("") for words in GROUND_WORDS),
        *NUMBERS.values(),
        *COLOURS,
        *GROUNDS,
        *SHAPES,
        *(PLURALS.get(shape, f"{shape}s") for shape in SHAPES),
        *(word for words in (SIZE_WORDS, TEXTURE_WORDS, PLACE_WORDS, RELATION_WORDS) for choices in words.values() for word in choices),
        *SIZES,
        *TEXTURES,
        *RELATIONS,
        "a",
        "the",
    ]
    return sorted({word for phrase in phrases for word in phrase.lower().split()})

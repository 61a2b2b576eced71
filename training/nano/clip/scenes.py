"""What a scene is, and which scenes are never shown in training.

    a big striped red star in the top left corner          one thing somewhere
    three small blue rings                                 several of the same
    a big plain green cross above a small dotted pink ring two things and how they stand to each other

A look (texture, colour and shape together) belongs to training or to the tests for ever, by its name alone; so a held-out scene is made of
combinations that no training picture had, of words that all did.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from training.nano.corpus.splits import Split, split_of

Kind = Literal["single", "several", "pair"]

COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white")
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "diamond", "hexagon")
TEXTURES = ("plain", "striped", "dotted", "checked")
SIZES = ("small", "big")
GROUNDS = ("grey", "navy", "mint", "sand", "lilac")
PLACES = ("top left", "top right", "bottom left", "bottom right", "middle")
RELATIONS = ("left of", "right of", "above", "below")
KINDS: tuple[Kind, ...] = ("single", "several", "pair")
MOST = 4


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to see."""

    size: str
    texture: str
    colour: str
    shape: str

    @property
    def look(self) -> str:
        """What its split goes by."""
        return f"{self.texture} {self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Scene:
    """``where``: a place of the single thing, or the relation of the first of a pair to the second; empty for several. ``count``: of the
    first thing."""

    kind: Kind
    things: tuple[Thing, ...]
    ground: str
    where: str = ""
    count: int = 1


def draw_scene(rng: random.Random, split: Split) -> Scene:
    """Any scene whose looks all belong to ``split``."""
    kind, ground = rng.choice(KINDS), rng.choice(GROUNDS)
    if kind == "single":
        return Scene(kind, (draw_thing(rng, split),), ground, rng.choice(PLACES))
    if kind == "several":
        return Scene(kind, (draw_thing(rng, split),), ground, count=rng.randint(2, MOST))
    first, second = draw_thing(rng, split), draw_thing(rng, split)
    while second.look == first.look:
        second = draw_thing(rng, split)
    return Scene(kind, (first, second), ground, rng.choice(RELATIONS))


def draw_thing(rng: random.Random, split: Split) -> Thing:
    while True:
        thing = Thing(rng.choice(SIZES), rng.choice(TEXTURES), rng.choice(COLOURS), rng.choice(SHAPES))
        if split_of(thing.look) == split:
            return thing


def different(rng: random.Random, split: Split, count: int) -> list[Scene]:
    """So many scenes, of which no two are the same."""
    found = dict[Scene, None]()
    while len(found) < count:
        found[draw_scene(rng, split)] = None
    return list(found)

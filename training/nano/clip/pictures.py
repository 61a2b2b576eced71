"""Scenes as pictures: shapes with a texture on a ground, drawn twice as large as they are shown, so that their edges are smooth."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from PIL import Image, ImageDraw

from training.nano.clip.scenes import Scene, Thing

Point = tuple[float, float]
Colour = tuple[int, int, int]

PAINTS: dict[str, Colour] = {
    "red": (214, 40, 40),
    "green": (34, 160, 62),
    "blue": (40, 78, 220),
    "yellow": (248, 222, 34),
    "orange": (247, 134, 20),
    "purple": (126, 44, 168),
    "pink": (250, 150, 190),
    "brown": (122, 74, 38),
    "black": (16, 16, 16),
    "white": (252, 252, 252),
    "grey": (150, 150, 150),
    "navy": (28, 36, 84),
    "mint": (170, 226, 196),
    "sand": (226, 206, 160),
    "lilac": (200, 176, 224),
}
SMOOTH = 2  # pixels drawn for one that is shown, each way
# Of the picture's side: half the width of a big thing and of a small one, where they stand alone.
RADII = {"big": 0.2, "small": 0.115}
# Several of the same take less room each.
CROWDED = 0.8
CENTRES: dict[str, Point] = {
    "top left": (0.25, 0.25),
    "top right": (0.75, 0.25),
    "bottom left": (0.25, 0.75),
    "bottom right": (0.75, 0.75),
    "middle": (0.5, 0.5),
}
# Of the first of two; the second stands on the other side of the middle.
SIDES: dict[str, Point] = {"left of": (-0.25, 0.0), "right of": (0.25, 0.0), "above": (0.0, -0.25), "below": (0.0, 0.25)}
CORNERS = {"square": (4, 45.0), "diamond": (4, 0.0), "triangle": (3, -90.0), "hexagon": (6, 0.0)}


def picture(scene: Scene, rng: random.Random, side: int = 96) -> Image.Image:
    """An RGB picture of ``side`` x ``side`` pixels; place, size and turn vary a little with ``rng``."""
    large = side * SMOOTH
    image = Image.new("RGB", (large, large), _near(PAINTS[scene.ground], rng, 8))
    for thing, centre, scale in _placed(scene, rng):
        _put(image, thing, (centre[0] * large, centre[1] * large), RADII[thing.size] * scale * large * rng.uniform(0.9, 1.1), rng)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _placed(scene: Scene, rng: random.Random) -> list[tuple[Thing, Point, float]]:
    if scene.kind == "several":
        # One in each of as many quarters of the picture.
        quarters = rng.sample([place for name, place in CENTRES.items() if name != "middle"], scene.count)
        return [(scene.things[0], _about(place, rng, 0.04), CROWDED) for place in quarters]
    if scene.kind == "single":
        return [(scene.things[0], _about(CENTRES[scene.where], rng, 0.04), 1.0)]
    across, down = SIDES[scene.where]
    first, second = scene.things
    # Beside each other they may stand a little higher or lower, but never so much that it is not clear which side is meant.
    return [
        (first, _about((0.5 + across, 0.5 + down), rng, 0.05), 1.0),
        (second, _about((0.5 - across, 0.5 - down), rng, 0.05), 1.0),
    ]


def _put(image: Image.Image, thing: Thing, centre: Point, radius: float, rng: random.Random) -> None:
    """Paints a square of texture through the shape."""
    colour = _near(PAINTS[thing.colour], rng, 10)
    reach = math.ceil(radius * 1.3)
    mask = Image.new("L", (2 * reach, 2 * reach), 0)
    _outline(ImageDraw.Draw(mask), thing.shape, (reach, reach), radius)
    image.paste(_texture(thing.texture, colour, 2 * reach, radius), (round(centre[0]) - reach, round(centre[1]) - reach), mask)


def _outline(pen: ImageDraw.ImageDraw, shape: str, centre: Point, radius: float) -> None:
    x, y = centre
    if shape in {"circle", "ring"}:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        if shape == "ring":
            inner = radius * 0.5
            pen.ellipse((x - inner, y - inner, x + inner, y + inner), fill=0)
    elif shape == "cross":
        arm = radius * 0.36
        pen.rectangle((x - radius, y - arm, x + radius, y + arm), fill=255)
        pen.rectangle((x - arm, y - radius, x + arm, y + radius), fill=255)
    elif shape == "star":
        pen.polygon(_corners(centre, [radius * 1.15, radius * 0.48] * 5, -90.0), fill=255)
    else:
        count, turn = CORNERS[shape]
        pen.polygon(_corners(centre, [radius * 1.1] * count, turn), fill=255)


def _corners(centre: Point, radii: Sequence[float], turn: float) -> list[Point]:
    """Points around ``centre`` at equal angles, from ``turn`` degrees on."""
    angles = [math.radians(turn + 360 * number / len(radii)) for number in range(len(radii))]
    return [
        (centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)) for radius, angle in zip(radii, angles, strict=True)
    ]


def _texture(name: str, colour: Colour, side: int, radius: float) -> Image.Image:
    """A square of the colour; what is on it is lighter, or darker where the colour is light."""
    square, step = Image.new("RGB", (side, side), colour), max(3.0, radius / 2.6)
    if name == "plain":
        return square
    towards = 0 if sum(colour) > 400 else 255
    other = (_mixed(colour[0], towards), _mixed(colour[1], towards), _mixed(colour[2], towards))
    pen, half = ImageDraw.Draw(square), step / 2
    lines = [number * step for number in range(math.ceil(side / step) + 1)]
    if name == "striped":
        for at in lines:
            pen.rectangle((0, at, side, at + half), fill=other)
    elif name == "dotted":
        for x in lines:
            for y in lines:
                pen.ellipse((x, y, x + half, y + half), fill=other)
    else:
        for row, y in enumerate(lines):
            for column, x in enumerate(lines):
                if (row + column) % 2:
                    pen.rectangle((x, y, x + step, y + step), fill=other)
    return square


def _mixed(value: int, towards: int) -> int:
    return round(0.35 * value + 0.65 * towards)


def _near(colour: Colour, rng: random.Random, most: int) -> Colour:
    red, green, blue = (min(255, max(0, value + rng.randint(-most, most))) for value in colour)
    return red, green, blue


def _about(place: Point, rng: random.Random, most: float) -> Point:
    return place[0] + rng.uniform(-most, most), place[1] + rng.uniform(-most, most)

"""A graph as a PNG: grandalf places the nodes in layers, Pillow draws them. Neither needs a browser or a program outside."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout
from grandalf.routing import EdgeViewer, route_with_lines

from cluster.errors import BadInput, Unavailable
from cluster.graphs.drawing import COLOURS, States, caption, shortened
from cluster.graphs.structure import ways_of
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import END

BEGIN, FINISH = "", END
FONT_PX, PAD, LINE_PX = 14, 12, 18
LETTER_PX = 8.0
LAYER_GAP, SIDE_GAP, MARGIN, HEAD = 48, 36, 24, 8
MOST_PIXELS = 60_000_000
BLACK, GREY, RED, WHITE = "#1f2328", "#6a737d", "#b3261e", "#ffffff"
# Fill of nodes that people, models and code see to.
FILLS: Mapping[str, str] = {"human": "#fff3d6", "llm": "#e6ecff", "vision": "#e6ecff", "audio": "#e6ecff", "tool": "#e3f4ef"}
Point = tuple[float, float]


@dataclass(slots=True)
class Box:
    """A node to be placed; ``xy`` is its middle, as grandalf has it."""

    lines: Sequence[str]
    fill: str
    line: str
    w: float
    h: float
    xy: Point = (0.0, 0.0)
    round: bool = False


@dataclass(frozen=True, slots=True)
class _Arrow:
    begin: str
    to: str
    label: str
    error: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands: nodes by name (``""`` is the start), and the points of every arrow."""

    boxes: Mapping[str, Box]
    paths: Mapping[_Arrow, list[Point]]
    width: int
    height: int


def lay_out(spec: GraphSpec, states: States | None = None) -> Layout:
    boxes, arrows = _boxes(spec, states or {}), _arrows(spec)
    paths = _placed(boxes, arrows)
    return Layout(boxes, paths, *_moved(boxes, paths))


def draw(spec: GraphSpec, states: States | None = None, *, most_pixels: int = MOST_PIXELS) -> bytes:
    """Raises Unavailable where Pillow is not installed, BadInput where the picture would be too large."""
    try:
        from PIL import Image, ImageDraw, ImageFont  # part of the extras `ingest` and `vision`
    except ImportError:
        raise Unavailable(
            "A picture needs Pillow, which is not installed: `pip install pillow`; the text of Mermaid needs nothing."
        ) from None
    layout = lay_out(spec, states)
    if layout.width * layout.height > most_pixels:
        raise BadInput("The graph is too large for a picture; draw it as text of Mermaid, or put parts of it into graphs of their own.")
    image = Image.new("RGB", (layout.width, layout.height), WHITE)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_PX)
    for arrow, path in layout.paths.items():
        _draw_arrow(pen, arrow, path)
    for arrow, path in layout.paths.items():
        _draw_label(pen, font, arrow, path)
    for box in layout.boxes.values():
        _draw_box(pen, font, box)
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _boxes(spec: GraphSpec, states: States) -> dict[str, Box]:
    boxes = {BEGIN: _box(["start"], WHITE, GREY, rounded=True)}
    for name, node in spec.nodes.items():
        fill, line = COLOURS.get(states.get(name, ""), (FILLS.get(node.kind, "#f6f8fa"), GREY))
        boxes[name] = _box([shortened(text) for text in caption(name, node)], fill, line, rounded=node.kind in ("router", "join", "wait"))
    return {**boxes, FINISH: _box([END], WHITE, GREY, rounded=True)}


def _box(lines: list[str], fill: str, line: str, *, rounded: bool) -> Box:
    width = max(len(text) for text in lines) * LETTER_PX + 2 * PAD
    return Box(lines, fill, line, max(width, 60), len(lines) * LINE_PX + 2 * PAD, round=rounded)


def _arrows(spec: GraphSpec) -> list[_Arrow]:
    arrows = [_Arrow(BEGIN, name, "", error=False) for name in dict.fromkeys(spec.starts) if name in spec.nodes]
    for name, leaving in ways_of(spec).items():
        arrows += [
            _Arrow(name, way.to, shortened(way.label), error=way.kind == "error")
            for way in leaving
            if way.to in spec.nodes or way.to == END
        ]
    return list(dict.fromkeys(arrows))


def _placed(boxes: Mapping[str, Box], arrows: Sequence[_Arrow]) -> dict[_Arrow, list[Point]]:
    """Places the boxes, and gives the way of every arrow."""
    vertices = {name: Vertex(name) for name in boxes}
    for name, vertex in vertices.items():
        vertex.view = boxes[name]
    edges: dict[tuple[str, str], Any] = {}
    for arrow in arrows:
        if arrow.begin != arrow.to:
            edges.setdefault((arrow.begin, arrow.to), Edge(vertices[arrow.begin], vertices[arrow.to]))
    for edge in edges.values():
        edge.view = EdgeViewer()
    try:
        _arrange(Graph(list(vertices.values()), list(edges.values())), vertices[BEGIN])
    except RecursionError:
        raise BadInput("The graph is too large for a picture; draw it as text of Mermaid.") from None
    return {arrow: _path(boxes, arrow, edges.get((arrow.begin, arrow.to))) for arrow in arrows}


def _arrange(graph: Any, begin: Any) -> None:
    right = 0.0
    for component in graph.C:
        layout = SugiyamaLayout(component)
        layout.xspace, layout.yspace, layout.route_edge = SIDE_GAP, LAYER_GAP, route_with_lines
        roots = [begin] if begin in component.sV else [vertex for vertex in component.sV if not vertex.e_in()] or [next(iter(component.sV))]
        layout.init_all(roots=roots)
        layout.draw(4)
        views = [vertex.view for vertex in component.sV]
        left = min(view.xy[0] - view.w / 2 for view in views)
        for view in views:
            view.xy = (view.xy[0] - left + right, view.xy[1])
        for edge in component.sE:
            points = getattr(edge.view, "_pts", [])
            edge.view.setpath([(x - left + right, y) for x, y in points])
        right = max(view.xy[0] + view.w / 2 for view in views) + 2 * SIDE_GAP


def _path(boxes: Mapping[str, Box], arrow: _Arrow, edge: Any) -> list[Point]:
    box = boxes[arrow.begin]
    if edge is None:  # to itself
        x, y = box.xy[0] + box.w / 2, box.xy[1]
        return [(x, y - 10), (x + 28, y - 10), (x + 28, y + 10), (x, y + 10)]
    points = [(float(x), float(y)) for x, y in edge.view._pts]
    begin, end = boxes[arrow.begin], boxes[arrow.to]
    inner = points[1:-1]
    first, last = (inner[0], inner[-1]) if inner else (end.xy, begin.xy)
    return [_border(begin, first), *inner, _border(end, last)]


def _border(box: Box, towards: Point) -> Point:
    """Where the line from the middle of the box to ``towards`` leaves it."""
    (x, y), (dx, dy) = box.xy, (towards[0] - box.xy[0], towards[1] - box.xy[1])
    far = max(abs(dx) / (box.w / 2), abs(dy) / (box.h / 2))
    return (x + dx / far, y + dy / far) if far > 0 else (x, y)


def _moved(boxes: Mapping[str, Box], paths: Mapping[_Arrow, list[Point]]) -> tuple[int, int]:
    """Moves everything to the top left, and says how large the picture is."""
    corners = [(box.xy[0] + side * box.w / 2, box.xy[1] + side * box.h / 2) for box in boxes.values() for side in (-1, 1)]
    labels = [(path[0][0] + len(arrow.label) * LETTER_PX, path[0][1]) for arrow, path in paths.items()]
    points = [*corners, *labels, *(point for path in paths.values() for point in path)]
    left, top = min(x for x, _ in points) - MARGIN, min(y for _, y in points) - MARGIN
    for box in boxes.values():
        box.xy = (box.xy[0] - left, box.xy[1] - top)
    for path in paths.values():
        path[:] = [(x - left, y - top) for x, y in path]
    return math.ceil(max(x for x, _ in points) - left + MARGIN), math.ceil(max(y for _, y in points) - top + MARGIN)


def _draw_box(pen: Any, font: Any, box: Box) -> None:
    (x, y), radius = box.xy, box.h / 2 if box.round else 6
    corners = (x - box.w / 2, y - box.h / 2, x + box.w / 2, y + box.h / 2)
    pen.rounded_rectangle(corners, radius=radius, fill=box.fill, outline=box.line, width=2)
    for number, text in enumerate(box.lines):
        line_y = y + (number - (len(box.lines) - 1) / 2) * LINE_PX
        pen.text((x, line_y), text, fill=BLACK if number == 0 else GREY, font=font, anchor="mm")


def _draw_arrow(pen: Any, arrow: _Arrow, path: list[Point]) -> None:
    colour = RED if arrow.error else GREY
    pen.line(path, fill=colour, width=2, joint="curve")
    (x, y), before = path[-1], path[-2]
    angle = math.atan2(y - before[1], x - before[0])
    sides = [(x - HEAD * math.cos(angle + turn), y - HEAD * math.sin(angle + turn)) for turn in (-0.45, 0.45)]
    pen.polygon([(x, y), *sides], fill=colour)


def _draw_label(pen: Any, font: Any, arrow: _Arrow, path: list[Point]) -> None:
    if not arrow.label:
        return
    middle = ((path[0][0] + path[1][0]) / 2, (path[0][1] + path[1][1]) / 2)
    box = pen.textbbox(middle, arrow.label, font=font, anchor="mm")
    pen.rectangle((box[0] - 2, box[1] - 1, box[2] + 2, box[3] + 1), fill=WHITE)
    pen.text(middle, arrow.label, fill=RED if arrow.error else GREY, font=font, anchor="mm")

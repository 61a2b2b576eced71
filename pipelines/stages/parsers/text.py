"""Text in its own right: plain, Markdown, source code, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from cluster.content.sniff import decode
from cluster.contracts.documents import BlockKind
from cluster.errors import Unprocessable
from cluster.settings import IngestSettings
from pipelines.stages.parsers.html import html_pieces
from pipelines.stages.pieces import Draft, Parsed

# Beyond this its structure is not looked for: markdown-it reads about a million characters a second.
MARKDOWN_CHARS = 4_000_000
JSON_DEPTH = 200
JSON_LINES = 50
KINDS: dict[str, BlockKind] = {"bullet_list": "list", "ordered_list": "list", "table": "table", "fence": "code", "code_block": "code"}
SILENT = ("<script", "<style", "<!--", "<template", "<noscript")


def plain(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """Paragraphs between blank lines."""
    draft = _draft(limits)
    for paragraph in _paragraphs(decode(content, limits.text_chars)):
        draft.add("paragraph", paragraph)
    return draft.parsed(media_type)


def code(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """Pieces between blank lines, indentation kept."""
    draft = _draft(limits)
    for piece in _paragraphs(decode(content, limits.text_chars)):
        draft.add("code", piece)
    return draft.parsed(media_type)


def markdown(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """The blocks of CommonMark with tables, as they are written; of headings the text alone. HTML in it is read as HTML."""
    text = decode(content, limits.text_chars)
    if len(text) > MARKDOWN_CHARS:
        return plain(content, media_type, limits)
    draft, lines = _draft(limits), text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.level == 0 and token.map is not None:
            _markdown_block(draft, token, following, "\n".join(lines[slice(*token.map)]))
    return draft.parsed(media_type)


def json_text(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """A line for each value, with the way to it, as in ``orders[2].city: Oslo``. What is no JSON after all is read as text."""
    text = decode(content, limits.text_chars)
    if len(text) > limits.text_chars:
        raise Unprocessable(f"It is JSON of more than {limits.text_chars} characters (setting ingest.text_chars); split it.")
    try:
        parts = [json.loads(line) for line in text.splitlines() if line.strip()] if media_type == "application/jsonl" else _top(text)
    except (ValueError, RecursionError):
        parsed = plain(content, "text/plain", limits)
        return Parsed(parsed.media_type, parsed.pieces, cautions=(*parsed.cautions, "It is not valid JSON, and was read as plain text."))
    draft = _draft(limits)
    for number, part in enumerate(parts):
        lines = list(_flat(part, f"[{number}]" if len(parts) > 1 else ""))
        for start in range(0, len(lines), JSON_LINES):
            draft.add("table", "\n".join(lines[start : start + JSON_LINES]))
    return draft.parsed(media_type)


def _draft(limits: IngestSettings) -> Draft:
    return Draft(limits.text_chars)


def _paragraphs(text: str) -> Iterator[str]:
    lines = list[str]()
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line and not line.isspace():
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines = []
    yield "\n".join(lines)


def _markdown_block(draft: Draft, token: Token, following: Token | None, source: str) -> None:
    if token.type == "heading_open" and following is not None:
        draft.add("heading", following.content, level=int(token.tag[1:]))
    elif token.type == "fence":
        draft.add("code", token.content)
    elif token.type == "html_block" or any(tag in source.lower() for tag in SILENT):
        for piece in html_pieces(source, draft.most_chars).pieces:
            draft.add(piece.kind, piece.text, level=piece.level)
    elif token.type != "hr":
        draft.add(KINDS.get(token.type.removesuffix("_open"), "paragraph"), source)


def _top(text: str) -> list[object]:
    value = json.loads(text)
    return value if isinstance(value, list) else [value]


def _flat(value: object, path: str, depth: int = 0) -> Iterator[str]:
    if depth > JSON_DEPTH:
        raise Unprocessable(f"It is JSON nested more than {JSON_DEPTH} deep.")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{number}]", depth + 1)
    else:
        said = value if isinstance(value, str) else json.dumps(value)
        yield f"{path}: {said}" if path else str(said)

"""HTML and books (EPUB), by the HTML5 parser Lexbor: what a reader of the page would read, never scripts or styles."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import unquote
from zipfile import ZipFile

from lxml import etree  # type: ignore[import-untyped]
from selectolax.lexbor import LexborHTMLParser, LexborNode

from cluster.content.sniff import decode
from cluster.content.zips import refuse_bomb, unpack
from cluster.contracts.documents import BlockKind
from cluster.errors import Unprocessable
from cluster.settings import IngestSettings
from pipelines.stages.pieces import Draft, Parsed, Piece

SILENT = frozenset("script style noscript template head iframe object embed canvas svg math audio video select datalist".split())
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = frozenset(
    """address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form header hr
    html li main menu nav ol p pre section summary table tbody td tfoot th thead tr ul""".split()
) | set(HEADINGS)
SPACE = re.compile(r"\s+")
CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{1,40})""", re.I)
# Books are XHTML, where these may close themselves; to an HTML parser all that follows would then be theirs.
CLOSED = re.compile(r"<(title|script|style|iframe|textarea|noscript)(\s[^<>]*)?/>", re.I)
# In a table's cell: the table is there for the layout, and what it holds is no row.
LAYOUT = frozenset("table ul ol dl pre blockquote section article".split()) | set(HEADINGS)
DEEPEST = 2000
CONTAINER = "META-INF/container.xml"
# A list or table is cut into pieces of about this many characters: each line that is added copies what stands before it.
LONGEST_TABLE = 20_000


def html(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """The page's headings, paragraphs, lists, tables and preformatted text."""
    return html_pieces(_decoded(content, limits.text_chars), limits.text_chars).parsed(media_type)


def epub(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """The chapters of a book, in reading order."""
    refuse_bomb(BytesIO(content), limits)
    draft = Draft(limits.text_chars)
    with ZipFile(BytesIO(content)) as book:
        for name in _chapters(book):
            if draft.full:
                break
            if name not in book.NameToInfo:
                draft.caution("A chapter that its table names is missing.")
                continue
            page = _decoded(unpack(book, book.NameToInfo[name]), limits.text_chars)
            for piece in html_pieces(CLOSED.sub(r"<\1\2></\1>", page), limits.text_chars).pieces:
                draft.add(piece.kind, piece.text, level=piece.level)
    return draft.parsed(media_type)


def html_pieces(text: str, most_chars: int) -> Draft:
    """What a reader of the page would read."""
    walk = _Walk(Draft(most_chars))
    tree = LexborHTMLParser(text)
    if tree.root is not None:
        walk.over(tree.root)
    return walk.draft


@dataclass(slots=True)
class _Walk:
    """Goes over a tree in the order of the text, without recursion: pages nest as deep as their writers like."""

    draft: Draft
    text: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    cells: list[str] | None = None

    def over(self, root: LexborNode) -> None:
        node, depth = root, 0
        while True:
            if not _silent(node):
                inner = self._enter(node)
                if inner is not None and depth < DEEPEST:
                    node, depth = inner, depth + 1
                    continue
                self._leave(node)
            while (following := node.next) is None:
                parent = node.parent
                if parent is None or depth <= 0:
                    self._flush("paragraph")
                    return
                node, depth = parent, depth - 1
                self._leave(node)
            if depth <= 0:
                self._flush("paragraph")
                return
            node = following

    def _enter(self, node: LexborNode) -> LexborNode | None:
        """The first child that is to be visited, if any."""
        if node.is_text_node:
            content = node.text_content or ""
            self.text.append(content if "pre" in self.kinds else SPACE.sub(" ", content))
            return None
        tag = node.tag or ""
        if tag == "br":
            self.text.append("\n")
        if tag in LAYOUT and self.cells is not None:
            self._end_row()
        if tag in BLOCKS and not self._in_cell(tag):
            self._flush("paragraph")
        if tag == "tr":
            self.cells = []
        if tag in ("pre", "li", "tr"):
            self.kinds.append(tag)
        return node.child

    def _leave(self, node: LexborNode) -> None:
        tag = (node.tag or "") if node.is_element_node else ""
        if tag in ("td", "th") and self.cells is not None:
            self.cells.append(SPACE.sub(" ", "".join(self.text)).strip())
            self.text = []
        elif tag == "tr" and self.cells is not None:
            self._end_row()
        elif tag in HEADINGS and not self._in_cell(tag):
            self._flush("heading", HEADINGS[tag])
        elif tag == "pre":
            self._flush("code")
        elif tag == "li":
            self._flush("list")
        elif tag in BLOCKS and not self._in_cell(tag):
            self._flush("paragraph")
        if self.kinds and self.kinds[-1] == tag:
            self.kinds.pop()

    def _end_row(self) -> None:
        """What was found of a row is one; what follows is text like any other. A row of one cell is no table."""
        rest = SPACE.sub(" ", "".join(self.text)).strip()
        cells, self.cells, self.text = [*(self.cells or ()), *([rest] if rest else [])], None, []
        if len(cells) == 1:
            self.draft.add("paragraph", cells[0])
        elif any(cells):
            self._append("table", " | ".join(cells))

    def _in_cell(self, tag: str) -> bool:
        """Blocks in a table's cell are part of its row."""
        if self.cells is None or tag in ("td", "th", "tr"):
            return False
        self.text.append(" ")
        return True

    def _flush(self, kind: BlockKind, level: int = 0) -> None:
        content, self.text = "".join(self.text), []
        if self.cells is not None and kind == "paragraph":
            return
        if kind != "code":
            content = "\n".join(line for line in (SPACE.sub(" ", line).strip() for line in content.split("\n")) if line)
        if kind == "paragraph" and "li" in self.kinds:
            kind = "list"
        if kind == "list":
            self._append("list", f"- {content}" if content else "")
        else:
            self.draft.add(kind, content, level=level)

    def _append(self, kind: BlockKind, line: str) -> None:
        """A line of a list or table: of the one before it, if that was the last piece."""
        last = self.draft.pieces[-1] if self.draft.pieces else None
        if not line:
            return
        if last is not None and last.kind == kind and not self.draft.full and len(last.text) < LONGEST_TABLE:
            self.draft.pieces[-1] = Piece(kind, f"{last.text}\n{line}")
            self.draft.chars += len(line) + 1
        else:
            self.draft.add(kind, line)


def _silent(node: LexborNode) -> bool:
    """Whether nothing of a node is for readers: scripts, comments, and what is hidden from them."""
    if node.is_text_node:
        return False
    tag = node.tag or ""
    return tag in SILENT or tag.startswith(("-", "!")) or (node.is_element_node and "hidden" in node.attributes)


def _decoded(content: bytes, most_chars: int) -> str:
    """UTF-8 where it is that, else what the page says of itself, else what its letters suggest."""
    said = CHARSET.search(content[:2048])
    try:
        content[: most_chars * 4].decode("utf-8")
    except UnicodeDecodeError as error:
        if said is not None and error.start < most_chars * 4 - 4:
            try:
                return content.decode(said.group(1).decode("ascii"), errors="replace")
            except LookupError:
                pass
    return decode(content, most_chars)


def _chapters(book: ZipFile) -> Iterator[str]:
    """Names of the chapters' files in reading order (EPUB 3: container, package, spine)."""
    package = _xml(book, CONTAINER).find(".//{*}rootfile")
    path = package.get("full-path", "") if package is not None else ""
    root = _xml(book, path)
    files = {item.get("id"): item.get("href", "") for item in root.iterfind(".//{*}manifest/{*}item")}
    for reference in root.iterfind(".//{*}spine/{*}itemref"):
        href = files.get(reference.get("idref"))
        if href:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(href.partition("#")[0])))


def _xml(book: ZipFile, name: str) -> etree._Element:
    if name not in book.NameToInfo:
        raise Unprocessable("It is a book whose table of contents is missing.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(unpack(book, book.NameToInfo[name]), parser)
    except etree.XMLSyntaxError:
        raise Unprocessable("It is a book whose table of contents is damaged.") from None

"""From bytes that came from elsewhere to content that may be shown: validated, recognised, made harmless, read.

What cannot be processed although its type is known is Unprocessable; a type that nothing processes is UnsupportedMedia.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import nh3
from selectolax.lexbor import LexborHTMLParser

from cluster.content.media import UNKNOWN, agrees, found_type, is_textual
from cluster.content.sniff import DOCX, PPTX, XLSX, decode
from cluster.content.zips import refuse_bomb
from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings
from cluster.text.cleaning import clean_text

ARCHIVES = frozenset({"application/zip", "application/epub+zip", DOCX, PPTX, XLSX})
KEPT = ARCHIVES | {"application/pdf", "message/rfc822", "application/gzip", "application/x-tar", "application/x-bzip2", "application/x-xz"}
PROGRAMS = frozenset({"application/x-executable", "application/x-msdownload", "application/x-dosexec", "application/java-archive"})
HIDDEN = "script, style, noscript, template, iframe, object, embed, svg, math, head"
BLOCKS = "p, div, br, li, tr, h1, h2, h3, h4, h5, h6, section, article, blockquote, pre, td, th"


@dataclass(frozen=True, slots=True)
class Draft:
    """Content on its way. ``declared``: what it is said to be; ``metadata``: what else is known of it, such as ``name`` and ``title``."""

    content: bytes
    declared: str
    metadata: Mapping[str, str]
    media_type: str = ""
    text: str | None = None
    title: str = ""
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Processed:
    """``content``: as it came, and never to be shown as a page of ours; ``text``: what a reader sees of it, None where it is not text."""

    content: bytes
    media_type: str
    text: str | None = None
    title: str = ""
    cautions: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


class Processor(Protocol):
    """Reads some types of content."""

    def takes(self, media_type: str) -> bool: ...

    def process(self, draft: Draft) -> Draft:
        """Raises Unprocessable."""
        ...


class ContentValidationService:
    """Whether content is what it is said to be, and does no harm by being opened."""

    def __init__(self, limits: IngestSettings, most_bytes: int) -> None:
        self._limits = limits
        self._most = most_bytes

    def validate(self, draft: Draft) -> Draft:
        """With the media type that the content itself shows. Raises TooLarge, Unprocessable for what is empty or a bomb, UnsupportedMedia
        for a type that is not what was said, and for programs."""
        if not draft.content:
            raise Unprocessable("The content is empty.")
        if len(draft.content) > self._most:
            raise TooLarge(f"The content has {len(draft.content)} bytes, at most {self._most} are taken (setting content.item_bytes).")
        found = found_type(draft.content, draft.metadata.get("name", ""), self._limits)
        if not agrees(draft.declared, found):
            raise UnsupportedMedia(f"The content is said to be {draft.declared}, and is {found}; it is not taken.")
        if found in PROGRAMS:
            raise UnsupportedMedia("The content is a program, which is not taken.")
        if found in ARCHIVES:
            refuse_bomb(io.BytesIO(draft.content), self._limits)
        return replace(draft, media_type=draft.declared if _says_more(draft.declared, found) else found)


class HtmlProcessor:
    """Pages: their text, without anything that acts or is hidden."""

    def takes(self, media_type: str) -> bool:
        return media_type in {"text/html", "application/xhtml+xml"}

    def process(self, draft: Draft) -> Draft:
        tree = LexborHTMLParser(decode(draft.content, len(draft.content)))
        title = tree.css_first("title")
        said = " ".join(title.text().split()) if title is not None else ""
        for node in tree.css(HIDDEN):
            node.decompose()
        for node in tree.css(BLOCKS):
            node.insert_before("\n")
        text = tree.body.text() if tree.body is not None else ""
        return replace(draft, text=clean_text(text), title=draft.title or said[:300])


class JsonProcessor:
    def takes(self, media_type: str) -> bool:
        return media_type == "application/json" or media_type.endswith("+json")

    def process(self, draft: Draft) -> Draft:
        text = decode(draft.content, len(draft.content))
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unprocessable(f"The content is said to be JSON, and is not ({str(error)[:100]}).") from None
        return replace(draft, text=clean_text(text, keep_spaces=True))


class TextProcessor:
    def takes(self, media_type: str) -> bool:
        return is_textual(media_type) and media_type != "message/rfc822"

    def process(self, draft: Draft) -> Draft:
        return replace(draft, text=clean_text(decode(draft.content, len(draft.content)), keep_spaces=draft.media_type != "text/plain"))


class DocumentProcessor:
    """Files that are kept as they are; an ingestion reads them."""

    def takes(self, media_type: str) -> bool:
        return media_type in KEPT or media_type.partition("/")[0] in {"image", "audio", "video"}

    def process(self, draft: Draft) -> Draft:
        return draft


PROCESSORS: tuple[Processor, ...] = (HtmlProcessor(), JsonProcessor(), TextProcessor(), DocumentProcessor())


class ContentProcessingPipeline:
    """Synchronous, and holds what it is given in memory: call it in a thread."""

    def __init__(self, limits: IngestSettings, *, most_bytes: int, text_chars: int, processors: Sequence[Processor] = PROCESSORS) -> None:
        self._validation = ContentValidationService(limits, most_bytes)
        self._text_chars = text_chars
        self._processors = processors

    def process(self, content: bytes, media_type: str, metadata: Mapping[str, str]) -> Processed:
        """Raises Unprocessable or TooLarge for what cannot be processed, UnsupportedMedia for a type that is not supported."""
        draft = self._validation.validate(Draft(content, media_type, metadata, title=plain_text(metadata.get("title", ""))[:300]))
        processor = next((one for one in self._processors if one.takes(draft.media_type)), None)
        if processor is None:
            raise UnsupportedMedia(f"Content of the type {draft.media_type} is not supported.")
        draft = self._bounded(processor.process(draft))
        return Processed(draft.content, draft.media_type, draft.text, draft.title, draft.cautions, dict(metadata))

    def _bounded(self, draft: Draft) -> Draft:
        if draft.text is None or len(draft.text) <= self._text_chars:
            return draft
        caution = f"The text has {len(draft.text)} characters, and is cut after {self._text_chars} (setting content.text_chars)."
        return replace(draft, text=draft.text[: self._text_chars], cautions=(*draft.cautions, caution))


def processed(content: bytes, media_type: str, metadata: dict[str, str], limits: IngestSettings, most: int, chars: int) -> Processed:
    """For an isolated process: what the pipeline makes of the content."""
    return ContentProcessingPipeline(limits, most_bytes=most, text_chars=chars).process(content, media_type, metadata)


def plain_text(text: str) -> str:
    """Words for people, without tags and what is not seen."""
    return clean_text(LexborHTMLParser(nh3.clean(text, tags=set())).text()).replace("\n", " ").strip() if text else ""


def _says_more(declared: str, found: str) -> bool:
    """Among kinds of text, where the content cannot tell, what was said counts; an unknown kind of picture or sound may be what it says."""
    if found == UNKNOWN:
        return declared.partition("/")[0] in {"image", "audio", "video"}
    return found == "text/plain" and is_textual(declared) and declared not in {"text/html", "application/xhtml+xml"}

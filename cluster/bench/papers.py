"""Documents for the ingest bench: texts of the evaluation set put together anew, as files of the kinds that offices have."""

from __future__ import annotations

import html
import random
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from cluster.bench.evaluation import NORHOLM, load

PARAGRAPHS = 12


def write_papers(folder: Path, count: int) -> list[Path]:
    """``count`` documents of about 2700 characters, each unlike the others: text, Markdown, HTML, Word and PDF in turn."""
    kinds = list(_KINDS.items())
    return [_written(folder, number, *kinds[number % len(kinds)], text) for number, text in enumerate(_texts(count, PARAGRAPHS))]


def write_notes(folder: Path, count: int, first: int = 0) -> list[Path]:
    """``count`` text files of one short paragraph, numbered from ``first``."""
    return [_written(folder, number, "txt", _plain, text) for number, text in enumerate(_texts(count, 1, seed=first + 1), start=first)]


def _texts(count: int, paragraphs: int, seed: int = 1) -> Iterator[list[str]]:
    rng = random.Random(seed)  # noqa: S311 - repeatable texts, no secret
    material = [text.partition("\n\n")[2] for text in load(NORHOLM, "test").documents.values()]
    for number in range(count):
        chosen = rng.sample(material, paragraphs)
        yield [f"Paper {seed}/{number} of the archive, shelf {rng.randrange(10_000)}. {chosen[0]}", *chosen[1:]]


def _written(folder: Path, number: int, suffix: str, make: Callable[[list[str]], bytes], text: list[str]) -> Path:
    path = folder / f"{number:06}.{suffix}"
    path.write_bytes(make(text))
    return path


def _plain(text: list[str]) -> bytes:
    return "\n\n".join(text).encode()


def _markdown(text: list[str]) -> bytes:
    return "\n\n".join(["# A paper", text[0], "## More of it", *text[1:]]).encode()


def _html(text: list[str]) -> bytes:
    paragraphs = "".join(f"<p>{html.escape(one)}</p>" for one in text)
    return f"<!doctype html><html><head><title>A paper</title></head><body><h1>A paper</h1>{paragraphs}</body></html>".encode()


def _word(text: list[str]) -> bytes:
    import docx  # the ingest extra

    document = docx.Document()
    document.add_heading("A paper")
    for one in text:
        document.add_paragraph(one)
    stream = BytesIO()
    document.save(stream)
    return stream.getvalue()


def _pdf(text: list[str]) -> bytes:
    from reportlab.lib.styles import getSampleStyleSheet  # the dev extra
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    stream, style = BytesIO(), getSampleStyleSheet()["BodyText"]
    SimpleDocTemplate(stream).build([Paragraph(html.escape(one), style) for one in text])
    return stream.getvalue()


_KINDS: dict[str, Callable[[list[str]], bytes]] = {"txt": _plain, "md": _markdown, "html": _html, "docx": _word, "pdf": _pdf}

"""Text that only a model can read: pages that are pictures, images, sound. The models are callables that are given in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cluster.content.isolated import Isolated
from cluster.content.pdf import page_picture
from cluster.errors import BadInput, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings
from pipelines.stages.pieces import Parsed, Piece, Waiting

ReadPicture = Callable[[bytes], str]
Transcribe = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Recognisers:
    """``picture``: an encoded image to the text on it. ``sound``: an encoded sound file to what is said. None: there is no such model.

    An error that is a BadInput is about this one picture; any other is the cluster's, and passes through."""

    picture: ReadPicture | None = None
    sound: Transcribe | None = None


def recognise(content: bytes, parsed: Parsed, models: Recognisers, process: Isolated, limits: IngestSettings) -> Parsed:
    """The pieces with what was waiting for a model put where it belongs, and a caution for each that could not be read. Raises
    Unprocessable or UnsupportedMedia when nothing is left."""
    if not parsed.waiting:
        return parsed
    found, cautions = list[tuple[int, Piece]](), list(parsed.cautions)
    for waiting, outcome in _texts(content, parsed, models, process, limits):
        if isinstance(outcome, BadInput):
            cautions.append(f"Page {waiting.page}: {outcome.message}" if waiting.page is not None else outcome.message)
        elif outcome.strip():
            found.append((waiting.at, Piece("paragraph", outcome.strip(), waiting.page, lines=waiting.kind == "page")))
    pieces = list(parsed.pieces)
    for at, piece in reversed(found):
        pieces.insert(at, piece)
    if not pieces:
        reason = " ".join(dict.fromkeys(cautions)) or "It holds no text."
        raise UnsupportedMedia(reason) if _no_model(parsed.waiting, models) else Unprocessable(reason)
    return replace(parsed, pieces=tuple(pieces), waiting=(), cautions=tuple(dict.fromkeys(cautions)))


def _texts(
    content: bytes, parsed: Parsed, models: Recognisers, process: Isolated, limits: IngestSettings
) -> Iterator[tuple[Waiting, str | BadInput]]:
    with tempfile.TemporaryDirectory(prefix="hearth-ingest-") as folder:
        path = Path(folder, "document")
        if models.picture is not None and any(waiting.kind == "page" for waiting in parsed.waiting):
            path.write_bytes(content)  # once, rather than through a pipe for each page
        for waiting in parsed.waiting:
            try:
                yield waiting, _text(waiting, content, path, models, process, limits)
            except BadInput as error:
                yield waiting, error


def _text(waiting: Waiting, content: bytes, path: Path, models: Recognisers, process: Isolated, limits: IngestSettings) -> str:
    if waiting.kind == "sound":
        if models.sound is None:
            raise UnsupportedMedia("It is sound, and no model is configured that transcribes.")
        return models.sound(content)
    if models.picture is None:
        raise UnsupportedMedia("It is a picture, and no model is configured that reads text from pictures.")
    if waiting.page is None:
        return models.picture(content)
    return models.picture(process.call(page_picture, str(path), waiting.page, limits.ocr_pixels))


def _no_model(waiting: tuple[Waiting, ...], models: Recognisers) -> bool:
    return all((models.sound if kind.kind == "sound" else models.picture) is None for kind in waiting)

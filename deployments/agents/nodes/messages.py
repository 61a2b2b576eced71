"""What a language model is shown: messages, and pictures."""

from __future__ import annotations

import re
from typing import get_args

from cluster.contracts.generation import Image, Json, Message, Role
from cluster.errors import Unprocessable, UnsupportedMedia
from cluster.specs.nodes import LlmNode
from deployments.agents.visiting import Visit

_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp", b"BM": "image/bmp"}
_ROLES = frozenset(get_args(Role)) - {"tool"}


async def messages_of(node: LlmNode, visit: Visit) -> tuple[Message, ...]:
    """Raises Unprocessable where an expression gives no messages."""
    told = await _system(node, visit)
    first = [Message("system", told)] if told else []
    messages = [*first, *await _turns(node, visit)]
    images = await _images(node, visit)
    if images:
        at = max((place for place, one in enumerate(messages) if one.role == "user"), default=None)
        if at is None:
            raise Unprocessable("'images' are shown with a message of the user, and there is none.")
        messages[at] = Message("user", messages[at].content, images=images)
    return tuple(messages)


async def _system(node: LlmNode, visit: Visit) -> str:
    if node.prompt is not None:
        return visit.run.graph.prompts[node.prompt]
    return await visit.text(node.system) if node.system is not None else ""


async def _turns(node: LlmNode, visit: Visit) -> list[Message]:
    if node.user is not None:
        return [Message("user", await visit.text(node.user))]
    if isinstance(node.messages, list):
        return [Message(one.role, await visit.text(one.content)) for one in node.messages]
    assert node.messages is not None
    given = await visit.value(node.messages)
    if not isinstance(given, list) or not given:
        raise Unprocessable(f"'messages' (`{node.messages}`) is to be a list of messages, each {{role, content}}.")
    return [_message(one, node.messages) for one in given]


def _message(given: Json, expression: str) -> Message:
    role, content = (given.get("role"), given.get("content")) if isinstance(given, dict) else (None, None)
    if role not in _ROLES or not isinstance(content, str):
        raise Unprocessable(
            f"'messages' (`{expression}`) has one that is not {{role, content}} with a role of {', '.join(sorted(_ROLES))}."
        )
    return Message(role, content)  # type: ignore[arg-type]


async def _images(node: LlmNode, visit: Visit) -> tuple[Image, ...]:
    if node.images is None:
        return ()
    places = await visit.value(node.images)
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise Unprocessable(f"'images' (`{node.images}`) is to be a list of files of the workspace, or of 'data:' URLs.")
    return tuple([_picture(await read(visit, str(place)), str(place)) for place in places])


async def read(visit: Visit, place: Json) -> bytes:
    """The bytes of what an expression named."""
    if not isinstance(place, str):
        raise Unprocessable(
            f"A file is named by a text: a path in the workspace, 'file-...' or a 'data:' URL; found {type(place).__name__}."
        )
    return await visit.run.services.media.read(visit.run.organisation_id, visit.run.workspace, place)


def _picture(content: bytes, place: str) -> Image:
    for magic, media_type in _IMAGES.items():
        if content.startswith(magic):
            return Image(media_type, content)
    shown = re.sub(r",.*", ",...", place[:80])
    raise UnsupportedMedia(f"'{shown}' is no picture that models are shown (PNG, JPEG, GIF, WebP or BMP).")

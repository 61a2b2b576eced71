"""What is attached to an e-mail, and what it says. By the standard library's parser with its modern policy."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage, Message
from typing import BinaryIO, cast

from cluster.errors import Unprocessable
from pipelines.stages.archives import Budget, Member

MAIL = "message/rfc822"
# The policy's header parser answers hostile headers with any of these.
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, email.errors.MessageError)


def read_mail(file: BinaryIO) -> EmailMessage:
    """The message. Raises Unprocessable."""
    try:
        return email.message_from_binary_file(file, policy=email.policy.default)
    except MALFORMED:
        raise Unprocessable("It is an e-mail that cannot be read.") from None


def attachments(message: EmailMessage, budget: Budget) -> Iterator[Member]:
    """The files of a message, messages attached to it among them. Those without a name, or with one that came before, are numbered."""
    taken = set[str]()
    body = {id(part) for part in (body_part(message, "plain"), body_part(message, "html")) if part is not None}
    try:
        parts = [part for part in _leaves(message) if id(part) not in body]
    except MALFORMED:
        raise Unprocessable("Its attachments cannot be read.") from None
    for number, part in enumerate(parts, start=1):
        member = _attachment(part, number, budget)
        if member.name in taken:
            member = Member(f"{number}-{member.name}", member.content, member.reason)
        taken.add(member.name)
        yield member


def body_part(message: EmailMessage, kind: str) -> EmailMessage | None:
    """The part that holds what the message says, as ``plain`` text or ``html``."""
    try:
        found = message.get_body(preferencelist=(kind,))
    except MALFORMED:
        return None
    return cast("EmailMessage | None", found)


def content_of(part: Message) -> bytes:
    """The bytes of a part, decoded as it says. A part of text or of nonsense gives what can be had of it."""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def text_of(part: Message) -> str:
    """The text of a part in the encoding that it names; letters that are none in it are replaced."""
    content = content_of(part)
    try:
        return content.decode(part.get_content_charset("utf-8"), errors="replace")
    except (LookupError, *MALFORMED):
        return content.decode("utf-8", errors="replace")


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold content; a message in the message is one part, not its parts. Without recursion: parts nest as deep as one
    likes."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting.extend(reversed(cast("list[Message]", inner)))
        elif part is not message:
            yield part


def _attachment(part: Message, number: int, budget: Budget) -> Member:
    try:
        name = part.get_filename() or ""
        if part.get_content_type() == MAIL and isinstance(inner := part.get_payload(), list) and inner:
            content, name = bytes(cast("Message", inner[0])), name or f"message-{number}.eml"
        else:
            content, name = content_of(part), name or f"part-{number}.{part.get_content_subtype()}"
    except MALFORMED:
        return Member(f"part-{number}", None, "It cannot be decoded.")
    budget.spend(len(content))
    if len(content) > budget.limits.file_bytes:
        return Member(name, None, f"It is larger than {budget.limits.file_bytes} bytes (setting ingest.file_bytes).")
    # A name with folders in it means the file's own, of whatever system it came from.
    return Member(name.replace("\\", "/").rsplit("/", 1)[-1] or f"part-{number}", content)

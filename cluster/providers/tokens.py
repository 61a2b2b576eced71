"""Tokens of a request before it is sent to a provider, and of an answer whose provider reported none.

Exact vocabularies exist for OpenAI's models only (tiktoken), and only where their files lie on this machine: nothing is ever fetched.
Everything else is estimated: a token for every four ASCII characters, and one for each other character. English comes out about right,
other scripts too high, which is the safe side for a limit. A message costs four tokens more, an image as much as a mid-sized one at OpenAI.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import tiktoken
from tiktoken.model import encoding_name_for_model

from cluster.contracts.generation import Generation, GenerationRequest, Message, TokenCount

MESSAGE_TOKENS = 4
IMAGE_TOKENS = 765
ASCII_CHARS_PER_TOKEN = 4
# Where tiktoken would fetch a vocabulary from (it names its copy by that), and the SHA-256 of the file.
VOCABULARIES = {
    "cl100k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}


class TokenCounter:
    """Vocabularies are looked for where tiktoken keeps its copies: the folder TIKTOKEN_CACHE_DIR, else one for temporary files."""

    def request(self, request: GenerationRequest, model: str) -> TokenCount:
        """``model``: the provider's name for it."""
        encoding = _encoding(model)
        tools = json.dumps(request.tools) if request.tools else ""
        total = sum(self._message(message, encoding) for message in request.messages) + self._text(tools, encoding)
        if request.prompt is not None:
            total += len(request.prompt) if isinstance(request.prompt, tuple) else self._text(request.prompt, encoding)
        if encoding is not None:
            return TokenCount(total, exact=True, how=f"counted with {encoding.name}")
        return TokenCount(total, exact=False, how="estimated, since the model's vocabulary is not on this machine")

    def answer(self, answer: Generation, model: str) -> TokenCount:
        encoding = _encoding(model)
        calls = sum(self._text(call.name + call.arguments, encoding) for call in answer.tool_calls)
        total = self._text(answer.text, encoding) + self._text(answer.reasoning, encoding) + calls
        return TokenCount(total, exact=encoding is not None, how="counted from its text")

    def _message(self, message: Message, encoding: tiktoken.Encoding | None) -> int:
        calls = sum(self._text(call.name + call.arguments, encoding) for call in message.tool_calls)
        return MESSAGE_TOKENS + self._text(message.content or "", encoding) + calls + IMAGE_TOKENS * len(message.images)

    def _text(self, text: str, encoding: tiktoken.Encoding | None) -> int:
        return len(encoding.encode_ordinary(text)) if encoding is not None else estimated(text)


def estimated(text: str) -> int:
    """Tokens of ``text`` without a vocabulary (see above)."""
    ascii_chars = sum(character < "\x80" for character in text)
    return -(-ascii_chars // ASCII_CHARS_PER_TOKEN) + len(text) - ascii_chars


def _encoding(model: str) -> tiktoken.Encoding | None:
    try:
        name = encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        return None
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", str(Path(tempfile.gettempdir()) / "data-gym-cache"))
    return _load(name, Path(folder)) if folder and name in VOCABULARIES else None


@lru_cache(maxsize=8)
def _load(name: str, folder: Path) -> tiktoken.Encoding | None:
    """The encoding, where its file is in ``folder``, in which tiktoken looks, and whole: tiktoken would fetch one that is not."""
    address, digest = VOCABULARIES[name]
    path = folder / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        return None
    return tiktoken.get_encoding(name)

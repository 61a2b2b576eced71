"""Uploads: multipart forms and bodies that are the file itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request

from api.web.bodies import content_type, read_all, refuse_repeated
from cluster.errors import BadInput, Cancelled, TooLarge, Unprocessable, UnsupportedMedia


@dataclass(frozen=True, slots=True)
class Form:
    """Text fields as pydantic takes them (a field named ``name[]`` is a list) and the contents of the files, by field."""

    fields: dict[str, str | list[str]] = field(default_factory=dict)
    files: dict[str, list[bytes]] = field(default_factory=dict)

    def file(self, name: str, setting: str) -> bytes:
        """The one file of field ``name``."""
        given = self.files.get(name, [])
        if len(given) != 1:
            raise BadInput(f"Send exactly one file in the field '{name}' ({len(given)} found); see also the setting {setting}.").about(name)
        return given[0]


def is_form(request: Request) -> bool:
    return content_type(request) == "multipart/form-data"


async def read_form(request: Request, *, files: tuple[str, ...], max_file_bytes: int, setting: str, max_files: int = 1) -> Form:
    """The multipart form. ``files`` names the fields that may hold files, each of at most ``max_file_bytes`` (said by ``setting``).

    Raises BadInput for a broken form or a repeated field, TooLarge for a large file, Unprocessable for an empty one. Temporary files that
    large uploads pass through are gone when this returns or raises.
    """
    if not is_form(request):
        raise UnsupportedMedia(f"This endpoint takes multipart/form-data, found {content_type(request) or 'no content type'}.")
    try:
        async with request.form(max_files=max_files, max_fields=64, max_part_size=2**20) as form:
            return await _collect(form, files, max_file_bytes, setting)
    except ClientDisconnect:
        raise Cancelled("The caller left before the upload was complete.") from None


@asynccontextmanager
async def open_files(request: Request, *, field: str, max_files: int, max_file_bytes: int, setting: str) -> AsyncIterator[list[UploadFile]]:
    """The files of a form that holds nothing else, on disk where they are large, until the block ends. Raises as :func:`read_form`."""
    if not is_form(request):
        raise UnsupportedMedia(f"This endpoint takes multipart/form-data, found {content_type(request) or 'no content type'}.")
    try:
        async with request.form(max_files=max_files, max_fields=64, max_part_size=2**20) as form:
            for name, value in form.multi_items():
                if name != field or not isinstance(value, UploadFile):
                    raise BadInput(f"'{name[:100]}' is not a file of this endpoint; send files in the field '{field}'.").about(name[:100])
                if (value.size or 0) > max_file_bytes:
                    raise too_large(value.size or 0, max_file_bytes, setting).about(name)
            yield [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    except ClientDisconnect:
        raise Cancelled("The caller left before the upload was complete.") from None


@asynccontextmanager
async def open_upload(
    request: Request, *, file: str, max_file_bytes: int, setting: str
) -> AsyncIterator[tuple[UploadFile, dict[str, str]]]:
    """The one file of a form, on disk where it is large, until the block ends, and the form's text fields. Raises as :func:`read_form`."""
    if not is_form(request):
        raise UnsupportedMedia(f"This endpoint takes multipart/form-data, found {content_type(request) or 'no content type'}.")
    try:
        async with request.form(max_files=1, max_fields=64, max_part_size=2**20) as form:
            collected = Form()
            refuse_repeated(name for name, value in form.multi_items())
            for name, value in form.multi_items():
                if isinstance(value, str):
                    _add_text(collected, (file,), name, value)
                elif name != file:
                    raise BadInput(f"'{name[:100]}' is not a file field of this endpoint; send the file in '{file}'.").about(name[:100])
            upload = form.get(file)
            if not isinstance(upload, UploadFile):
                raise BadInput(f"Send exactly one file in the field '{file}' (0 found).").about(file)
            if (upload.size or 0) > max_file_bytes:
                raise too_large(upload.size or 0, max_file_bytes, setting).about(file)
            if not upload.size:
                raise Unprocessable(f"The file in '{file}' is empty; send its content.").about(file)
            yield upload, {name: value for name, value in collected.fields.items() if isinstance(value, str)}
    except ClientDisconnect:
        raise Cancelled("The caller left before the upload was complete.") from None


async def _collect(form: FormData, files: tuple[str, ...], max_file_bytes: int, setting: str) -> Form:
    collected = Form()
    texts: list[tuple[str, str]] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name not in files:
                raise BadInput(f"'{name[:100]}' is not a file field of this endpoint; send the file in '{files[0]}'.").about(name[:100])
            collected.files.setdefault(name, []).append(await _content(name, value, max_file_bytes, setting))
        else:
            texts.append((name, value))
    refuse_repeated(name for name, _ in texts)
    for name, text in texts:
        _add_text(collected, files, name, text)
    return collected


def _add_text(collected: Form, files: tuple[str, ...], name: str, text: str) -> None:
    if name in files:
        raise BadInput(f"'{name}' must be a file, found text; give its part a filename.").about(name)
    if "\x00" in text:
        raise BadInput(f"'{name[:100]}' holds a NUL character; remove it.").about(name[:100])
    if name.endswith("[]"):
        values = collected.fields.setdefault(name, [])
        assert isinstance(values, list)
        values.append(text)
    else:
        collected.fields[name] = text


async def _content(name: str, upload: UploadFile, max_bytes: int, setting: str) -> bytes:
    if (upload.size or 0) > max_bytes:
        raise too_large(upload.size or 0, max_bytes, setting).about(name)
    content = await upload.read()
    if not content:
        raise Unprocessable(f"The file in '{name}' is empty; send its content.").about(name)
    return content


async def read_file(request: Request, max_bytes: int, setting: str) -> bytes:
    """A body that is the file itself."""
    content = await read_all(request)
    if not content:
        raise Unprocessable("The request body is empty; send the file's bytes.")
    if len(content) > max_bytes:
        raise too_large(len(content), max_bytes, setting)
    return content


def too_large(found: int, allowed: int, setting: str) -> TooLarge:
    return TooLarge(f"The file has {found} bytes, at most {allowed} are taken (setting {setting}); send a smaller one.")

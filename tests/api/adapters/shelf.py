"""Adapters over HTTP: archives, and how they are sent."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import httpx

URL = "/api/v1/adapters"


def zipped(folder: Path, prefix: str = "") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{prefix}{path.name}")
    return made.getvalue()


def taped(folder: Path, mode: str = "w:gz", prefix: str = "made/") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for path in sorted(folder.iterdir()):
            archive.add(path, f"{prefix}{path.name}")
    return made.getvalue()


async def upload(client: httpx.AsyncClient, content: bytes, name: str = "records", headers: dict[str, str] | None = None, **fields: str):
    form = {"base": "hearth-nano", "name": name, **fields}
    return await client.post(URL, data=form, files={"file": ("adapter.zip", content)}, headers=headers, timeout=60)


def data_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]

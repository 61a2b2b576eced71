from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

import api.tables  # noqa: F401 - a row of a file refers to the tables of people
from cluster.batches.files import Files, file_store
from cluster.batches.names import file_name
from cluster.batches.tables import FileRow
from cluster.errors import NotFound, TooLarge, Unprocessable
from cluster.home import Home
from cluster.settings import ToolSettings
from cluster.tools.workspaces import Workspaces
from deployments.agents.around import StoredMedia
from tests.deployments.agents.place import Place


@pytest.fixture
def media(place: Place, tmp_path: Path) -> StoredMedia:
    tools = ToolSettings(file_bytes=2000)
    return StoredMedia(place.stores.database, place.settings.model_copy(update={"home": tmp_path, "tools": tools}))


async def test_a_file_of_the_workspace_is_read(place: Place, media: StoredMedia, tmp_path: Path) -> None:
    Workspaces(Home(tmp_path).workspaces, ToolSettings()).of(place.organisation_id, "run-1").write("scans/a.png", b"a picture")

    assert await media.read(place.organisation_id, "run-1", "scans/a.png") == b"a picture"
    with pytest.raises(NotFound):
        await media.read(place.organisation_id, "run-2", "scans/a.png")


async def test_a_data_url_is_its_bytes(place: Place, media: StoredMedia) -> None:
    url = "data:image/png;base64," + base64.b64encode(b"a picture").decode()

    assert await media.read(place.organisation_id, "run-1", url) == b"a picture"
    with pytest.raises(Unprocessable, match="Base64"):
        await media.read(place.organisation_id, "run-1", "data:text/plain,hello")
    with pytest.raises(Unprocessable, match="Base64"):
        await media.read(place.organisation_id, "run-1", "data:image/png;base64,%%%")
    with pytest.raises(TooLarge, match=r"tools\.file_bytes"):
        await media.read(place.organisation_id, "run-1", "data:image/png;base64," + "A" * 8000)


async def test_an_uploaded_file_is_read_by_its_organisation_alone(place: Place, media: StoredMedia, tmp_path: Path) -> None:
    stored = file_store(Home(tmp_path)).write(place.organisation_id, io.BytesIO(b"a note"))
    async with place.stores.database.session() as session:
        row = FileRow(
            id=stored.id,
            organisation_id=place.organisation_id,
            owner_id=place.owner_id,
            purpose="user_data",
            filename="note.wav",
            bytes=stored.bytes,
            sha256=stored.sha256,
        )
        await Files(session).add(row)

    assert await media.read(place.organisation_id, "run-1", file_name(stored.id)) == b"a note"
    with pytest.raises(NotFound):
        await media.read(place.owner_id, "run-1", file_name(stored.id))

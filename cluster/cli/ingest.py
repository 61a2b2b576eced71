"""`hearth ingest`: files and folders into a collection of the running cluster. All of it goes through the HTTP API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import tenacity
import typer
from rich.console import Console
from rich.progress import track

from cluster.cli.client import Api, JsonOption, KeyFileOption
from cluster.cli.jobs import follow_job
from cluster.cli.options import HomeOption, home_of
from cluster.errors import BadInput, Unavailable

# Of one upload; a file that is larger goes alone.
BATCH_FILES, BATCH_BYTES = 200, 64 * 2**20
TRIES = 4
Named = tuple[str, Path]


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders; a folder with all that is in it, less hidden files.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="Name of the collection; made if there is none.")] = "documents",
    hidden: Annotated[bool, typer.Option("--hidden", help="Take files and folders whose names begin with a dot, too.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until all is ingested, with a bar.")] = True,
    home: HomeOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload files and folders, and have them ingested. What has not changed since the last time is left alone."""
    api = Api(home_of(home), key_file)
    files = sorted({name: path for path in paths for name, path in _files(path, hidden=hidden)}.items())
    if not files:
        raise BadInput("There is no file to take in what you named; see also --hidden.")
    its_id = _collection(api, collection)
    jobs, outcomes = _upload(api, its_id, files)
    results = [follow_job(api, job)["result"] or {} for job in jobs] if wait else []
    failed = api.pages(f"collections/{its_id}/documents", state="failed") if wait else []
    _tell(as_json, {"collection": its_id, "jobs": jobs, "uploaded": outcomes, "results": results, "failed": failed})


def _files(path: Path, *, hidden: bool) -> Iterator[Named]:
    """Names and files: of a folder below its own name. Links are not followed: they may lead anywhere."""
    root = path.absolute()
    if root.is_file() and not root.is_symlink():
        yield root.name, root
        return
    if not root.is_dir():
        raise BadInput(f"{path}: neither a file nor a folder.")
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if hidden or not name.startswith("."))
        for name in names:
            file = Path(folder, name)
            if file.is_file() and not file.is_symlink() and (hidden or not name.startswith(".")):
                yield f"{root.name}/{file.relative_to(root).as_posix()}", file


def _collection(api: Api, name: str) -> str:
    known = {found["name"]: found["id"] for found in api.pages("collections")}
    return str(known.get(name) or api.ask("POST", "collections", {"name": name})["id"])


def _upload(api: Api, collection: str, files: Sequence[Named]) -> tuple[list[str], dict[str, int]]:
    """The jobs that ingest the files, in order, and how many files were new, changed and unchanged."""
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Unavailable),
        wait=tenacity.wait_random_exponential(multiplier=1.0, max=10.0),
        stop=tenacity.stop_after_attempt(TRIES),
        reraise=True,
    )
    jobs, outcomes = dict[str, None](), dict.fromkeys(("new", "changed", "unchanged"), 0)
    batches = list(_batches(files))
    for batch in track(batches, "uploading", console=Console(stderr=True), transient=True, disable=len(batches) < 2):
        upload = again(api.upload, f"collections/{collection}/documents", batch)
        jobs |= {upload["job_id"]: None} if upload["job_id"] is not None else {}
        for document in upload["documents"]:
            outcomes[document["outcome"]] += 1
    return list(jobs), outcomes


def _batches(files: Sequence[Named]) -> Iterator[list[Named]]:
    batch: list[Named] = []
    size = 0
    for name, file in files:
        bytes_of_it = file.stat().st_size
        if batch and (len(batch) >= BATCH_FILES or size + bytes_of_it > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((name, file))
        size += bytes_of_it
    yield batch


def _tell(as_json: bool, told: dict[str, Any]) -> None:
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(", ".join(f"{count} {name}" for name, count in told["uploaded"].items()) + f" in collection {told['collection']}")
    for result in told["results"]:
        typer.echo(f"{result.get('indexed', 0)} documents indexed, {result.get('chunks', 0)} chunks, {result.get('failed', 0)} failed")
    for document in told["failed"]:
        typer.echo(f"  failed: {document['path']}: {document['reason']}")

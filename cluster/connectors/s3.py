"""Buckets of S3 and of whatever speaks like it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TypeVar

from anyio import to_thread
from minio import Minio
from minio.datatypes import Object
from minio.error import MinioException, S3Error
from pydantic import Field

from cluster.connectors.base import Fetched, Item, Kind, Options, SecretName, Suffix, Surroundings, WebAddress, of_suffix, path_of, refused
from cluster.errors import NotFound, RemoteFailed, Unprocessable
from cluster.outgoing.pool import OutgoingPool
from cluster.outgoing.urls import Target

AT_ONCE = 500
GONE = frozenset({"NoSuchKey", "NoSuchBucket", "ResourceNotFound"})
ResultT = TypeVar("ResultT")


class S3Options(Options):
    endpoint: WebAddress = Field("https://s3.amazonaws.com", description="Where the service is, without a path.")
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field("", max_length=1024, description="Only objects whose key begins so.")
    region: str = Field("us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    access_key: str | None = Field(None, min_length=3, max_length=200, description="Or `secret:NAME`; none: the bucket is public.")
    secret_key: SecretName | None = None
    suffixes: list[Suffix] = Field([], max_length=100, description="Only keys that end so, as `.pdf`; empty: all.")


class S3:
    def __init__(self, options: S3Options, around: Surroundings) -> None:
        target = Target.of(options.endpoint)
        if target.target != "/":
            raise refused("endpoint", "The endpoint has a path; give the bucket in 'bucket', and leave the path out.")
        if (options.access_key is None) != (options.secret_key is None):
            raise refused(
                "secret_key", "An access key needs a secret key, and the other way round; give both, or none for a public bucket."
            )
        self._options = options
        self._most = int(around.settings.connectors.item_bytes)
        pool = OutgoingPool(
            around.outgoing,
            around.asker,
            secrets=tuple(around.secrets.values()),
            most_bytes=self._most,
            timeout_s=around.settings.connectors.transfer_timeout_s,
        )
        self._client = Minio(
            target.url.split("/", 3)[2],
            around.secrets.get("access_key", options.access_key),
            around.secrets.get("secret_key"),
            secure=target.scheme == "https",
            region=options.region,
            http_client=pool,
        )

    async def discover(self) -> AsyncGenerator[Item]:
        """By key, as the service lists them."""
        listing = self._client.list_objects(self._options.bucket, self._options.prefix, recursive=True)
        while some := await self._asked(lambda: _some(listing)):
            for found in some:
                key = found.object_name or ""
                if not key.endswith("/") and of_suffix(key, self._options.suffixes):
                    yield self._item(key, found)

    async def fetch(self, item_id: str, mark: str | None = None) -> Fetched | None:
        return await self._asked(lambda: self._get(item_id, mark))

    async def close(self) -> None:
        """Nothing is open between requests."""

    def _item(self, key: str, found: Object) -> Item:
        problem = None
        if (found.size or 0) > self._most:
            problem = f"It is larger than {self._most} bytes (setting connectors.item_bytes)."
        mark = f"{found.etag}" if found.etag else None
        return Item(
            key, path_of(self._options.bucket, key), key.rpartition("/")[2], mark, found.size, None, found.last_modified, None, problem
        )

    def _get(self, key: str, mark: str | None) -> Fetched | None:
        if not key or len(key) > 1024:
            raise NotFound(f"There is no object '{key[:200]}' in the bucket.")
        response = self._client.get_object(self._options.bucket, key)
        content = response.read()
        etag = response.headers.get("etag", "").strip('"') or hashlib.sha256(content).hexdigest()
        media = response.headers.get("content-type", "").partition(";")[0] or "application/octet-stream"
        return None if mark is not None and mark == etag else Fetched(content, media, etag)

    async def _asked(self, work: Callable[[], ResultT]) -> ResultT:
        """Errors as ours."""
        try:
            return await to_thread.run_sync(work)
        except S3Error as error:
            if error.code in GONE:
                raise NotFound(f"The service says: {error.code}; check bucket and key.") from None
            raise RemoteFailed(f"The service refuses ({error.code}); check the keys, the region and their rights.") from None
        except MinioException as error:
            raise RemoteFailed(f"The service does not answer like S3 ({type(error).__name__}); check the endpoint.") from None
        except (ValueError, SyntaxError) as error:
            # SyntaxError: what the library's XML parser raises.
            raise Unprocessable(f"The bucket cannot be read: {str(error)[:200]}.") from None


def _some(listing: Iterator[Object]) -> list[Object]:
    found: list[Object] = []
    for entry in listing:
        found.append(entry)
        if len(found) == AT_ONCE:
            break
    return found


KIND = Kind("s3", "A bucket of S3, MinIO or another service that speaks like it.", S3Options, S3)

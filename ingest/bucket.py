"""A place in S3-compatible storage, `s3://BUCKET/PREFIX`: objects are put, listed and read.

Address, region and key come from the variables that AWS's own tools read: AWS_ENDPOINT_URL,
AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; without a key from the web
identity, container or machine that we run in. Files in `~/.aws` are not read.
"""

import io
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store

from stream.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SCHEME = "s3://"
READ_BYTES = 1 << 20
PUT_SECONDS = 300
"""For one object of an archive, 16 MB: half a megabit a second is enough."""
RETRIES = 3
RETRY_SECONDS = 30
TOO_MANY, NOT_NOW = 429, 500
"""The first of these, and every status from the second on, says: not now."""
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""Each wins over those after it."""

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")


class Unreachable(Exception):
    """The storage does not answer, or says: not now."""


class Bucket:
    """The objects right under one prefix."""

    def __init__(self, url: str) -> None:
        """Prepares it; nothing is sent yet.

        Raises:
            UserError: it is no address of a bucket.
        """
        parts = urlsplit(url)
        if not url.startswith(SCHEME) or not parts.netloc or "@" in parts.netloc:
            raise UserError(f"{url}: must be {SCHEME}BUCKET or {SCHEME}BUCKET/PREFIX")
        self.url = f"{SCHEME}{parts.netloc}/{parts.path.strip('/')}".rstrip("/")
        try:
            self._store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={
                    "allow_http": _endpoint().startswith("http://"),
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(seconds=PUT_SECONDS),
                },
                retry_config={
                    "max_retries": RETRIES,
                    "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                },
            )
        except (BaseError, OSError, ValueError) as error:
            raise UserError(f"{self.url}: {str(error).splitlines()[0]}") from None

    def put(self, name: str, data: bytes) -> None:
        """Writes one object; it is there whole when this returns, and not at all before.

        Raises:
            Unreachable: it can be tried again later.
            UserError: we may not, or the bucket is not there.
        """
        try:
            # In one request: parts of an upload that breaks off would stay, and be billed.
            self._store.put(name, data, use_multipart=False)
        except (BaseError, OSError) as error:
            raise self._said(error) from None

    def names(self) -> list[str]:
        """Gives the names of the objects under the prefix, sorted, without those in "folders".

        Raises:
            UserError: they cannot be listed.
        """
        try:
            found = self._store.list_with_delimiter()["objects"]
        except (BaseError, OSError) as error:
            raise UserError(str(self._said(error))) from None
        return sorted(str(one["path"]) for one in found)

    def open(self, name: str) -> io.BufferedReader:
        """Opens one object; reading it raises OSError where it breaks off.

        Raises:
            OSError: it cannot be opened.
        """
        try:
            chunks = self._store.get(name).stream(min_chunk_size=READ_BYTES)
        except (BaseError, OSError) as error:
            raise OSError(str(self._said(error))) from None
        return io.BufferedReader(_Chunks(map(bytes, chunks)), READ_BYTES)

    def _said(self, error: Exception) -> UserError | Unreachable:
        """Tells what an answer means; its own text may quote keys, and is never shown."""
        text = str(error)
        code, status = _CODE.search(text), _STATUS.search(text)
        said = " ".join([*(status.groups() if status else ()), *(code.groups() if code else ())])
        if code and code[1] == "NoSuchBucket":
            return UserError(f"{self.url}: there is no such bucket at {_host()}")
        if isinstance(error, FileNotFoundError):
            return UserError(f"{self.url}: there is no such object ({said})")
        number = int(status[1]) if status else NOT_NOW
        if number >= NOT_NOW or number == TOO_MANY:
            return Unreachable(f"{self.url}: {_host()} {_trouble(said)}")
        return UserError(
            f"{self.url}: {_host()} refuses us ({said}): see AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and AWS_REGION, and what the key may do there"
        )


class _Chunks(io.RawIOBase):
    """The bytes of an object as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        try:
            while not self._rest:
                self._rest = next(self._chunks)
        except StopIteration:
            return 0
        except BaseError as error:
            raise OSError("the connection to the storage broke off") from error
        size = min(len(view), len(self._rest))
        view[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def is_bucket(path: str) -> bool:
    """Says whether a path on the command line means S3."""
    return path.lower().startswith(SCHEME)


def _endpoint() -> str:
    return next(filter(None, (os.environ.get(name) for name in ENDPOINTS)), "")


def _host() -> str:
    return urlsplit(_endpoint()).netloc.rpartition("@")[2] or "AWS"


def _trouble(said: str) -> str:
    return f"says not now ({said})" if said else "does not answer"

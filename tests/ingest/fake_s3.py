"""A server that speaks as much of the S3 API as an archive needs: put, get, list.

Protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, API_GetObject.html,
API_ListObjectsV2.html, and ErrorResponses.html for what it says when something is wrong.
"""

import re
import socket
from collections.abc import Mapping
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

KEY, SECRET = "key", "SECRET-KEY"
PAGE = 2
"""Objects in one answer to a list; S3's own is 1,000."""


class FakeS3:
    """Buckets of one account, in memory."""

    def __init__(self, *buckets: str) -> None:
        self.objects: dict[str, dict[str, bytes]] = {bucket: {} for bucket in buckets}
        self.puts: list[str] = []
        """The key of each object that was sent, however it ended."""
        self.answers: list[tuple[int, str]] = []
        """Status and code of the next answers, in place of the real ones."""
        self.cut_uploads = 0
        """So many uploads lose their connection after a part of the body."""
        self.cut_downloads = 0
        """So many downloads lose theirs after half of the object."""
        self._server = _Server(self)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that lead to it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "eu-central-1",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _fake(self) -> FakeS3:
        assert isinstance(self.server, _Server)
        return self.server.fake

    def do_PUT(self) -> None:
        bucket, key = self._place()
        self._fake.puts.append(key)
        size = int(self.headers["Content-Length"])
        if self._fake.cut_uploads:
            self._fake.cut_uploads -= 1
            self.rfile.read(size // 2)
            return self._cut()
        body = self.rfile.read(size)
        if self._refused(bucket):
            return None
        self._fake.objects[bucket][key] = body
        tag = md5(body, usedforsecurity=False).hexdigest()
        return self._answer(200, b"", {"ETag": f'"{tag}"'})

    def do_GET(self) -> None:
        bucket, key = self._place()
        if self._refused(bucket):
            return None
        if not key:
            return self._answer(200, self._list(bucket).encode(), {})
        if (body := self._fake.objects[bucket].get(key)) is None:
            return self._error(404, "NoSuchKey")
        headers = {"ETag": '"tag"', "Last-Modified": formatdate(usegmt=True)}
        if self._fake.cut_downloads:
            self._fake.cut_downloads -= 1
            self._head(200, len(body), headers)
            self.wfile.write(body[: len(body) // 2])
            return self._cut()
        return self._answer(200, body, headers)

    def _place(self) -> tuple[str, str]:
        bucket, _slash, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        return bucket, key

    def _refused(self, bucket: str) -> bool:
        signed = self.headers.get("Authorization", "")
        if self._fake.answers:
            self._error(*self._fake.answers.pop(0))
        elif not re.match(rf"AWS4-HMAC-SHA256 Credential={KEY}/\d+/eu-central-1/s3/", signed):
            self._error(403, "InvalidAccessKeyId")
        elif bucket not in self._fake.objects:
            self._error(404, "NoSuchBucket")
        else:
            return False
        return True

    def _list(self, bucket: str) -> str:
        asked = {name: one[0] for name, one in parse_qs(urlsplit(self.path).query).items()}
        prefix, after = asked.get("prefix", ""), asked.get("continuation-token", "")
        under = [key for key in sorted(self._fake.objects[bucket]) if key.startswith(prefix)]
        here = [key for key in under if "/" not in key.removeprefix(prefix) and key > after]
        page, more = here[:PAGE], len(here) > PAGE
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self._fake.objects[bucket][key])}</Size>"
            "<LastModified>2026-11-20T12:00:00.000Z</LastModified><ETag>tag</ETag></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult><Name>{bucket}</Name><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}"
            "</ListBucketResult>"
        )

    def _error(self, status: int, code: str) -> None:
        # As S3 does: the answer to a wrong signature quotes the key and what was signed.
        text = f"<AWSAccessKeyId>{KEY}</AWSAccessKeyId><StringToSign>SIGNED</StringToSign>"
        self._answer(status, f"<Error><Code>{code}</Code>{text}</Error>".encode(), {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._head(status, len(body), headers)
        self.wfile.write(body)

    def _head(self, status: int, size: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(size)}.items():
            self.send_header(name, value)
        self.end_headers()

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def __init__(self, fake: FakeS3) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake

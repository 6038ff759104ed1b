"""A local server that answers saved-object requests as Kibana 9 does, or fails as it can.

What it checks of a request, and the words of its answers, are those of Kibana's own source.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Answer = tuple[int, Json | str]

NO_XSRF = "Request must contain a kbn-xsrf header."
ENFORCED = frozenset({"index-pattern", "search"})
"""Types of which a missing one makes an object fail; of others Kibana takes no notice."""


def error(status: int, name: str, message: str) -> Answer:
    return status, {"statusCode": status, "error": name, "message": message}


INTERNAL = error(
    500,
    "Internal Server Error",
    "An internal server error occurred. Check Kibana server logs for details.",
)
FORBIDDEN = error(403, "Forbidden", "Unable to bulk_create dashboard,search,tag")
UNKNOWN_USER = error(401, "Unauthorized", "[security_exception]: unable to authenticate user")
TOO_LARGE = error(
    413,
    "Request Entity Too Large",
    "Payload content length greater than maximum allowed: 26214400",
)
TOO_NEW = error(
    422,
    "Unprocessable Entity",
    'Document "emostream-now" belongs to a more recent version of Kibana [99.0.0] when the last '
    "known version is [10.3.0].",
)
STARTING: Answer = (503, "Kibana server is not ready yet")


class FakeKibana(ThreadingHTTPServer):
    """Keeps what is imported; `script` holds answers to give first, one for each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[tuple[str, str], Json] = {}
        self.script: list[Answer] = []
        self.requests: list[str] = []
        self.login: tuple[str, str] | None = None
        self.base_path = ""
        self.level = "available"
        self.secure = False

    @property
    def address(self) -> str:
        scheme = "https" if self.secure else "http"
        return f"{scheme}://127.0.0.1:{self.server_address[1]}"

    def wrap(self, certificate: Path, key: Path) -> None:
        """Speaks https from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.secure = True

    def import_(self, content: bytes, overwrite: bool) -> Answer:
        try:
            lines = [json.loads(line) for line in content.decode().splitlines() if line.strip()]
        except ValueError:
            return error(400, "Bad Request", "Unexpected token in JSON at position 0")
        objects = {(one["type"], one["id"]): one for one in lines if "exportedCount" not in one}
        results, errors = [], []
        for identity, one in objects.items():
            base = {"type": identity[0], "id": identity[1], "meta": {"title": _title(one)}}
            missing = [
                {"type": need["type"], "id": need["id"]}
                for need in one["references"]
                if need["type"] in ENFORCED
                and (need["type"], need["id"]) not in {**objects, **self.objects}
            ]
            if missing:
                errors.append(
                    base | {"error": {"type": "missing_references", "references": missing}}
                )
            elif identity in self.objects and not overwrite:
                errors.append(base | {"error": {"type": "conflict"}})
            else:
                results.append(base | {"managed": False})
                self.objects[identity] = one
        body: Json = {
            "successCount": len(results),
            "success": not errors,
            "warnings": [],
            "successResults": results,
        }
        return 200, body | ({"errors": errors} if errors else {})

    def export(self, wanted: list[Json]) -> Answer:
        missing = [one for one in wanted if (one["type"], one["id"]) not in self.objects]
        if missing:
            status, body = error(400, "Bad Request", "Error fetching objects to export")
            assert isinstance(body, dict)
            return status, body | {
                "attributes": {"objects": [one | {"error": {}} for one in missing]}
            }
        lines = []
        for one in wanted:
            stored = self.objects[one["type"], one["id"]]
            lines.append(
                json.dumps(
                    {
                        "attributes": stored["attributes"],
                        "coreMigrationVersion": "8.8.0",
                        "created_at": "2026-11-21T10:00:00.000Z",
                        "id": stored["id"],
                        "managed": False,
                        "references": stored["references"][::-1],
                        "type": stored["type"],
                        "typeMigrationVersion": stored["typeMigrationVersion"],
                        "updated_at": "2026-11-21T10:00:00.000Z",
                        "version": "WzEsMV0=",
                    }
                )
            )
        return 200, "\n".join(reversed(lines))


def _title(one: Json) -> str:
    title: str = one["attributes"].get("title") or one["attributes"]["name"]
    return title


class _Handler(BaseHTTPRequestHandler):
    server: FakeKibana
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(*self._respond("GET"))

    def do_POST(self) -> None:
        self._answer(*self._respond("POST"))

    def log_message(self, *_args: object) -> None:
        pass

    def _respond(self, method: str) -> Answer:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        server.requests.append(f"{method} {self.path}")
        if server.script:
            return server.script.pop(0)
        if not self.path.startswith(server.base_path + "/"):
            return 302, server.base_path + "/"
        path, _mark, query = self.path.removeprefix(server.base_path).partition("?")
        if path == "/api/status":
            return 200, {"status": {"overall": {"level": server.level}}}
        if server.login and not self._is_logged_in():
            return UNKNOWN_USER
        if method == "POST" and not self.headers.get("kbn-xsrf"):
            return error(400, "Bad Request", NO_XSRF)
        if path == "/api/saved_objects/_import":
            return self._import(content, "overwrite=true" in query)
        if path == "/api/saved_objects/_export":
            return server.export(json.loads(content)["objects"])
        return error(404, "Not Found", "Not Found")

    def _import(self, content: bytes, overwrite: bool) -> Answer:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = BytesParser(policy=HTTP).parsebytes(head + content).iter_parts()
        if part.get_param("name", header="content-disposition") != "file":
            return error(400, "Bad Request", "[request body.file]: expected value of type [Stream]")
        name = part.get_filename() or ""
        if not name.endswith(".ndjson"):
            extension = re.sub(r"^.*(?=\.)", "", name)
            return error(400, "Bad Request", f"Invalid file extension {extension}")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return self.server.import_(payload, overwrite)

    def _is_logged_in(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        wanted = ":".join(self.server.login or ())
        return base64.b64decode(given).decode() == wanted

    def _answer(self, status: int, body: Json | str) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("location", str(body))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

"""A local server that answers as an Elasticsearch with security and lifecycles is documented to.

Users, roles, API keys and lifecycles are its own; every other path is the real node's behind it,
where there is one. Whoever is no administrator may send only what the table in grants.py allows.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import unquote

import urllib3

from tests.indexer.grants import Descriptor, grant, in_bulk, needed

Answer = tuple[int, Any]
Caller = tuple[str, list[Descriptor]]
"""A name, and what it may do; nothing said for the administrator, who may do everything."""


NOTHING: Descriptor = {"cluster": [], "indices": []}


@dataclass
class Key:
    id: str
    name: str
    secret: str
    descriptors: dict[str, dict[str, Any]]
    metadata: dict[str, Any]
    owner: str
    active: bool = True

    @property
    def encoded(self) -> str:
        return base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()


@dataclass
class User:
    password: str
    roles: list[str]
    metadata: dict[str, Any] = field(default_factory=dict)


class SecuredNode(ThreadingHTTPServer):
    """`faults` maps a request to an answer of its own, given once; None cuts the connection."""

    daemon_threads = True

    def __init__(self, upstream: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.pool = urllib3.PoolManager(retries=False, maxsize=20)
        self.lock = threading.Lock()
        self.ids = count(1)
        self.users = {
            "elastic": User("top", ["superuser"]),
            "kibana_system": User("unknown", ["kibana_system"]),
            "nobody": User("none", []),
        }
        self.roles: dict[str, dict[str, Any]] = {}
        self.keys: list[Key] = []
        self.policies: dict[str, dict[str, Any]] = {}
        self.indices: dict[str, dict[str, str]] = {}
        """Each index with its lifecycle settings; with a node behind us only those that have."""
        self.components: dict[str, dict[str, str]] = {}
        """Component templates for lifecycles, with their settings."""
        self.faults: dict[str, Answer | None] = {}
        self.before: dict[str, Callable[[], Any]] = {}
        """What happens in the cluster, once, just before a request."""
        self.requests: list[tuple[str, str]] = []
        self.used: set[tuple[str, str, str]] = set()
        """Caller, privilege and the name it was granted on."""
        self.refused: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def active(self, name: str) -> list[Key]:
        return [key for key in self.keys if key.name == name and key.active]

    def changes(self) -> list[str]:
        """The requests so far that are more than questions, and forgets all."""
        asked = [line for _who, line in self.requests if not line.startswith(("GET ", "HEAD "))]
        self.requests.clear()
        return asked

    def caller(self, header: str | None) -> Caller | None:
        """Who sends this header; None if nobody we know."""
        kind, _, credentials = (header or "").partition(" ")
        if not credentials:
            return None
        name, _, secret = base64.b64decode(credentials).decode().partition(":")
        if kind == "ApiKey":
            for key in self.keys:
                if (key.id, key.secret, key.active) == (name, secret, True):
                    return key.name, list(key.descriptors.values())
            return None
        user = self.users.get(name)
        if user is None or user.password != secret:
            return None
        if "superuser" in user.roles:
            return name, []
        return name, [self.roles.get(role, NOTHING) for role in user.roles] or [NOTHING]

    def may(self, caller: Caller, line: str, body: bytes) -> bool:
        """Whether the caller may send this request; notes by what."""
        name, descriptors = caller
        if not descriptors:
            return True
        needs = needed(line, body, self.has)
        if needs is None:
            return False
        granted = {grant(descriptors, need) for need in needs}
        self.used |= {(name, *one) for one in granted if one}
        return None not in granted

    def has(self, index: str) -> bool:
        if self.upstream is None:
            return index in self.indices
        return self.pool.request("HEAD", f"{self.upstream}/{index}").status == 200

    def ask(self, method: str, path: str) -> Any:
        return self.pool.request(method, f"{self.upstream}{path}").json()


class _Handler(BaseHTTPRequestHandler):
    server: SecuredNode
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._respond()

    def do_HEAD(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(self.path.partition("?")[0])
        line = f"{self.command} {path}"
        with self.server.lock:
            answer = self._answer(line, path, body)
        if answer is None:
            self.close_connection = True
            return
        status, content = answer
        encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(encoded)

    def _answer(self, line: str, path: str, body: bytes) -> Answer | None:
        server = self.server
        caller = server.caller(self.headers.get("Authorization"))
        server.requests.append((caller[0] if caller else "", line))
        if line in server.faults:
            return server.faults.pop(line)
        if line in server.before:
            server.before.pop(line)()
        if caller is None:
            return refusal(401, "security_exception", f"unable to authenticate for [{path}]")
        if not server.may(caller, line, body):
            server.refused.append((caller[0], line))
            return refusal(403, "security_exception", f"[{line}] is unauthorized for [{caller[0]}]")
        content = json.loads(body) if body and path != "/_bulk" else {}
        for table in (self._security, self._lifecycle):
            if (answer := table(line, path, content, caller)) is not None:
                return answer
        if line == "POST /_bulk":
            return self._bulk(body)
        return self._forward(body) if server.upstream else self._index(line, path)

    def _security(self, line: str, path: str, body: Any, caller: Caller) -> Answer | None:
        if line == "GET /_security/_authenticate":
            return self._whoami(caller)
        if line == "PUT /_security/api_key":
            return self._make_key(body, caller)
        if line == "GET /_security/api_key":
            name = re.search(r"name=([^&]+)", self.path)
            keys = self.server.active(name[1]) if name else []
            listed = [{"id": k.id, "name": k.name, "metadata": k.metadata} for k in keys]
            return 200, {"api_keys": listed}
        if line == "DELETE /_security/api_key":
            gone = [key for key in self.server.keys if key.active and key.id in body["ids"]]
            for key in gone:
                key.active = False
            return 200, {"invalidated_api_keys": [key.id for key in gone], "error_count": 0}
        if found := re.fullmatch(r"PUT /_security/api_key/(.+)", line):
            return self._update_key(found[1], body, caller)
        if found := re.fullmatch(r"(GET|PUT) /_security/role/(.+)", line):
            return self._role(found[1], found[2], body)
        if found := re.fullmatch(r"(GET|PUT|POST) /_security/user/([^/]+)(/_password)?", line):
            return self._user(found[1], found[2], body, password_only=bool(found[3]))
        return None

    def _whoami(self, caller: Caller) -> Answer:
        for key in self.server.keys:
            if self.headers["Authorization"] == f"ApiKey {key.encoded}":
                known = {"id": key.id, "name": key.name}
                return 200, {
                    "username": key.owner,
                    "authentication_type": "api_key",
                    "api_key": known,
                }
        return 200, {"username": caller[0], "authentication_type": "realm"}

    def _make_key(self, body: Any, caller: Caller) -> Answer:
        number = next(self.server.ids)
        key = Key(
            f"id-{number}",
            body["name"],
            f"hidden-{number}",
            body["role_descriptors"],
            body["metadata"],
            caller[0],
        )
        self.server.keys.append(key)
        made = {"id": key.id, "name": key.name, "api_key": key.secret, "encoded": key.encoded}
        return 200, made

    def _update_key(self, key_id: str, body: Any, caller: Caller) -> Answer:
        for key in self.server.keys:
            if (key.id, key.owner, key.active) == (key_id, caller[0], True):
                updated = (key.descriptors, key.metadata) != (
                    body["role_descriptors"],
                    body["metadata"],
                )
                key.descriptors, key.metadata = body["role_descriptors"], body["metadata"]
                return 200, {"updated": updated}
        return refusal(
            404,
            "resource_not_found_exception",
            f"no API key owned by requesting user found for ID [{key_id}]",
        )

    def _role(self, method: str, name: str, body: Any) -> Answer:
        present = self.server.roles.get(name)
        if method == "GET":
            return (200, {name: present}) if present else (404, {})
        self.server.roles[name] = body
        return 200, {"role": {"created": present is None}}

    def _user(self, method: str, name: str, body: Any, *, password_only: bool) -> Answer:
        users = self.server.users
        present = users.get(name)
        if method == "GET":
            if present is None:
                return 404, {}
            return 200, {name: {"roles": present.roles, "metadata": present.metadata}}
        if password_only and present is not None:
            present.password = body["password"]
            return 200, {}
        users[name] = User(body["password"], body["roles"], body["metadata"])
        return 200, {"created": present is None}

    def _lifecycle(self, line: str, path: str, body: Any, _caller: Caller) -> Answer | None:
        if line == "GET /_ilm/status":
            return 200, {"operation_mode": "RUNNING"}
        if found := re.fullmatch(r"(GET|PUT|DELETE) /_ilm/policy/(.+)", line):
            return self._policy(found[1], found[2], body)
        if found := re.fullmatch(r"(HEAD|PUT|DELETE) /_component_template/(.+@lifecycle)", line):
            return self._component(found[1], found[2], body)
        if found := re.fullmatch(r"POST /(.+)/_ilm/remove", line):
            self.server.indices[found[1]].pop("index.lifecycle.name", None)
            return 200, {"has_failures": False, "failed_indexes": []}
        if found := re.fullmatch(r"PUT /([^/]+)/_settings", line):
            self._keep(found[1], body)
            return 200, {"acknowledged": True}
        if line == "GET /emotions-v*/_settings":
            present = json.loads(self._forward(b"")[1]) if self.server.upstream else {}
            for index, settings in self.server.indices.items():
                present.setdefault(index, {"settings": {}})["settings"] |= settings
            return 200, present
        found = re.fullmatch(r"PUT /([^_/][^/]*)", line)
        if found and "index.lifecycle.name" in body.get("settings", {}):
            if self.server.has(found[1]):
                return refusal(400, "resource_already_exists_exception", found[1])
            self._keep(found[1], body["settings"])
            # The real node knows no lifecycle.
            return self._forward(b"{}") if self.server.upstream else (200, {"acknowledged": True})
        return None

    def _component(self, method: str, name: str, body: Any) -> Answer:
        components = self.server.components
        if method == "HEAD":
            return (200 if name in components else 404), {}
        if method == "PUT":
            components[name] = body["template"]["settings"]
        else:
            for one in [one for one in components if fnmatchcase(one, name)]:
                del components[one]
        return 200, {"acknowledged": True}

    def _bulk(self, body: bytes) -> Answer:
        """Lets the node do it, and gives the months that it makes what their template says."""
        missing = {index for _do, index in in_bulk(body) if not self.server.has(index)}
        answer = self._forward(body)
        for index in filter(self.server.has, missing):
            name = f"/_index_template/{index.rpartition('-')[0]}"
            (template,) = self.server.ask("GET", name)["index_templates"]
            for component in template["index_template"]["composed_of"]:
                self._keep(index, self.server.components.get(component, {}))
        return answer

    def _keep(self, index: str, settings: dict[str, Any]) -> None:
        if settings:
            kept = self.server.indices.setdefault(index, {})
            kept.update({name: str(value) for name, value in settings.items()})

    def _policy(self, method: str, name: str, body: Any) -> Answer:
        policies = self.server.policies
        if method == "PUT":
            policies[name] = body["policy"]
            return 200, {"acknowledged": True}
        if name not in policies:
            return refusal(
                404, "resource_not_found_exception", f"Lifecycle policy not found: {name}"
            )
        if method == "GET":
            policy = json.loads(json.dumps(policies[name]))
            policy["phases"]["delete"]["actions"]["delete"] = {"delete_searchable_snapshot": True}
            return 200, {name: {"version": 1, "policy": policy}}
        users = [i for i, s in self.server.indices.items() if s.get("index.lifecycle.name") == name]
        if users:
            reason = f"Cannot delete policy [{name}]. It is in use by one or more indices: {users}"
            return refusal(400, "illegal_argument_exception", reason)
        del policies[name]
        return 200, {"acknowledged": True}

    def _index(self, line: str, path: str) -> Answer:
        """Knows of no other path but the list of the indices."""
        if line == "GET /emotions-v*":
            return 200, {index: {"aliases": {}} for index in self.server.indices}
        return 400, {"error": f"no handler found for uri [{path}] and method [{self.command}]"}

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        kept = ("content-type", "accept")
        headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
        answer = self.server.pool.request(
            self.command, f"{self.server.upstream}{self.path}", body=body, headers=headers
        )
        return answer.status, answer.data

    def log_message(self, *_: Any) -> None:
        """Keeps the test's output quiet."""


def refusal(status: int, kind: str, reason: str) -> Answer:
    return status, {"error": {"type": kind, "reason": reason}, "status": status}


@contextmanager
def secured_node(upstream: str | None = None) -> Iterator[SecuredNode]:
    node = SecuredNode(upstream)
    thread = threading.Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.shutdown()
        thread.join()
        node.server_close()

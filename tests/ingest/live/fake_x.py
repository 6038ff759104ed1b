"""A server that answers as https://docs.x.com/x-api says: streams, rules, recent search, usage.

What was published before the first connection is streamed on it; after that a stream gives what is
published while it is open, and the rest can only be searched for.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from ingest.budget import Budget, Limits
from ingest.context import Context
from ingest.ledger import Ledger
from ingest.live.x import X
from ingest.live.x_api import Api
from ingest.live.x_recheck import Recheck
from ingest.live.x_refusals import Waits
from ingest.live.x_rules import Rule
from ingest.live.x_search import RecentSearch, Span
from ingest.live.x_stream import Patience, Stream, Wanted
from ingest.x import id_at, id_time
from tests.ingest.doubles import SettableClock

TOKEN = "a-token"
RULES = (Rule(tag="days", value="day lang:en"),)
PATIENCE = Patience(tick=0.02, stall=0.2, indexed=0.0, search=0.02)
KEEP_ALIVE_SECONDS = 0.05
WEEK = timedelta(days=7)
PROBLEMS = "https://api.x.com/2/problems/"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """What is answered instead of the truth."""

    status: int
    headers: Mapping[str, str]
    problem: str = ""
    body: bytes | None = None


class FakeX:
    """Everything that was posted, and who was told what."""

    def __init__(self, clock: SettableClock) -> None:
        self._asked: list[Asked] = []
        self.requests: Sequence[Any] = self._asked
        self.rules: list[dict[str, str]] = [
            {"id": str(n), "value": rule.value, "tag": rule.tag} for n, rule in enumerate(RULES)
        ]
        self.bad_rules: dict[str, str] = {}
        """Values that are refused, and with which detail."""
        self.unsearchable: set[str] = set()
        """Queries that recent search refuses."""
        self.gone: dict[str, str] = {}
        """Ids that are not there, and with which problem if not the usual one."""
        self.usage: dict[str, Any] = {
            "cap_reset_day": 10,
            "project_cap": "2000000",
            "project_usage": "43435",
        }
        self.elsewhere = ""
        """An address to ask instead of this server's."""
        self.wanted = Wanted(RULES, patience=PATIENCE)
        self.limits = Limits(0.005)
        self.span: Span | None = None
        self.ids: Path | None = None
        self._clock = clock
        self._posts: list[dict[str, Any]] = []
        self._lines: list[tuple[bool, bytes]] = []
        """In order: whether it is a post, and the line."""
        self._told = self._newest = 0
        self._answers: list[Answer] = []
        self._hanging: str | None = None
        self.fresh = False
        self.secret: str | None = TOKEN
        self._closing = Event()
        self._era, self._stalled, self._connections = 0, -1, 0
        self._closed = False
        self._changed = Condition()
        self._server = _Server(self)

    @property
    def address(self) -> str:
        """What EMOSTREAM_X_API would be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def api(self, context: Context) -> Api:
        """Our client for this server."""
        return Api(TOKEN, self.elsewhere or self.address, context.now)

    def source(self, context: Context) -> X:
        """What a test wants of this server: a stream, the search of a span, or posts by id."""
        api, waits = self.api(context), Waits(lambda: 1.0)
        ledger = Ledger.of(context.state, "x", TOKEN)
        budget = Budget(self.limits, ledger, context.now)
        wait = self.wanted.wait_for_budget
        if self.ids is not None:
            return X(api, budget, Recheck(api, budget, context, waits, self.ids, wait=wait))
        if self.span is not None:
            search = RecentSearch(api, budget, context, waits, self.span, wait=wait)
            return X(api, budget, search)
        return X(api, budget, Stream(api, budget, context, waits, self.wanted))

    def publish(self, texts: Sequence[str], **fields: Any) -> list[str]:
        """Publishes a post for each text, then a second passes; gives their ids."""
        ids = [self._post(text, fields) for text in texts]
        self._clock.wait(1.0)
        return ids

    def late(self, text: str, seconds: float) -> str:
        """Shows a post that was written so long ago only now."""
        new = str(id_at(self._now() - timedelta(seconds=seconds)) + len(self._posts))
        self._publish(new, text, {"edit_history_tweet_ids": [new]})
        return new

    def early(self, text: str, seconds: float) -> str:
        """Shows a post whose time is so much later than now."""
        return self.late(text, -seconds)

    def edit(self, native_id: str, text: str) -> str:
        """Publishes a new version of a post; gives the version's own id."""
        history = [one["id"] for one in self._posts if native_id in one["edit_history_tweet_ids"]]
        new = str(self._next_id())
        for one in self._posts:
            if one["id"] in history:
                one["edit_history_tweet_ids"] = [*history, new]
        self._publish(new, text, {"edit_history_tweet_ids": [*history, new]})
        return new

    def delete(self, native_id: str) -> None:
        """Tells that a post is deleted, as X's compliance stream does."""
        self._posts = [one for one in self._posts if one["id"] != native_id]
        gone = {"tweet": {"id": native_id, "author_id": "70001"}, "event_at": _iso(self._now())}
        self.tell({"data": {"delete": gone}})

    def malformed(self) -> None:
        """Sends half a post."""
        self.tell_bytes(b'{"data": {"id": "12", "text": "so happy abo')

    def tell(self, payload: Any) -> None:
        """Streams any JSON."""
        self.tell_bytes(json.dumps(payload).encode())

    def tell_bytes(self, line: bytes) -> None:
        """Streams any line."""
        with self._changed:
            self._lines.append((False, line))
            self._changed.notify_all()

    def drop_connections(self) -> None:
        """Cuts the streams there are."""
        with self._changed:
            self._era += 1
            self._changed.notify_all()

    def stall(self) -> None:
        """The streams there are stay open and say nothing more."""
        with self._changed:
            self._stalled = self._connections
            self._changed.notify_all()

    def answer_next(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        problem: str = "",
        body: bytes | None = None,
    ) -> None:
        """Answers the next request so."""
        self._answers.append(Answer(status, headers or {}, problem, body))

    def hang(self, path: str = "") -> None:
        """Takes each request (for this path) from now on, and never answers."""
        self._hanging = path

    def wake(self) -> None:
        """Answers again what is asked from now on."""
        self._hanging = None

    def hangs(self, asked: Asked) -> bool:
        """Waits, where the request is not to be answered, until the server ends; then says so."""
        with self._changed:
            if self._hanging is None or not asked.path.startswith(self._hanging):
                return False
            self._asked.append(asked)
        return self._closing.wait()

    def forget_before(self, native_id: str) -> None:
        """Search no longer knows older posts."""
        self._posts = [one for one in self._posts if int(one["id"]) >= int(native_id)]

    def asked(self, path: str) -> list[Asked]:
        """The requests for one path."""
        return [one for one in self._asked if one.path == path]

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.set()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def _now(self) -> datetime:
        return self._clock.now()

    def _next_id(self) -> int:
        self._newest = max(self._newest + 1, id_at(self._now()))
        return self._newest

    def _post(self, text: str, fields: dict[str, Any]) -> str:
        new = str(self._next_id())
        self._publish(new, text, {"edit_history_tweet_ids": [new], **fields})
        return new

    def _publish(self, new: str, text: str, fields: dict[str, Any]) -> None:
        post = {
            "id": new,
            "text": text,
            "author_id": "70001",
            "created_at": _iso(id_time(new)),
            "lang": "en",
            "conversation_id": new,
            **fields,
        }
        envelope = {"data": post, "includes": _INCLUDES, "matching_rules": [{"tag": "days"}]}
        with self._changed:
            self._posts.append(post)
            self._lines.append((True, json.dumps(envelope).encode()))
            self._changed.notify_all()

    def next_answer(self, asked: Asked) -> Answer:
        """Notes a request; gives what is to be answered to all but streams."""
        with self._changed:
            self._asked.append(asked)
            if self._answers:
                return self._answers.pop(0)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, {})
        found = {
            "/2/tweets/search/stream/rules": self._rules,
            "/2/tweets/search/recent": self._search,
            "/2/usage/tweets": self._usage,
            "/2/tweets": self._lookup,
            "/2/tweets/search/stream": self._may_stream,
            "/2/tweets/sample/stream": self._sample,
        }.get(asked.path)
        return found(asked) if found else Answer(404, {})

    def lines(self, left: Callable[[], bool]) -> Iterator[bytes]:
        """What one new stream sends, empty for a keep-alive, until it is cut or the client left."""
        with self._changed:
            era, self._connections = self._era, self._connections + 1
            number, first = self._connections, self._connections == 1
            waiting = [line for is_post, line in self._lines[self._told :] if first or not is_post]
            at = self._told = len(self._lines)
        yield from waiting
        while True:
            with self._changed:
                if at == len(self._lines) or number <= self._stalled:
                    self._changed.wait(KEEP_ALIVE_SECONDS)
                if self._closed or era != self._era or left():
                    return
                if number <= self._stalled:
                    continue
                new, at = [line for _post, line in self._lines[at:]], len(self._lines)
                self._told = max(self._told, at)
            yield from new or [b""]

    def _may_stream(self, _asked: Asked) -> Answer:
        return Answer(200, {}) if self.rules else Answer(409, {}, "streaming-connection")

    def _sample(self, _asked: Asked) -> Answer:
        return Answer(200, {})

    def _lookup(self, asked: Asked) -> Answer:
        wanted = asked.query["ids"].split(",")
        there = {one["id"]: one for one in self._posts}
        body: dict[str, Any] = {"data": [there[one] for one in wanted if one in there]}
        body["errors"] = [
            {
                "resource_type": "tweet",
                "parameter": "ids",
                "resource_id": one,
                "title": "Not Found Error",
                "type": PROBLEMS + self.gone.get(one, "resource-not-found"),
            }
            for one in wanted
            if one not in there
        ]
        return Answer(200, {}, body=_json({name: found for name, found in body.items() if found}))

    def _usage(self, _asked: Asked) -> Answer:
        return Answer(200, {}, body=_json({"data": self.usage}))

    def _rules(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            body = {"data": self.rules} if self.rules else {}
            return Answer(200, {}, body=_json({**body, "meta": {"sent": _iso(self._now())}}))
        if "delete" in asked.body:
            gone = asked.body["delete"]["ids"]
            self.rules = [one for one in self.rules if one["id"] not in gone]
            return Answer(200, {}, body=_json({"meta": {"summary": {"deleted": len(gone)}}}))
        there = {one["value"] for one in self.rules}
        errors: list[dict[str, Any]] = []
        added: list[dict[str, Any]] = []
        for one in asked.body["add"]:
            if one["value"] in self.bad_rules:
                details = [self.bad_rules[one["value"]]]
                errors.append({"title": "Invalid Rule", "details": details, **one})
            elif one["value"] in there:
                errors.append({"title": "DuplicateRule", "value": one["value"]})
            else:
                added.append({**one, "id": str(1000 + len(self.rules) + len(added))})
        if asked.query.get("dry_run") != "true" and not errors:
            self.rules = [*self.rules, *added]
        return Answer(201, {}, body=_json({"data": added} | ({"errors": errors} if errors else {})))

    def _search(self, asked: Asked) -> Answer:
        query, earliest = asked.query, self._now() - WEEK
        if query["query"] in self.unsearchable or not 10 <= int(query["max_results"]) <= 100:
            return Answer(400, {}, "invalid-request")
        since = int(query.get("since_id", 0))
        start = datetime.fromisoformat(query["start_time"]) if "start_time" in query else None
        if (since and id_time(since) < earliest) or (start and start < earliest):
            return Answer(400, {}, "invalid-request")
        least = max(since + 1, id_at(start) if start else 0)
        most = int(query.get("next_token", query.get("until_id", 2**63)))
        found = [one for one in self._posts if least <= int(one["id"]) < most]
        found = sorted(found, key=lambda one: int(one["id"]), reverse=True)
        page = found[: int(query["max_results"])]
        meta: dict[str, Any] = {"result_count": len(page)}
        if len(found) > len(page):
            meta["next_token"] = page[-1]["id"]
        body = {"data": page, "includes": _INCLUDES, "meta": meta} if page else {"meta": meta}
        return Answer(200, {}, body=_json(body))


_INCLUDES = {
    "users": [
        {
            "id": "70001",
            "name": "Ada Loaf",
            "username": "ada_loaf",
            "public_metrics": {"followers_count": 120},
        }
    ]
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeX) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), body, headers)
        if self.server.fake.hangs(asked):
            self.close_connection = True
            return
        answer = self.server.fake.next_answer(asked)
        if answer.status == 200 and answer.body is None:
            self._stream()
        else:
            self._answer(answer)

    do_POST = do_GET  # noqa: N815 - as the standard library wants it

    def _answer(self, answer: Answer) -> None:
        body = answer.body if answer.body is not None else _error(answer)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in self.server.fake.lines(self._left):
                chunk = line + b"\r\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _left(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def log_message(self, *_given: object) -> None:
        pass


def _error(answer: Answer) -> bytes:
    problem = PROBLEMS + answer.problem if answer.problem else "about:blank"
    title = HTTPStatus(answer.status).phrase if answer.status != 420 else "Enhance Your Calm"
    return _json({"title": title, "type": problem, "detail": title, "status": answer.status})


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def _iso(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", ".000Z")

"""A platform in memory, and a source for it: the smallest that keeps the contract.

The platform gives up to ten events after a number; the cursor is the newest number seen.
"""

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from ingest import own
from ingest.context import Context
from ingest.ledger import Ledger
from ingest.payloads import Payload, parse
from ingest.sightings import Outcome, Refusal
from ingest.sources import Allowance, Arrival, Cursor, Gap, LiveSource, Pause, Told
from ingest.waiting import Stopped, answered, pauses, retry_after
from stream.backoff import Backoff
from stream.errors import InvalidRecord, UserError
from tests.ingest.doubles import SettableClock

PAGE = 10
POLL_SECONDS = 5.0


class Refused(Exception):
    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(f"status {status}")
        self.status, self.headers = status, headers


@dataclass
class MemoryPlatform:
    """Events from number 0 on; those before `oldest` are forgotten."""

    clock: SettableClock
    requests: list[int] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    oldest: int = 0
    answers: deque[Exception] = field(default_factory=deque)
    hanging: bool = False
    fresh: bool = False
    secret: str | None = None

    def source(self, context: Context) -> LiveSource:
        return MemorySource(self, context)

    def publish(self, texts: Sequence[str]) -> list[str]:
        return [self._add(text) for text in texts]

    def late(self, text: str, seconds: float) -> str:
        return self._add(text, seconds)

    def early(self, text: str, seconds: float) -> str:
        return self.late(text, -seconds)

    def _add(self, text: str, seconds: float = 0.0) -> str:
        native_id = str(len(self.events))
        post = {"kind": "post", "platform": "memory", "native_id": native_id, "text": text}
        times = {"created_at": (self.clock.now() - timedelta(seconds=seconds)).isoformat()}
        self.events.append(json.dumps(post | times).encode())
        return native_id

    def delete(self, native_id: str) -> None:
        event = {"kind": "deletion", "platform": "memory", "native_id": native_id}
        times = {"deleted_at": self.clock.now().isoformat()}
        self.events.append(json.dumps(event | times).encode())

    def malformed(self) -> None:
        self.events.append(b'{"kind": "post", "text":')

    def drop_connections(self) -> None:
        self.answers.append(ConnectionResetError("gone"))

    def answer_next(self, status: int, headers: Mapping[str, str] = {}) -> None:
        self.answers.append(Refused(status, headers))

    def stall(self) -> None:
        self.answers.append(TimeoutError("silent"))

    def hang(self) -> None:
        self.hanging = True

    def forget_before(self, native_id: str) -> None:
        self.oldest = int(native_id)

    def ask(self, after: int) -> tuple[int, list[bytes]]:
        """The number of the first event given, and the events."""
        self.requests.append(after)
        if self.hanging:
            time.sleep(3600)
        if self.answers:
            raise self.answers.popleft()
        first = max(after + 1, self.oldest)
        return first, self.events[first : first + PAGE]


class _Place(Payload):
    """Where to read on."""

    after: int


class MemorySource:
    """Asks the platform again and again."""

    platform = "memory"

    def __init__(self, server: MemoryPlatform, context: Context) -> None:
        self._server, self._context = server, context
        self._ledger = Ledger.of(context.state, "memory", "no token")
        self._backoff = Backoff(first=1.0, longest=60.0)

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        after = self._context.kept(_Place, cursor).after if cursor is not None else -1
        stop = self._context.stop
        while not stop.is_set():
            self._spend()
            try:
                first, page = yield from answered(partial(self._server.ask, after), stop)
            except Stopped:
                return
            except Refused as refused:
                yield from self._refused(refused)
                continue
            except OSError as error:
                yield from pauses(self._backoff.next(), stop, f"memory: {error}")
                continue
            self._backoff.reset()
            if first > after + 1 and after >= 0:
                yield Gap(f"events {after + 1} to {first - 1} are no longer kept")
            for number, data in enumerate(page, first):
                outcome = self._outcome(data)
                yield Arrival(data, [outcome], f"memory {number}", {"after": number})
                after = number
            if not page:
                yield from pauses(POLL_SECONDS, stop)

    def _refused(self, refused: Refused) -> Iterator[Pause]:
        if refused.status in (401, 403):
            raise UserError(f"memory: refused us with status {refused.status}")
        least = retry_after(refused.headers.get("Retry-After"), self._context.now())
        yield from pauses(self._backoff.next(least), self._context.stop, f"memory: {refused}")

    def _outcome(self, data: bytes) -> Outcome:
        try:
            return own.record(parse(data), self._context.sighting("memory"))
        except InvalidRecord as error:
            return Refusal(str(error))

    def _spend(self) -> None:
        self._ledger.change(lambda kept: {"used": kept.get("used", 0) + 1})

    def check(self) -> Told:
        self._server.ask(0)
        return Told(["memory: answers"])

    def plan(self) -> Sequence[str]:
        return ["memory: asks every 5 s"]

    def allowances(self) -> Sequence[Allowance]:
        used = self._ledger.read().get("used", 0)
        return [Allowance("requests", used, unit="requests")]

"""Bulk requests: bounded by count, bytes and number, repeated for what was refused and only that.

Every action ends in one of four ways: done, lost to a newer version, rejected for a fault of its
own, or (by exception) not decided, because the whole batch must wait or the station must stop.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from threading import Event
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from indexer.counters import BulkCounters
from stream.backoff import Backoff
from stream.crash import reached
from stream.elastic import writing
from stream.errors import Backpressure, UserError

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""So often in a row a bulk may be refused without one action more being taken."""

REFUSED = frozenset({429, 502, 503, 504})
"""Statuses of one item that say: not now."""

KEPT_ASIDE = ("used", "failed")
"""What an item says that was answered with 2xx and is not in the index."""

OLDER = 409
TOO_LARGE = 413

ITEM_FAULTS = frozenset(
    {
        "document_parsing_exception",
        "mapper_parsing_exception",
        "parsing_exception",
        "strict_dynamic_mapping_exception",
    }
)
"""Error types of status 400 that lie in the document. Others with that status lie in the cluster
(a closed index, no room for one more shard, a pipeline that is not there) and stop the station
instead of burying the stream."""

BLOCKED = "cluster_block_exception"
MOVED = " If the posts have moved to a newer version's indices, update emostream."

CLUSTER_FAULTS = frozenset(
    {"index_closed_exception", "index_not_found_exception", "validation_exception"}
)
"""Error types whose reason tells of the cluster; any other's may quote a document."""

CLUSTER_REASON = re.compile(
    r"pipeline with id \[[^\]]{1,200}\] does not exist|unknown index sort field:\[[^\]]{1,200}\]"
)
"""Reasons of an `illegal_argument_exception` that tell of the cluster too."""

ANSWER = ",".join(
    f"items.*.{path}"
    for path in (
        "status",
        "error.type",
        "error.reason",
        "error.caused_by.type",
        "failure_store",
    )
)
FIELD = re.compile(
    r"""(?:field|introduction of|mapping for) \[([^\]]{1,200})\]|field="([^"]{1,200})\""""
)


class IndexingError(RuntimeError):
    """Elasticsearch answered something that no record and no pressure explains: stop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large one bulk request may be, the first wait after a refusal, how many at once."""

    actions: int
    bytes: int
    retry_seconds: float
    in_flight: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one action ended; `fault` says what is wrong with a rejected one."""

    status: int
    fault: str | None = None

    @property
    def older(self) -> bool:
        """Whether a newer version was there already: done, nothing to write."""
        return self.status == OLDER

    @property
    def missing(self) -> bool:
        """Whether there was nothing to delete."""
        return self.status == 404


WRITTEN = {"index": {"status": 201}}
CREATED = Outcome(201)


class InFlight:
    """How many requests may be under way at once.

    One more after each round that was taken, half as many after one that was refused, as TCP finds
    its rate (additive increase, multiplicative decrease).
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.bound = 1

    def taken(self) -> None:
        """Allows one more."""
        self.bound = min(self._most, self.bound + 1)

    def refused(self) -> None:
        """Allows half as many."""
        self.bound = max(1, self.bound // 2)


class Bulk:
    """Sends actions and gives one outcome for each, in their order."""

    def __init__(
        self,
        client: Elasticsearch,
        limits: Limits,
        stop: Event,
        counters: BulkCounters | None = None,
    ) -> None:
        self._client, self._limits, self._stop = client, limits, stop
        self._counters = counters or BulkCounters("bulk")
        self._in_flight = InFlight(limits.in_flight)
        self.backoff = Backoff(limits.retry_seconds)

    def send(self, actions: Iterable[bytes]) -> list[Outcome]:
        """Sends all actions; returns when each is decided.

        They are taken one by one: what makes them works on while the first are under way.

        Several requests may be under way at once, and overtake one another: no two of the actions
        may be for the same document unless their versions tell which is to stay.

        Raises:
            Backpressure: the node refuses still, or does not answer; all may be repeated.
            UserError: we may not write.
            IndexingError: an answer that must not be passed over.
        """
        pending: dict[int, bytes] = {}
        decided = self._rounds(_kept(actions, pending))
        sent = len(pending)
        waits = Backoff(self._limits.retry_seconds)
        in_vain = 0
        while True:
            refused = {
                position: action
                for position, action in pending.items()
                if decided[position].status in REFUSED
            }
            if not refused:
                self.backoff.reset()
                return [decided[position] for position in range(sent)]
            logger.debug("%d of %d actions refused", len(refused), sent)
            if len(refused) < len(pending):
                # To give up now would be to send again what was taken, and never get to the end.
                in_vain = 0
                waits.reset()
            in_vain, pending = in_vain + 1, refused
            if in_vain == ATTEMPTS or self._stop.wait(waits.next()):
                break
            self._counters.bulk.repeated += len(pending)
            decided |= self._rounds(pending.items())
        raise Backpressure(
            f"Elasticsearch refuses {len(pending)} of {sent} actions", self.backoff.next()
        )

    def _rounds(self, actions: Iterable[tuple[int, bytes]]) -> dict[int, Outcome]:
        """Sends all actions once, as many requests at a time as may be under way."""
        decided: dict[int, Outcome] = {}
        waiting = parts(actions, self._limits)
        for first in waiting:
            try:
                outcomes = self._at_once(first, islice(waiting, self._in_flight.bound - 1))
            except Backpressure as pressure:
                self._in_flight.refused()
                # Once, however many of the requests have failed.
                pressure.retry_after = self.backoff.next()
                raise
            refused = sum(one.status in REFUSED for one in outcomes.values())
            if refused:
                self._in_flight.refused()
            else:
                self._in_flight.taken()
            if refused < len(outcomes):
                self._counters.turn()  # a batch may take its time, as long as it gets on
            decided.update(outcomes)
        return decided

    def _at_once(
        self, first: Mapping[int, bytes], more: Iterable[Mapping[int, bytes]]
    ) -> dict[int, Outcome]:
        """Sends each part as a request of its own, the first before there is a second.

        If one fails, that is told when the others have ended.
        """
        if self._in_flight.bound == 1:
            return self._request(first)
        with ThreadPoolExecutor(self._in_flight.bound, thread_name_prefix="bulk") as pool:
            answers = pool.map(self._request, chain((first,), more))
            return {position: one for answer in answers for position, one in answer.items()}

    def _request(self, part: Mapping[int, bytes]) -> dict[int, Outcome]:
        body = b"".join(part.values())
        self._counters.bulk.sent(len(body))
        try:
            with writing(Backoff(0.0)):  # the wait is of the whole round
                answer = self._client.perform_request(
                    "POST",
                    "/_bulk",
                    params={"filter_path": ANSWER},
                    headers={"accept": "application/json", "content-type": "application/x-ndjson"},
                    body=body,
                )
        except ApiError as error:
            if error.status_code != TOO_LARGE:
                raise
            return self._smaller(part)
        reached("bulk.part")
        items = answer.body["items"]
        if len(items) != len(part):
            raise IndexingError(f"{len(items)} outcomes for {len(part)} actions")
        return {
            # Nearly all say that it was written and nothing else: no need to look at each.
            position: CREATED if item == WRITTEN else outcome(item)
            for position, item in zip(part, items, strict=True)
        }

    def _smaller(self, part: Mapping[int, bytes]) -> dict[int, Outcome]:
        """Sends a request that was too large as two; one action alone is at fault itself."""
        positions = list(part)
        if len(positions) == 1:
            size = len(part[positions[0]])
            fault = f"{size} bytes are more than Elasticsearch takes in one request"
            return {positions[0]: Outcome(TOO_LARGE, fault)}
        size = sum(map(len, part.values()))
        # Those to come: whatever the most is, it is no less than half of what was too much.
        self._limits = replace(self._limits, bytes=min(self._limits.bytes, size // 2))
        middle = len(positions) // 2
        halves = (positions[:middle], positions[middle:])
        logger.info("a bulk request of %d actions is too large; halving it", len(positions))
        return {
            position: one
            for half in halves
            for position, one in self._request({p: part[p] for p in half}).items()
        }


def _kept(actions: Iterable[bytes], kept: dict[int, bytes]) -> Iterator[tuple[int, bytes]]:
    """Gives actions with their positions, and keeps them: one may have to be sent again."""
    for position, action in enumerate(actions):
        kept[position] = action
        yield position, action


def parts(actions: Iterable[tuple[int, bytes]], limits: Limits) -> Iterator[dict[int, bytes]]:
    """Cuts actions into requests within the limits; one larger than a request goes alone."""
    part: dict[int, bytes] = {}
    size = 0
    for position, action in actions:
        if part and (len(part) >= limits.actions or size + len(action) > limits.bytes):
            yield part
            part, size = {}, 0
        part[position] = action
        size += len(action)
    if part:
        yield part


def outcome(item: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """Reads one item of a bulk answer.

    Raises:
        UserError: we may not write this index.
        IndexingError: an answer that must not be passed over.
    """
    try:
        return _outcome(item)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise IndexingError("an item of a bulk answer that is not Elasticsearch's") from None


def _outcome(item: Mapping[str, Mapping[str, Any]]) -> Outcome:
    ((operation, result),) = item.items()
    status, error = result["status"], result.get("error")
    if result.get("failure_store") in KEPT_ASIDE:
        raise IndexingError(
            f"Elasticsearch put a document aside (failure store: {result['failure_store']}): what "
            "we write to must be an index, not a data stream"
        )
    if error is None or status in REFUSED or status == OLDER:
        return Outcome(status)
    if operation == "delete" and status == 404:  # the whole index is gone: so is the document
        return Outcome(status)
    if status == 400 and error["type"] in ITEM_FAULTS:
        return Outcome(status, fault(error))
    if status in (401, 403):
        hint = MOVED if error["type"] == BLOCKED else ""
        raise UserError(
            f"Elasticsearch does not let us write ({status}): {error.get('reason')}{hint}"
        )
    reason = error.get("reason") or ""
    of_cluster = error["type"] in CLUSTER_FAULTS or CLUSTER_REASON.fullmatch(reason)
    said = reason if of_cluster else "(reason not shown)"
    raise IndexingError(f"bulk item with status {status}: {fault(error)}: {said}")


def fault(error: Mapping[str, Any]) -> str:
    """Says what is wrong by error type and field; the full reason quotes the document's values."""
    found = FIELD.search(error.get("reason") or "")
    field = f" in field [{found[1] or found[2]}]" if found else ""
    cause = error.get("caused_by")
    return f"{error['type']}{field}" + (f" ({cause['type']})" if cause else "")

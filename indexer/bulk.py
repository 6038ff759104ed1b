"""Bulk requests: bounded by count and by bytes, repeated for what was refused and only that.

Every action ends in one of four ways: done, lost to a newer version, rejected for a fault of its
own, or (by exception) not decided, because the whole batch must wait or the station must stop.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from stream.elastic import Backoff, writing
from stream.errors import Backpressure, UserError

logger = logging.getLogger(__name__)

ATTEMPTS = 5
REFUSED = frozenset({429, 502, 503, 504})
"""Statuses of one item that say: not now."""

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

ALIKE = 100
"""So many actions, all rejected with one and the same fault, show a fault of ours."""

CLUSTER_FAULTS = frozenset(
    {"index_closed_exception", "index_not_found_exception", "validation_exception"}
)
"""Error types whose reason tells of the cluster; any other's may quote a document."""

CLUSTER_REASON = re.compile(
    r"pipeline with id \[[^\]]{1,200}\] does not exist|unknown index sort field:\[[^\]]{1,200}\]"
)
"""Reasons of an `illegal_argument_exception` that tell of the cluster too."""

ANSWER = ",".join(
    f"items.*.{path}" for path in ("status", "error.type", "error.reason", "error.caused_by.type")
)
FIELD = re.compile(
    r"""(?:field|introduction of|mapping for) \[([^\]]{1,200})\]|field="([^"]{1,200})\""""
)


class IndexingError(RuntimeError):
    """Elasticsearch answered something that no record and no pressure explains: stop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large one bulk request may be, and the first wait after a refusal."""

    actions: int
    bytes: int
    retry_seconds: float


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


class Bulk:
    """Sends actions and gives one outcome for each, in their order."""

    def __init__(self, client: Elasticsearch, limits: Limits, stop: Event) -> None:
        self._client, self._limits, self._stop = client, limits, stop
        self.backoff = Backoff(limits.retry_seconds)

    def send(self, actions: Sequence[bytes]) -> list[Outcome]:
        """Sends all actions; returns when each is decided.

        Raises:
            Backpressure: the node refuses still, or does not answer; all may be repeated.
            UserError: we may not write.
            IndexingError: an answer that must not be passed over, or all are rejected alike.
        """
        if not actions:
            return []
        decided: dict[int, Outcome] = {}
        pending = dict(enumerate(actions))
        waits = Backoff(self._limits.retry_seconds)
        for attempt in range(ATTEMPTS):
            for part in parts(pending, self._limits):
                decided.update(self._request(part))
            pending = {
                position: action
                for position, action in pending.items()
                if decided[position].status in REFUSED
            }
            if not pending:
                self.backoff.reset()
                return _not_alike([decided[position] for position in range(len(actions))])
            logger.debug("%d of %d actions refused", len(pending), len(actions))
            if attempt + 1 == ATTEMPTS or self._stop.wait(waits.next()):
                break
        raise Backpressure(
            f"Elasticsearch refuses {len(pending)} of {len(actions)} actions", self.backoff.next()
        )

    def _request(self, part: Mapping[int, bytes]) -> dict[int, Outcome]:
        try:
            with writing(self.backoff):
                answer = self._client.perform_request(
                    "POST",
                    "/_bulk",
                    params={"filter_path": ANSWER},
                    headers={"accept": "application/json", "content-type": "application/x-ndjson"},
                    body=b"".join(part.values()),
                )
        except ApiError as error:
            if error.status_code != TOO_LARGE:
                raise
            return self._smaller(part)
        items = answer.body["items"]
        if len(items) != len(part):
            raise IndexingError(f"{len(items)} outcomes for {len(part)} actions")
        return {position: outcome(item) for position, item in zip(part, items, strict=True)}

    def _smaller(self, part: Mapping[int, bytes]) -> dict[int, Outcome]:
        """Sends a request that was too large as two; one action alone is at fault itself."""
        positions = list(part)
        if len(positions) == 1:
            size = len(part[positions[0]])
            fault = f"{size} bytes are more than Elasticsearch takes in one request"
            return {positions[0]: Outcome(TOO_LARGE, fault)}
        middle = len(positions) // 2
        halves = (positions[:middle], positions[middle:])
        logger.info("a bulk request of %d actions is too large; halving it", len(positions))
        return {
            position: one
            for half in halves
            for position, one in self._request({p: part[p] for p in half}).items()
        }


def parts(actions: Mapping[int, bytes], limits: Limits) -> Iterator[dict[int, bytes]]:
    """Cuts actions into requests within the limits; one larger than a request goes alone."""
    part: dict[int, bytes] = {}
    size = 0
    for position, action in actions.items():
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
    ((operation, result),) = item.items()
    status, error = result["status"], result.get("error")
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


def _not_alike(outcomes: list[Outcome]) -> list[Outcome]:
    """Gives the outcomes back unless all of many are the same rejection."""
    first = outcomes[0].fault
    if first and len(outcomes) >= ALIKE and all(one.fault == first for one in outcomes):
        raise IndexingError(f"all of {len(outcomes)} actions are rejected alike: {first}")
    return outcomes


def fault(error: Mapping[str, Any]) -> str:
    """Says what is wrong by error type and field; the full reason quotes the document's values."""
    found = FIELD.search(error.get("reason") or "")
    field = f" in field [{found[1] or found[2]}]" if found else ""
    cause = error.get("caused_by")
    return f"{error['type']}{field}" + (f" ({cause['type']})" if cause else "")

"""The index and the line as the page shows them; every answer is shared by all who look."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from elasticsearch import ApiError, TransportError, UnsupportedProductError

from classifier import service as classifying
from classifier.predictor import Predictor
from indexer import service as indexing
from stream.cluster import opened
from stream.elastic import connect
from stream.errors import UserError
from stream.index import ALIAS
from stream.settings import Settings
from stream.topics import CLASSIFIED, COLLECTED
from web.live import line, posts, searches
from web.live.cache import Cache
from web.live.filters import Filters, Query
from web.live.posts import Shown
from web.problems import Problem

KEPT_SECONDS = 1.0
LAG_SECONDS = 5.0
"""How long Kafka's offsets are kept: asking takes a connection."""
NO_BROKER_SECONDS = 30.0
REQUEST_SECONDS = 30.0

NARROWEST = 600_000
"""Milliseconds that a chart spans at least, unless somebody asks for fewer."""

LOOPS = {
    classifying.STATION: COLLECTED,
    indexing.STATION: CLASSIFIED,
}


class View:
    """Reads the index; nothing is connected before the first question."""

    def __init__(self, settings: Settings, predictor: Predictor) -> None:
        self.streams = 0
        """Open ones."""
        self.closing = False
        """Set by whoever stops the server: streams would else keep it waiting."""
        self._settings = settings
        self._client = connect(settings).options(request_timeout=REQUEST_SECONDS)
        self._shown = Shown(predictor)
        self._cache = Cache()
        self._no_broker_until = 0.0

    async def overview(self, filters: Filters, emotion: str | None) -> dict[str, Any]:
        """Counts the posts in every way the page shows; `emotion` is whose words are wanted.

        Raises:
            Problem: Elasticsearch does not answer.
        """
        found: dict[str, Any] = await self._kept(
            (filters, emotion), lambda: self._overview(filters, emotion)
        )
        return found

    async def posts(self, filters: Filters, order: str, size: int) -> list[dict[str, Any]]:
        """Gives some posts, each word with its weight.

        Raises:
            Problem: Elasticsearch does not answer.
        """
        found: list[dict[str, Any]] = await self._kept(
            (filters, order, size), lambda: self._posts(filters, order, size)
        )
        return found

    async def pipeline(self) -> dict[str, Any]:
        """Tells how the line does; `lag` is null where no broker answers.

        Raises:
            Problem: Elasticsearch does not answer.
        """
        said = await self._kept("pipeline", lambda: line.read(self._searched(line.searches())))
        lag = await self._cache.get("lag", LAG_SECONDS, self._lag)
        return {**said, "lag": lag}

    async def fault(self) -> str | None:
        """Says why the index cannot be read; None where it can."""
        return await self._kept("fault", self._fault)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Ends what is under way."""
        self._cache.close()
        self._client.close()

    async def _kept(self, key: object, ask: Callable[[], Any]) -> Any:
        return await self._cache.get(key, KEPT_SECONDS, ask)

    def _overview(self, filters: Filters, emotion: str | None) -> dict[str, Any]:
        (spanned,) = self._searched(
            [{"index": ALIAS, "ignore_unavailable": True}, searches.span(filters)]
        )
        first, last, commonest = searches.read_span(spanned)
        middle = (first + last) // 2
        first, last = min(first, middle - NARROWEST // 2), max(last, middle + NARROWEST // 2)
        end = datetime.now(UTC) if filters.since else filters.end
        first, last = _milliseconds(filters.begin, first), _milliseconds(end, last)
        step = searches.step_of(first, last)
        emotion = emotion or filters.emotion or commonest
        found = searches.read_overview(self._searched(searches.overview(filters, emotion, step)))
        return {**found, "emotion": emotion, "start": first, "end": last, "step": 1000 * step}

    def _posts(self, filters: Filters, order: str, size: int) -> list[dict[str, Any]]:
        body = posts.search(filters, order, size)
        (found,) = self._searched([{"index": ALIAS, "ignore_unavailable": True}, body])
        return self._shown.of(found["hits"]["hits"])

    def _fault(self) -> str | None:
        try:
            self._searched([{"index": ALIAS, "ignore_unavailable": True}, {"size": 0}])
        except Problem as problem:
            return problem.detail
        return None

    def _searched(self, asked: Sequence[Query]) -> list[dict[str, Any]]:
        try:
            answers: list[dict[str, Any]] = self._client.msearch(searches=asked)["responses"]
        except (ApiError, TransportError, UnsupportedProductError) as error:
            raise _not_now(
                f"does not answer ({type(error).__name__}); `make up` starts one"
            ) from None
        for answer in answers:
            if "error" in answer:
                raise _not_now(f"could not answer ({answer['error'].get('type')})")
        return answers

    def _lag(self) -> dict[str, int] | None:
        """Records that each station has yet to take; None where no broker answers.

        One that does not takes seconds to say so: it is left alone for a while.
        """
        if monotonic() < self._no_broker_until:
            return None
        try:
            with opened(self._settings) as kafka:
                return {
                    station: sum(one.lag for one in kafka.reach(topic.name, station))
                    for station, topic in LOOPS.items()
                }
        except UserError:
            self._no_broker_until = monotonic() + NO_BROKER_SECONDS
            return None


def _milliseconds(moment: datetime | None, otherwise: int) -> int:
    return int(moment.timestamp() * 1000) if moment else otherwise


def _not_now(why: str) -> Problem:
    return Problem(503, f"Elasticsearch {why}", headers={"Retry-After": "5"})

"""Requests to the YouTube Data API: paid from the quota, repeated where that helps.

What the API's errors mean: https://developers.google.com/youtube/v3/docs/errors
"""

import json
import logging
import random
import re
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from threading import Event
from typing import Any, Final

import httplib2
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from ingest.payloads import clean
from ingest.quota import SEARCHES, Quota, Spent
from ingest.sources import Pause
from ingest.waiting import Stopped, TooLate, answered, pauses, pauses_until, retry_after
from stream.backoff import Backoff
from stream.errors import UserError

logger = logging.getLogger(__name__)

Answer = dict[str, Any]

TIMEOUT_SECONDS: Final = 20.0
"""No byte for so long is a stall: the connection is given up and the request made again."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 300.0
AFTER_RESET_SECONDS: Final = (120.0, 600.0)
"""How long after the reset we ask again, by chance: clocks differ, and others wait as we do."""

QUOTA_USED_UP: Final = frozenset({"quotaExceeded", "dailyLimitExceeded"})
TOO_FAST: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
SWITCHED_OFF: Final = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
KEY_REFUSED: Final = frozenset(
    {
        "keyInvalid",
        "keyExpired",
        "API_KEY_INVALID",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "ipRefererBlocked",
        "authError",
        "CONSUMER_INVALID",
        "CONSUMER_SUSPENDED",
    }
)
WHAT_TO_DO: Final = (
    "check EMOSTREAM_YOUTUBE_API_KEY, and in the Google Cloud console what the key is restricted to"
)
_CODE = re.compile(r"[A-Za-z_]{1,64}")
UNAUTHORISED, SERVER_ERROR = 401, 500
NO_ANSWER = 0
SLOW_DOWN: Final = (NO_ANSWER, 408, 420, 429)


class Refused(Exception):
    """The API said no to one request; 0 is the status where it said nothing at all."""

    def __init__(
        self, status: int, reasons: tuple[str, ...] = (), wait: float | None = None
    ) -> None:
        """Keeps the codes of the answer, and the seconds that its Retry-After asks for."""
        super().__init__(" ".join([str(status) if status else "no answer", *reasons]))
        self.status, self.reasons, self.wait = status, reasons, wait

    def says(self, *codes: str) -> bool:
        """Tells whether one of these is a reason."""
        return not set(codes).isdisjoint(self.reasons)

    @property
    def passing(self) -> bool:
        """Whether the same request may do well later."""
        return self.status in SLOW_DOWN or self.status >= SERVER_ERROR or self.says(*TOO_FAST)


class Api:
    """The methods of the API that we use. Each call is a generator: it gives Pause as it waits."""

    def __init__(
        self,
        key: str,
        address: str,
        quota: Quota,
        stop: Event,
        now: Callable[[], datetime],
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        # The library logs addresses, and the key is in them, and it logs answers.
        logging.getLogger("googleapiclient").setLevel(logging.ERROR)
        self.quota = quota
        self._stop, self._now = stop, now
        self._http, self._timeout = httplib2.Http(timeout=timeout), timeout
        self._backoff = Backoff(FIRST_WAIT_SECONDS, longest=LONGEST_WAIT_SECONDS)
        self._service = build(
            "youtube",
            "v3",
            developerKey=key,
            http=self._http,
            client_options={"api_endpoint": address},
            static_discovery=True,  # the description of the API is in the package
            cache_discovery=False,
        )

    def call(self, method: str, **parameters: Any) -> Generator[Pause, None, Answer]:
        """Calls `resource.method`, until it is answered or refused for good.

        A search beyond its bucket is not waited for: there is other work.

        Raises:
            Refused: a no that repeating does not change.
            Spent: the bucket of searches is used up.
            Stopped: we were asked to stop.
            UserError: the key is no good.
        """
        while True:
            yield from self._pay(method)
            try:
                answer = yield from self._ask(method, parameters)
            except Refused as no:
                if no.says(*QUOTA_USED_UP):
                    self.quota.close(method)
                    continue
                _blame_the_key(no)
                if not no.passing:
                    raise
                yield from self._wait(method, no)
            else:
                self._backoff.reset()
                return answer

    def _pay(self, method: str) -> Generator[Pause, None, None]:
        while True:
            if self._stop.is_set():
                raise Stopped
            try:
                return self.quota.spend(method)
            except Spent as spent:
                if spent.bucket == SEARCHES:
                    raise
                reason = f"the day's quota is used up, until {spent.until:%Y-%m-%d %H:%M} UTC"
                moment = spent.until + timedelta(seconds=random.uniform(*AFTER_RESET_SECONDS))
                yield from pauses_until(moment, self._now, self._stop, reason)

    def _ask(self, method: str, parameters: dict[str, Any]) -> Generator[Pause, None, Answer]:
        """Makes one request, in a thread of its own, so that a slow answer delays nothing else."""
        resource, _, verb = method.partition(".")
        request = getattr(getattr(self._service, resource)(), verb)(**parameters)
        http = self._http
        try:
            return (yield from answered(lambda: self._send(request, http), self._stop))
        except TooLate:
            self._http = httplib2.Http(timeout=self._timeout)  # the old one is still in use
            raise Refused(NO_ANSWER) from None

    def _send(self, request: Any, http: httplib2.Http) -> Answer:
        try:
            answer = clean(request.execute(http=http))
        except HttpError as error:
            asked = retry_after(error.resp.get("retry-after"), self._now())
            raise Refused(error.status_code, _reasons(error.content), asked) from None
        except (OSError, httplib2.HttpLib2Error, httplib2.http.client.HTTPException, ValueError):
            raise Refused(NO_ANSWER) from None  # no connection, a stall, cut off, or no JSON
        if not isinstance(answer, dict):
            raise Refused(NO_ANSWER)
        return answer

    def _wait(self, method: str, no: Refused) -> Generator[Pause, None, None]:
        seconds = self._backoff.next(no.wait)
        logger.warning("%s: %s; asking again in %.1f s", method, no, seconds)
        yield from pauses(seconds, self._stop, f"YouTube says {no}")


def _blame_the_key(no: Refused) -> None:
    if no.says(*SWITCHED_OFF):
        raise UserError(
            "the YouTube Data API v3 is switched off in the project of this key "
            f"({no}): enable it in the Google Cloud console, APIs & Services"
        )
    if no.status == UNAUTHORISED or no.says(*KEY_REFUSED):
        raise UserError(f"YouTube refuses the key ({no}): {WHAT_TO_DO}")


def _reasons(content: bytes) -> tuple[str, ...]:
    """Gives the codes of an error answer: `errors[].reason`, and the newer `details[].reason`."""
    try:
        error = json.loads(content)["error"]
        listed = [*error.get("errors", ()), *error.get("details", ())]
        found = [one.get("reason") for one in listed if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()
    codes = [one for one in found if isinstance(one, str) and _CODE.fullmatch(one)]
    return tuple(dict.fromkeys(codes))

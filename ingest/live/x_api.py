"""The X API v2 through tweepy: every request that we make.

Of tweepy we take its clients (parameters, rules, search, lookup) and its session; what it leaves
out is here: docs/decisions/0011-tweepy.md.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import requests
import tweepy
import urllib3

from ingest.ahead import Ahead
from ingest.live.x_refusals import Refused, Unreachable, problem_in
from ingest.waiting import retry_after

TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and to wait for each piece of an answer."""

FIELDS: dict[str, list[str]] = {
    "tweet_fields": [
        "author_id",
        "context_annotations",
        "conversation_id",
        "created_at",
        "edit_history_tweet_ids",
        "entities",
        "lang",
        "note_tweet",
        "public_metrics",
        "referenced_tweets",
    ],
    "user_fields": ["name", "public_metrics", "username"],
    "expansions": ["author_id"],
}
"""What we ask for of every post: all that a record has a place for, and no second post with it."""
STALL_SECONDS = 30.0
"""X sends a newline at least every 20 seconds; after so long without one the stream is dead."""
QUEUED_LINES = 100
"""Lines that wait for us; beyond, we stop reading and TCP holds X back."""
MAX_LINE = 1_000_000
"""Bytes of one line: far more than a post with everything expanded."""


class Api(tweepy.StreamingClient, tweepy.Client):  # type: ignore[misc] # tweepy has no types
    """Every request to X that we make. Answers are `requests.Response`, their bytes untouched."""

    def __init__(self, token: str, base: str, now: Callable[[], datetime]) -> None:
        super().__init__(token, return_type=requests.Response)
        self._base, self._now = base.rstrip("/"), now
        # As the session's own: else a password from a .netrc goes in the token's place.
        self.session.auth = self._signed

    def request(
        self,
        method: str,
        route: str,
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
        user_auth: bool = False,  # noqa: ARG002 - part of tweepy's interface
    ) -> requests.Response:
        """Sends one request; tweepy's own has a fixed host, no timeout, and logs the token.

        Raises:
            Refused: X answered with an error.
            Unreachable: it did not answer.
        """
        return self._ask(method, route, params, json, TIMEOUT, stream=False)

    def connect(
        self, route: str, stall_seconds: float = STALL_SECONDS, **params: Any
    ) -> Ahead[bytes]:
        """Opens a stream: its lines, without the empty ones that keep the connection.

        Raises:
            Refused: X answered with an error.
            Unreachable: it did not answer.
        """
        known = ("backfill_minutes", "expansions", "tweet.fields", "user.fields")
        asked = self._process_params(params, known)
        timeout = (TIMEOUT[0], stall_seconds)
        answer = self._ask("GET", route, asked, None, timeout, stream=True)
        return Ahead(answer, _with_something, waiting=QUEUED_LINES, longest=MAX_LINE)

    def usage(self) -> dict[str, Any]:
        """Asks what the project has used of its monthly posts; costs nothing.

        Raises:
            Refused: X answered with an error.
            Unreachable: it did not answer.
        """
        fields = "cap_reset_day,project_cap,project_usage"
        found = decoded(self.request("GET", "/2/usage/tweets", {"usage.fields": fields}))
        data = found.get("data")
        return data if isinstance(data, dict) else {}

    def _ask(
        self,
        method: str,
        route: str,
        params: dict[str, Any] | None,
        json: dict[str, Any] | None,
        timeout: tuple[float, float],
        *,
        stream: bool,
    ) -> requests.Response:
        try:
            response: requests.Response = self.session.request(
                method,
                self._base + route,
                params=params,
                json=json,
                headers={"User-Agent": self.user_agent},
                timeout=timeout,
                stream=stream,
                # X's API redirects nowhere: whoever does is not X.
                allow_redirects=False,
            )
            if 200 <= response.status_code < 300:
                return response
            refused = Refused(response.status_code, _problem(response), self._wait(response))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unreachable(type(error).__name__) from None
        response.close()
        raise refused

    def _signed(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.bearer_token}"
        return request

    def _wait(self, response: requests.Response) -> float | None:
        """Reads Retry-After, and x-rate-limit-reset where nothing remains; the longer counts."""
        now = self._now()
        waits = [retry_after(response.headers.get("retry-after"), now)]
        reset = response.headers.get("x-rate-limit-reset", "")
        # Of a stream these headers may tell of connections still allowed: then they mean nothing.
        if reset.isdigit() and response.headers.get("x-rate-limit-remaining", "0") == "0":
            waits.append(max(0.0, int(reset) - now.timestamp()))
        known = [wait for wait in waits if wait is not None]
        return max(known) if known else None


def decoded(response: requests.Response) -> dict[str, Any]:
    """Reads an answer's JSON object.

    Raises:
        Unreachable: it is none; something between X and us answered.
    """
    try:
        found = response.json()
    except (requests.RequestException, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreachable("an answer that is no JSON object")
    return found


def _with_something(lines: Iterator[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.strip())


def _problem(response: requests.Response) -> str:
    try:
        return problem_in(response.json())
    except requests.RequestException:
        return ""

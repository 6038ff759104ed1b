"""One Mastodon server over HTTP: its answers, its refusals, and how often it may be asked.

https://docs.joinmastodon.org/api/rate-limits/: each answer says how many requests are left
(`X-RateLimit-Remaining`) and until when (`X-RateLimit-Reset`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from ingest.payloads import moment, parse
from ingest.waiting import retry_after
from stream.errors import InvalidRecord, UserError

HOW_TO_LOG_IN = (
    "a user token with read:statuses, made in the instance's Preferences under Development, "
    "goes into EMOSTREAM_MASTODON_TOKEN"
)
OK, NOT_FOUND, TOO_MANY, SERVER_ERROR = 200, 404, (420, 429), 500
PAGE = 40
"""Statuses in one page, the most there may be."""


class Busy(Exception):
    """The instance does not answer now; it may later.

    Attributes:
        retry_after: seconds, where it said how many.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds."""

    tick: float = 1.0
    """Between two signs of life while nothing comes."""
    answer: float = 5.0
    """For a connection, and for each part of an answer."""
    silence: float = 60.0
    """Without a byte, after which a stream counts as stalled: it says `:thump` every 15 s."""


class Instance:
    """The instance at an address, asked with a token or without."""

    def __init__(
        self, address: str, token: str | None, now: Callable[[], datetime], patience: Patience
    ) -> None:
        self.address, self.has_token = address, token is not None
        self.name = urlsplit(address).netloc.lower()
        self.full_until: datetime | None = None
        """Until when no request is left, if none is."""
        self.left: str | None = None
        """How many requests are left, as the last answer says."""
        self._now, self._patience = now, patience
        self._session = requests.Session()
        # Uncompressed: what is said in a stream must not wait in someone's buffer.
        self._session.headers.update({"User-Agent": "emostream", "Accept-Encoding": "identity"})
        # Also without a token: then no password from a .netrc goes along.
        self._session.auth = _Bearer(token)

    def get(self, path: str, **parameters: str | int) -> Any:
        """Gets JSON.

        Raises:
            Busy: it does not answer now.
            UserError: it refuses us; `TokenRefused` where we have a token.
        """
        with self._ask(self.address + path, parameters, self._patience.answer) as answer:
            try:
                return parse(answer.content)
            except InvalidRecord:
                raise Busy(f"{path} answers with what is not JSON") from None
            except requests.RequestException as error:
                raise Busy(_failure(error)) from None

    def listen(self, path: str, **parameters: str) -> requests.Response:
        """Opens a stream; its host may be another than the instance's own.

        Raises:
            Busy: it does not answer now.
            UserError: it refuses us.
        """
        return self._ask(self._streaming() + path, parameters, self._patience.silence)

    def about(self) -> dict[str, Any]:
        """Gives what the instance says of itself; nothing if it is too old to say it."""
        try:
            about = self.get("/api/v2/instance")
        except _NotThere:
            return {}
        return about if isinstance(about, dict) else {}

    def _streaming(self) -> str:
        """https://docs.joinmastodon.org/methods/streaming/#hostname-discovery."""
        stated = self.about()
        for name in ("configuration", "urls"):
            inner = stated.get(name)
            stated = inner if isinstance(inner, dict) else {}
        parts = urlsplit(str(stated.get("streaming", "")))
        # Over TLS where the instance is: a token must not leave in the clear.
        return f"{urlsplit(self.address).scheme}://{parts.netloc or self.name}"

    def _ask(
        self, url: str, parameters: Mapping[str, str | int], silence: float
    ) -> requests.Response:
        try:
            answer = self._session.get(
                url, params=parameters, timeout=(self._patience.answer, silence), stream=True
            )
        except requests.RequestException as error:
            raise Busy(_failure(error)) from None
        self._note(answer.headers)
        if answer.status_code == OK:
            return answer
        answer.close()
        raise self._refusal(answer, urlsplit(url).path)

    def _note(self, headers: Mapping[str, str]) -> None:
        self.left = headers.get("X-RateLimit-Remaining", self.left)
        self.full_until = _reset(headers) if self.left == "0" else None

    def _refusal(self, answer: requests.Response, path: str) -> Exception:
        status = answer.status_code
        if status in TOO_MANY or status >= SERVER_ERROR:
            reset = _reset(answer.headers) if status in TOO_MANY else None
            wait = retry_after(answer.headers.get("Retry-After"), self._now())
            if wait is None and reset is not None:
                wait = max(0.0, (reset - self._now()).total_seconds())
            return Busy(f"HTTP {status}", wait)
        what = f"{self.name} refuses {path} (HTTP {status})"
        if status == NOT_FOUND:
            return _NotThere(f"{what}: EMOSTREAM_MASTODON names the instance")
        if self.has_token:
            return TokenRefused(f"{what}: does its token still count? {HOW_TO_LOG_IN}")
        other = "; or read what it shows to everyone with --poll 10" if "stream" in path else ""
        return UserError(f"{what}: {HOW_TO_LOG_IN}{other}")


class TokenRefused(UserError):
    """The instance does not take the token there is."""


class _NotThere(UserError):
    """The instance has nothing at this path."""


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _reset(headers: Mapping[str, str]) -> datetime | None:
    try:
        return moment(headers.get("X-RateLimit-Reset"))
    except ValueError:
        return None


def _failure(error: requests.RequestException) -> str:
    """Says what failed, without addresses: they may hold what was asked for."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    return "connection failed"

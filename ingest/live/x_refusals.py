"""What X refuses, what that means for a person, and how long to wait where waiting helps."""

import re
from collections.abc import Callable
from typing import Any

from stream.backoff import Backoff
from stream.errors import UserError

UNAUTHORISED = 401
_KIND = re.compile(r"https://api\.(?:x|twitter)\.com/2/problems/([A-Za-z0-9_.-]{1,64})")


class Refused(Exception):
    """X answered with another status than 2xx; `problem` is X's own name for why, if it gave one.

    What X says in words is left out: it may quote what was asked for.
    """

    def __init__(self, status: int, problem: str, wait: float | None) -> None:
        super().__init__(f"HTTP {status}" + (f", {problem}" if problem else ""))
        self.status, self.problem = status, problem
        self.wait = wait
        """Seconds until X would answer again, where it says so."""


class Unreachable(Exception):
    """No answer, or one that broke off; the message names the kind of failure only."""


class Waits:
    """How long to wait before connecting again, as X asks; chance only ever adds to it.

    https://docs.x.com/x-api/fundamentals/handling-disconnections: at once, then 0.25 s more each
    time up to 16 s after a network error; from 5 s doubled up to 320 s after an HTTP error; from a
    minute doubled where we asked too often, here up to the 15 minutes of X's windows.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        def at_least(first: float, longest: float, step: float = 0.0) -> Backoff:
            # Backoff takes up to a quarter off: so a third is put on.
            return Backoff(
                first * 4 / 3, longest * 4 / 3, jitter=0.25, step=step * 4 / 3, chance=chance
            )

        self._chance = chance
        self._network = at_least(0.25, 16.0, step=0.25)
        self._http = at_least(5.0, 320.0)
        self._rate = at_least(60.0, 900.0)
        self._at_once = True

    def after(self, error: Refused | Unreachable | None) -> float:
        """Gives the seconds after a refusal, a failure, or (None) the end of a good connection.

        Raises:
            UserError: the refusal is one that waiting does not change.
        """
        if isinstance(error, Refused):
            final = told(error)
            if final is not None:
                raise final
            backoff = self._rate if error.status in (420, 429) else self._http
            return backoff.next(error.wait)
        if error is None and self._at_once:
            self._at_once = False
            return 0.0
        return self._network.next()

    def another(self) -> "Waits":
        """Gives waits of their own to another kind of request."""
        return Waits(self._chance)

    def reset(self) -> None:
        """Begins anew: a stream gave something, or a request was answered."""
        self._network.reset()
        self._http.reset()
        self._rate.reset()
        self._at_once = True


def told(refused: Refused) -> UserError | None:
    """Says what a person must do about a refusal; None where waiting helps."""
    status, problem = refused.status, refused.problem
    if status == UNAUTHORISED:
        return UserError(
            "X refuses the token (HTTP 401): set EMOSTREAM_X_BEARER_TOKEN to the app's bearer "
            "token, from the developer console"
        )
    if status == 402:
        return UserError("X wants credits first (HTTP 402): buy some in the developer console")
    if problem == "usage-capped":
        return UserError(
            "the project has read all posts that X allows it in this period (usage-capped): "
            "python -m ingest check x says when it begins anew"
        )
    named = f"HTTP {status}" + (f", {problem}" if problem else "")
    if status == 403:
        return UserError(f"X does not allow this to the token's project ({named}): see its console")
    if status == 409:
        return UserError(
            "the stream has no rules: python -m ingest x rules --rules FILE --apply adds them"
        )
    if status in (420, 429) or status >= 500 or status in (408, 425):
        return None
    return UserError(f"X does not take the request ({named})")


def problem_in(body: Any) -> str:
    """Gives X's own name for what is wrong, out of an error object; empty if there is none."""
    errors = body.get("errors") if isinstance(body, dict) else None
    for one in (body, *(errors if isinstance(errors, list) else ())):
        kind = one.get("type") if isinstance(one, dict) else None
        if isinstance(kind, str) and (known := _KIND.fullmatch(kind)):
            return known[1]
    return ""

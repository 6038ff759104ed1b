"""Who comes in: keys, rates and sites, before anything is read of a request."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.allowance import Allowance, Allowances
from web.keys import Keys
from web.problems import Problem

OPEN = frozenset({"/healthz", "/readyz"})
"""For whatever watches the process; they say nothing of anybody."""

CHALLENGE = 'Basic realm="emostream", charset="UTF-8"'
"""What makes a browser ask its reader for a key. Bearer is taken, too, and not offered: Chromium
does not understand a second challenge in the same header."""


class Origins(CORSMiddleware):
    """Lets pages of named sites read answers; says no as every error is said."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answers whether a page may ask."""
        found = super().preflight_response(request_headers)
        if found.status_code < 400:
            return found
        kept = {k: v for k, v in found.headers.items() if not k.startswith("content-")}
        return Problem(found.status_code, bytes(found.body).decode(), headers=kept).response()


class Door:
    """Lets a request pass to the application, or answers 401 or 429.

    Each request takes one text of its asker's allowance; `classify` takes the rest when it knows
    how many there are.
    """

    def __init__(self, app: ASGIApp, keys: Keys | None = None, rate: float | None = None) -> None:
        """Stands before an application.

        Args:
            app: what is behind.
            keys: those that are known; without any, everybody may ask.
            rate: texts a second that one asker may send: a key, or an address without keys.
        """
        self._app, self._keys, self._rate = app, keys, rate
        self._allowances = Allowances()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on or refuses it."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            try:
                allowance = self._allowance(scope)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
            scope.setdefault("state", {})["allowance"] = allowance
        await self._app(scope, receive, send)

    def _allowance(self, scope: Scope) -> Allowance | None:
        asker, rate = (scope.get("client") or ("", 0))[0], self._rate
        if self._keys is not None:
            key = self._keys.of(Headers(scope=scope).get("authorization"))
            if key is None:
                raise Problem(
                    401,
                    "send a key: `Authorization: Bearer KEY`, or as the password of any user",
                    headers={"WWW-Authenticate": CHALLENGE},
                )
            asker, rate = key.name, key.rate or rate
        if rate is None:
            return None
        allowance = self._allowances.of(asker, rate)
        if wait := allowance.wait():
            raise Problem(
                429,
                f"more than {rate:g} texts a second; come again in {wait} s",
                headers={"Retry-After": str(wait)},
            )
        allowance.take(1)
        return allowance

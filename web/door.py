"""Who comes in: keys, rates and sites, before anything is read of a request."""

import re
import socket
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

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

HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*?)\.?(:\d*)?")
NOT_OURS = (
    "no name of this server: ask for localhost or an address, or list the name in "
    "EMOSTREAM_WEB_HOSTS"
)


class Origins(CORSMiddleware):
    """Lets pages of named sites read answers; says no as every error is said."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answers whether a page may ask."""
        found = super().preflight_response(request_headers)
        if found.status_code < 400:
            return found
        kept = {k: v for k, v in found.headers.items() if not k.startswith("content-")}
        return Problem(found.status_code, bytes(found.body).decode(), headers=kept).response()


class Hosts:
    """Answers to names of ours alone, and to addresses.

    A site may point a name of its own at this machine: then a browser takes us for a part of that
    site and lets its pages read our answers (DNS rebinding). It cannot do that to an address.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        """Stands before an application; the names are beside this machine's and all addresses."""
        self._app, self._names = app, frozenset({*names, "localhost", socket.gethostname().lower()})
        self._ours = lru_cache(100)(self._is_ours)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on or refuses it."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not self._ours(value):
                    await Problem(421, NOT_OURS).response()(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _is_ours(self, host: bytes) -> bool:
        name = HOST.fullmatch(host.decode("latin-1").lower())
        if name is None:
            return False
        return name["name"] in self._names or _is_address(name["name"].strip("[]"))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


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

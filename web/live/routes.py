"""What the page asks for: the overview, posts, the line, and the latest posts as they come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from web.live.filters import Filters
from web.live.posts import LATEST, MOST, SORTS
from web.live.view import View
from web.problems import Problem

POLL_SECONDS = 1.0
QUIET_SECONDS = 15.0
"""After so long without a post a comment is sent, which tells whether anybody still listens."""
STREAMS = 500
"""Open at once."""


async def overview(request: Request) -> Response:
    """Counts the posts that fit the filters."""
    filters, others = _asked(request, "words")
    return _json(await _view(request).overview(filters, others.get("words")))


async def posts(request: Request) -> Response:
    """Gives the posts that fit the filters, in an order: latest, suggestion or critical."""
    filters, others = _asked(request, "order", "size")
    order, size = others.get("order", "latest"), others.get("size", str(LATEST))
    if order not in SORTS:
        raise _wrong("order", f"one of {', '.join(SORTS)}")
    if not (size.isascii() and size.isdigit() and 1 <= int(size[:9]) <= MOST):
        raise _wrong("size", f"a number from 1 to {MOST}")
    found = await _view(request).posts(filters, order, int(size))
    return _json({"posts": found})


async def pipeline(request: Request) -> Response:
    """Tells how the line does."""
    return _json(await _view(request).pipeline())


async def stream(request: Request) -> Response:
    """Sends the latest posts that fit the filters whenever there are others (server-sent events).

    Each event has all of them: a post that was deleted is gone from the next.
    """
    filters, _others = _asked(request)
    if _view(request).streams >= STREAMS:
        raise Problem(503, "too many streams are open", headers={"Retry-After": "10"})
    return StreamingResponse(
        _events(_view(request), filters),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(view: View, filters: Filters) -> AsyncIterator[bytes]:
    view.streams += 1
    try:
        sent: object = None
        quiet = 0.0
        while not view.closing:
            kind: Literal["posts", "problem"] = "posts"
            try:
                found: object = await view.posts(filters, "latest", LATEST)
            except Problem as problem:
                kind, found = "problem", {"detail": problem.detail}
            if found != sent:
                yield b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(found))
                sent, quiet = found, 0.0
            elif quiet >= QUIET_SECONDS:
                yield b": still here\n\n"
                quiet = 0.0
            quiet += POLL_SECONDS
            await asyncio.sleep(POLL_SECONDS)
    finally:
        view.streams -= 1


def _asked(request: Request, *names: str) -> tuple[Filters, dict[str, str]]:
    """Parts the filters from the parameters of other meaning; empty ones count as not given."""
    given = {name: value for name, value in request.query_params.items() if value}
    others = {name: given.pop(name) for name in names if name in given}
    return Filters.of(given), others


def _wrong(field: str, detail: str) -> Problem:
    return Problem(422, f"wrong: {field}", [{"field": field, "detail": detail}])


def _view(request: Request) -> View:
    view: View = request.app.state.view
    return view


def _json(content: object) -> Response:
    return Response(
        orjson.dumps(content),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


ROUTES = [
    Route("/v1/live", overview, methods=["GET"]),
    Route("/v1/live/posts", posts, methods=["GET"]),
    Route("/v1/live/pipeline", pipeline, methods=["GET"]),
    Route("/v1/live/stream", stream, methods=["GET"]),
]

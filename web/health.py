"""The process seen from outside: whether it lives, whether it is ready, what it has counted."""

import asyncio

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream import exposition
from stream.status import TEXT
from web.live.view import View
from web.models import Models

CHECK_SECONDS = 2.0
"""How long the check waits for Elasticsearch."""


async def healthz(_request: Request) -> Response:
    """Says that the loop turns."""
    return Response(b"ok\n", media_type="text/plain")


async def readyz(request: Request) -> Response:
    """Says that a model answers, and whether the index can be read, which classifying needs not."""
    models: Models = request.app.state.models
    checks: dict[str, dict[str, object]] = {"model": {"ok": True, "name": models.first}}
    view: View | None = request.app.state.view
    if view is not None:
        fault = await _fault(view)
        reason = {"reason": fault} if fault else {}
        checks["elasticsearch"] = {"ok": fault is None, **reason, "needed": False}
    return Response(orjson.dumps({"ready": True, "checks": checks}), media_type="application/json")


async def metrics(request: Request) -> Response:
    """Gives all counts in Prometheus' text format."""
    state = request.app.state
    samples = [*state.requests.samples(), *state.models.samples()]
    return Response(exposition.text(lambda: samples), headers={"Content-Type": TEXT})


async def _fault(view: View) -> str | None:
    try:
        return await asyncio.wait_for(view.fault(), CHECK_SECONDS)
    except TimeoutError:
        return f"Elasticsearch does not answer within {CHECK_SECONDS:g} s"


ROUTES = [
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]

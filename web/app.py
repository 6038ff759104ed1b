"""The application: routes, errors, what stands before it, and what lives as long as it does."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream.settings import Settings
from web import api, health, openapi, page
from web.bodies import Bodies
from web.counting import Counting, Requests
from web.door import Door, Hosts, Origins
from web.headers import SafeHeaders
from web.keys import Keys
from web.live import routes as live
from web.live.view import View
from web.models import Models
from web.problems import Problem

OURS = [*api.ROUTES, *health.ROUTES, Route("/openapi.json", openapi.serve, methods=["GET"])]


def make(
    models: Models,
    view: View | None = None,
    settings: Settings | None = None,
    host: str = "localhost",
    more: Sequence[Route] = (),
) -> Starlette:
    """Makes the application around loaded models.

    Args:
        models: those that answer.
        view: of the index; with it the application has the page, too.
        settings: keys, rates, names and origins; none of them if not given.
        host: the name that is listened on.
        more: routes beside the usual ones.

    Raises:
        UserError: the file of keys is damaged.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await models.close()
        if view is not None:
            view.close()

    routes = [*OURS, *(live.ROUTES if view else []), *more]
    requests = Requests([one.path for one in routes])
    app = Starlette(
        routes=routes,
        exception_handlers={Problem: _told, HTTPException: _told},
        middleware=_before(requests, settings, host),
        lifespan=lifespan,
    )
    if view is not None:
        # Not a route: a mount at / would take the paths of ours, too, by another method.
        app.router.default = page.FILES
    app.state.models, app.state.view, app.state.requests = models, view, requests
    app.state.bodies = Bodies()
    return app


def _before(requests: Requests, settings: Settings | None, host: str) -> list[Middleware]:
    """What a request passes before it comes to its route, the outermost first."""
    found = [Middleware(SafeHeaders), Middleware(Counting, requests)]
    listed = (settings.web_hosts if settings else None) or ""
    names = [one.strip().lower() for one in listed.split(",")]
    if "*" not in names:
        found.append(Middleware(Hosts, {host.lower(), *filter(None, names)}))
    if settings and settings.web_origins:
        found.append(
            Middleware(
                Origins,
                allow_origins=[one.strip() for one in settings.web_origins.split(",")],
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["Retry-After"],
            )
        )
    if settings and (settings.web_keys or settings.web_rate):
        keys = Keys(settings.web_keys) if settings.web_keys else None
        found.append(Middleware(Door, keys, settings.web_rate))
    return [*found, Middleware(api.Straight)]


async def _told(_request: Request, error: Exception) -> Response:
    """Every error is a problem."""
    if isinstance(error, Problem):
        return error.response()
    if isinstance(error, HTTPException):
        return Problem(error.status_code, error.detail, headers=error.headers).response()
    raise error

"""The page: files as they are, no build step."""

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"


class _Files(StaticFiles):
    """Asked for again each time, and sent only where they changed: a new version shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


FILES = _Files(directory=FOLDER, html=True)
"""What answers where no route of ours does."""

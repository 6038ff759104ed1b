"""Review on a page: the posts of the index that teach most, one by one (`--reviews FOLDER`)."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from classifier import repeats
from classifier.lab.informative import Candidate, informative
from classifier.lab.review import KEYS, LABELS
from classifier.lab.reviews import Reviews
from classifier.lab.sources import Wanted, read
from classifier.predictor import Predictor
from stream.errors import UserError
from stream.faces import FACES
from stream.settings import Settings
from web.problems import Problem

FOLDER = Path(__file__).parent
FILES = {"/review": "review.html", "/review/review.js": "review.js",
         "/review/review.css": "review.css"}  # fmt: skip

AT_ONCE = 20
"""Posts that a reviewer gets at once."""
AMONG = 10_000
"""Posts of the index that they are chosen from."""
MOST_ASKED = 2000
"""Posts that may be answered at any time; those asked first are forgotten first."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Label = Literal[LABELS]  # type: ignore[valid-type]  # the tuple is the one source


class Given(BaseModel):
    """What a person says of a post; null: skipped."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    by: Name
    post: str
    labels: Annotated[list[Label], Field(min_length=1)] | None


class Reviewing:
    """Chooses posts for reviewers and keeps their answers, a file for each in one folder."""

    def __init__(self, folder: Path, predictor: Predictor, settings: Settings) -> None:
        """Makes the folder if it is not there.

        Raises:
            UserError: it cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--reviews {folder}: {error.strerror}") from None
        self._folder, self._predictor, self._settings = folder, predictor, settings
        self._asked: dict[str, Candidate] = {}
        self._one = Lock()  # choosing takes a second of a processor

    def reviews(self, by: str) -> Reviews:
        """The file of one reviewer."""
        return Reviews(self._folder / f"{by}.ndjson", by, self._predictor.model)

    def choose(self, by: str) -> list[dict[str, Any]]:
        """Gives posts that this person has not answered.

        Raises:
            UserError: Elasticsearch does not answer.
        """
        with self._one:
            known = self.reviews(by).answered()
            posts = read(Wanted("elasticsearch", AMONG), self._settings)
            found = informative(posts, self._predictor, AT_ONCE, known)
            asked = {repeats.key(one.post.text): one for one in found}
            self._asked = {key: one for key, one in self._asked.items() if key not in asked} | asked
            while len(self._asked) > MOST_ASKED:
                del self._asked[next(iter(self._asked))]
        return [
            {"post": key, "text": one.post.text, "why": one.why, "labels": list(one.labels)}
            for key, one in asked.items()
        ]

    def keep(self, given: Given) -> None:
        """Keeps an answer; it is on the disk when this returns.

        Raises:
            Problem: nobody was asked about this post.
            UserError: the file cannot be written.
        """
        if given.post not in self._asked:
            raise Problem(404, "nobody was asked about this post: load the page again")
        self.reviews(given.by).add(self._asked[given.post], given.labels)

    async def posts(self, request: Request) -> Response:
        """Answers with posts to review, and with the labels and their keys."""
        by = request.query_params.get("by", "")
        try:
            Given(by=by, post="", labels=None)
        except ValidationError as error:
            raise Problem.of(error) from None
        found = await _beside(partial(self.choose, by))
        keys = {label: key for key, label in KEYS.items()}
        labels = [{"label": one, "emoji": FACES.get(one, "📝"), "key": keys[one]} for one in LABELS]
        return _json({"model": self._predictor.model, "posts": found, "labels": labels})

    async def answer(self, request: Request) -> Response:
        """Takes an answer."""
        body = await request.app.state.bodies.read(request.scope, request.receive)
        try:
            given = Given.model_validate_json(body)
        except ValidationError as error:
            raise Problem.of(error) from None
        await _beside(partial(self.keep, given))
        return Response(status_code=204)


def routes(folder: Path, predictor: Predictor, settings: Settings) -> Sequence[Route]:
    """What is served with `--reviews`."""
    reviewing = Reviewing(folder, predictor, settings)
    return [
        *(Route(path, partial(_file, name), methods=["GET"]) for path, name in FILES.items()),
        Route("/v1/review", reviewing.posts, methods=["GET"]),
        Route("/v1/review", reviewing.answer, methods=["POST"]),
    ]


async def _file(name: str, _request: Request) -> Response:
    return FileResponse(FOLDER / name, headers={"Cache-Control": "no-cache"})


async def _beside(work: Any) -> Any:
    try:
        return await asyncio.to_thread(work)
    except UserError as error:
        raise Problem(503, str(error)) from None


def _json(content: object) -> Response:
    return Response(
        orjson.dumps(content), media_type="application/json", headers={"Cache-Control": "no-store"}
    )

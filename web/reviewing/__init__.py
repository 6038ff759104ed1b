"""Review on a page: the posts of the index that teach most, one by one (`--reviews FOLDER`)."""

import asyncio
import time
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from classifier import heads, repeats
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
RANKED = 200
"""Posts of a reviewer that are ranked at once, for some times AT_ONCE."""
KEPT_SECONDS = 600.0
"""After so long they are chosen anew, among the posts that are there then."""
MOST_PEOPLE = 50
"""Reviewers whose posts are kept; who came first is forgotten first."""
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
    blind: bool = False  # whether the model's labels were kept from them


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
        self._ranked: dict[str, tuple[float, list[Candidate]]] = {}  # of a person, and when
        self._one = Lock()  # choosing takes a second of a processor

    def reviews(self, by: str, *, blind: bool = False) -> Reviews:
        """The file of one reviewer."""
        return Reviews(self._folder / f"{by}.ndjson", by, self._predictor.model, shown=not blind)

    @cached_property
    def _held_out(self) -> frozenset[str]:
        """The keys of texts that must not train, so that nobody is asked about them."""
        return heads.held_out_keys(self._settings.data_dir)

    def choose(self, by: str, *, blind: bool = False) -> list[dict[str, Any]]:
        """Gives posts that this person has not answered; blind: without the model's labels.

        Raises:
            UserError: Elasticsearch does not answer.
        """
        with self._one:
            found = self._best(by)[:AT_ONCE]
            asked = {repeats.key(one.post.text): one for one in found}
            self._asked = {key: one for key, one in self._asked.items() if key not in asked} | asked
            while len(self._asked) > MOST_ASKED:
                del self._asked[next(iter(self._asked))]
        return [
            {"post": key, "text": one.post.text, "why": one.why,
             "labels": [] if blind else list(one.labels)}
            for key, one in asked.items()
        ]  # fmt: skip

    def _best(self, by: str) -> list[Candidate]:
        """Posts for a person, best first; they are ranked anew once KEPT_SECONDS have gone by."""
        known = self.reviews(by).answered() | self._held_out
        when, ranked = self._ranked.get(by, (-KEPT_SECONDS, []))
        left = [one for one in ranked if repeats.key(one.post.text) not in known]
        if not left or time.monotonic() > when + KEPT_SECONDS:
            posts = read(Wanted("elasticsearch", AMONG), self._settings)
            left = informative(posts, self._predictor, RANKED, known)
            self._ranked.pop(by, None)
            self._ranked[by] = time.monotonic(), left
            while len(self._ranked) > MOST_PEOPLE:
                del self._ranked[next(iter(self._ranked))]
        return left

    def keep(self, given: Given) -> None:
        """Keeps an answer; it is on the disk when this returns.

        Raises:
            Problem: nobody was asked about this post.
            UserError: the file cannot be written.
        """
        if (one := self._asked.get(given.post)) is None:
            raise Problem(404, "nobody was asked about this post: load the page again")
        self.reviews(given.by, blind=given.blind).add(one, given.labels)

    async def posts(self, request: Request) -> Response:
        """Answers with posts to review, and with the labels and their keys."""
        by = request.query_params.get("by", "")
        try:
            Given(by=by, post="", labels=None)
        except ValidationError as error:
            raise Problem.of(error) from None
        blind = request.query_params.get("blind") == "1"
        found = await _beside(partial(self.choose, by, blind=blind))
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

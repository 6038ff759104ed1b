"""Which posts a view of the page is about, as its address says it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from web.problems import Problem

FIELDS = {
    "platform": "event.provider",
    "language": "emostream.text_language",
    "emotion": "emostream.emotion.primary",
    "polarity": "emostream.polarity.label",
    "comment_class": "emostream.comment_class",
    "topic": "emostream.topic.labels",
    "tag": "tags",
    "video": "emostream.origin.video",
    "word": "emostream.emotion.words",
    "crawl": "emostream.origin.crawl",
}
"""What a reader can ask for, and the field of the document that tells it."""

NAMES = {
    kind: f"emostream.entities.{kind}"
    for kind in ("person", "place", "organisation", "product", "other")
}
"""The fields that hold names, whatever has them."""

BACK = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}

SYNTAX = "AND|NOT|PHRASE|PREFIX|WHITESPACE"
"""The part of the search syntax that costs little."""

Query = dict[str, Any]


def _stamp(value: object) -> object:
    """Reads milliseconds since 1970, which is how the page writes a time, as a number."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    return value


def _in_utc(moment: datetime) -> datetime:
    """The first and the last day of the calendar may lie outside it in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999 in UTC") from None


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Time = Annotated[AwareDatetime, BeforeValidator(_stamp), AfterValidator(_in_utc)]


class Filters(BaseModel):
    """Posts that fit all of it; without any, every post."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Text | None = Field(None, description="words of the text, #hashtags and @handles")
    platform: Text | None = None
    language: Text | None = None
    emotion: Text | None = None
    polarity: Text | None = None
    comment_class: Text | None = None
    topic: Text | None = None
    tag: Text | None = None
    video: Text | None = None
    word: Text | None = Field(None, description="a word behind an emotion")
    name: Text | None = Field(None, description="a person, place or thing that the post names")
    crawl: Text | None = None
    since: Literal["1h", "24h", "7d", "30d"] | None = Field(None, description="how far back")
    start: Time | None = Field(None, description="ISO 8601, or milliseconds since 1970")
    end: Time | None = Field(None, description="the first moment that is too late")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.since and (self.start or self.end):
            raise ValueError("give either since, or start and end")
        return self

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Reads the parameters of a request; empty ones count as not given.

        Raises:
            Problem: one is unknown, or has a value that it does not take.
        """
        given = {name: value for name, value in parameters.items() if value}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise Problem.of(error) from None

    @property
    def begin(self) -> datetime | None:
        """The first moment that is asked for.

        By our clock, as a background cannot hold `now`; by whole minutes, so that Elasticsearch
        still knows the answers of the months in which nothing changes.
        """
        if self.since is None:
            return self.start
        return (datetime.now(UTC) - BACK[self.since]).replace(second=0, microsecond=0)

    def query(self, *without: str) -> Query:
        """Gives the search for these posts, some of the filters left out."""
        clauses: list[Query] = [
            {"term": {field: value}}
            for name, field in FIELDS.items()
            if name not in without and (value := getattr(self, name)) is not None
        ]
        if self.name:
            named = [{"term": {field: self.name}} for field in NAMES.values()]
            clauses.append({"bool": {"should": named}})
        return {"bool": {"filter": [*clauses, *self._written(), *self._during()]}}

    def time_only(self) -> Query:
        """Gives the search for every post of the time."""
        return {"bool": {"filter": self._during()}}

    def _written(self) -> list[Query]:
        """Hashtags and handles are fields of their own; the rest is searched for in the text."""
        words = (self.q or "").split()
        tags = [{"term": {"tags": one[1:].lower()}} for one in words if _named(one, "#")]
        handles = [{"term": {"related.user": one[1:]}} for one in words if _named(one, "@")]
        text = " ".join(one for one in words if not _named(one, "#") and not _named(one, "@"))
        asked = {
            "query": text,
            "fields": ["message"],
            "default_operator": "and",
            "flags": SYNTAX,
        }
        return [*tags, *handles, *([{"simple_query_string": asked}] if text else [])]

    def _during(self) -> list[Query]:
        bounds: dict[str, object] = {}
        if self.begin:
            bounds["gte"] = _written_time(self.begin)
        if self.end:
            bounds["lt"] = _written_time(self.end)
        return [{"range": {"@timestamp": bounds}}] if bounds else []


def _named(word: str, sign: str) -> bool:
    return word.startswith(sign) and len(word) > 1


def _written_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")

"""Payloads of the X API v2 to posts: a tweet object, a stream envelope, a page of a search.

Fields: https://docs.x.com/x-api/fundamentals/data-dictionary
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import NonNegativeInt, StringConstraints

from ingest import x_deletions
from ingest.payloads import AnyModel, Payload, PlatformTime, checked, said
from ingest.sightings import Outcome, Refusal, Sighting
from stream.errors import InvalidRecord
from stream.posts import Author, Counts, Origin, Post, Probability

PLATFORM = "x"

Id = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]

FIRST_MILLISECOND = 1_288_834_974_657
"""Posts' ids count milliseconds from here, in the bits above the lowest 22."""
LONGEST_EDIT = timedelta(days=1)
"""X lets a post be edited for an hour; more than this, and an id is not one of X's."""

_RETWEET = re.compile(r"RT @\w+: ")
_PROBLEM = re.compile(r"https://api\.(?:x|twitter)\.com/2/problems/([A-Za-z0-9_.-]{1,64})")


class _UserCounts(Payload):
    followers_count: NonNegativeInt | None = None


class _User(Payload):
    id: Id
    username: str | None = None
    name: str | None = None
    public_metrics: _UserCounts = _UserCounts()


class _Hashtag(Payload):
    tag: str


class _Mention(Payload):
    username: str


class _Url(Payload):
    url: str | None = None
    expanded_url: str | None = None
    unwound_url: str | None = None

    @property
    def widest(self) -> str | None:
        return self.unwound_url or self.expanded_url or self.url


class _Annotation(Payload):
    type: str
    normalized_text: str
    probability: Probability | None = None


class _Entities(Payload):
    hashtags: tuple[_Hashtag, ...] = ()
    mentions: tuple[_Mention, ...] = ()
    urls: tuple[_Url, ...] = ()
    annotations: tuple[_Annotation, ...] = ()


class _LongText(Payload):
    """The whole of a post above 280 characters, whose `text` is cut."""

    text: str
    entities: _Entities = _Entities()


class _Topic(Payload):
    id: str | None = None
    name: str


class _ContextAnnotation(Payload):
    domain: _Topic
    entity: _Topic


class _Reference(Payload):
    type: str
    id: Id


class _Metrics(Payload):
    like_count: NonNegativeInt | None = None
    reply_count: NonNegativeInt | None = None
    retweet_count: NonNegativeInt | None = None
    quote_count: NonNegativeInt | None = None
    bookmark_count: NonNegativeInt | None = None
    impression_count: NonNegativeInt | None = None


class _Tweet(Payload):
    id: Id
    text: str
    created_at: PlatformTime
    author_id: Id | None = None
    lang: str | None = None
    conversation_id: Id | None = None
    referenced_tweets: tuple[_Reference, ...] = ()
    public_metrics: _Metrics = _Metrics()
    entities: _Entities = _Entities()
    context_annotations: tuple[_ContextAnnotation, ...] = ()
    note_tweet: _LongText | None = None
    edit_history_tweet_ids: tuple[Id, ...] = ()

    @property
    def first_id(self) -> str:
        """Of the post as it was first written: an edit has an id of its own."""
        history = self.edit_history_tweet_ids
        return history[0] if self.id in history else self.id

    @property
    def written_at(self) -> datetime:
        """The time of the first version, so that an edit lands in the same month's index."""
        if self.first_id == self.id:
            return self.created_at
        first = id_time(self.first_id).replace(microsecond=0)
        credible = timedelta(0) <= self.created_at - first <= LONGEST_EDIT
        return first if credible else self.created_at

    @property
    def whole_text(self) -> str:
        return self.note_tweet.text if self.note_tweet else self.text

    @property
    def marks(self) -> tuple[_Entities, ...]:
        """Where hashtags, mentions and links are found."""
        return (self.entities, self.note_tweet.entities) if self.note_tweet else (self.entities,)

    def referenced(self, how: str) -> str | None:
        return next((other.id for other in self.referenced_tweets if other.type == how), None)


class _Rule(Payload):
    id: str | None = None
    tag: str | None = None


class _Rules(Payload):
    matching_rules: tuple[_Rule, ...] = ()


def id_time(post_id: str | int) -> datetime:
    """Gives the time that is in a post's id, to the millisecond."""
    milliseconds = (int(post_id) >> 22) + FIRST_MILLISECOND
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def id_at(moment: datetime) -> int:
    """Gives the lowest id that a post of this moment can have."""
    return max(0, int(moment.timestamp() * 1000) - FIRST_MILLISECOND) << 22


def recognises(payload: dict[str, Any]) -> bool:
    """Says whether a JSON object comes from the X API: a tweet, an envelope, a page or an error."""
    if payload.keys() & {"data", "errors"} or payload.keys() >= {"title", "detail"}:
        return True
    if "id" in payload and payload.keys() & {
        "text",
        "author_id",
        "created_at",
        "edit_history_tweet_ids",
    }:
        return True
    return _is_empty_page(payload)


def outcomes(payload: dict[str, Any], sighting: Sighting) -> Iterator[Outcome]:
    """Gives the posts of a payload, and a refusal for each item that is none."""
    data = payload.get("data")
    if isinstance(data, list):
        for number, item in enumerate(data):
            pointer = f"/data/{number}"
            yield _outcome(item, payload, sighting, pointer)
    elif isinstance(data, dict) and not data.keys().isdisjoint(x_deletions.EVENTS):
        yield x_deletions.deletion(data, sighting)
    elif data is not None:
        yield _outcome(data, payload, sighting, "")
    elif "id" in payload:
        yield _outcome(payload, {}, sighting, "")
    elif not _is_empty_page(payload):
        yield Refusal(_problem(payload))


def post(tweet: Any, envelope: dict[str, Any], sighting: Sighting) -> Post:
    """Makes a post of a tweet object and the `includes` and `matching_rules` around it.

    Raises:
        InvalidRecord: naming the fields that are wrong.
    """
    read = checked(_Tweet, tweet)
    author = _author(read.author_id, envelope)
    original = _retweeted(read, envelope)
    marks = read.marks + (original.marks if original else ())
    metrics = read.public_metrics
    return checked(
        Post,
        {
            "platform": PLATFORM,
            "native_id": read.first_id,
            "text": said(_text(read, original)),
            "created_at": read.written_at,
            "observed_at": sighting.observed_at,
            "url": f"https://x.com/{author.name or 'i/web'}/status/{read.id}",
            "author": author,
            "language": read.lang or sighting.language,
            "hashtags": _unique(one.tag for mark in marks for one in mark.hashtags),
            "mentions": _unique(one.username for mark in marks for one in mark.mentions),
            "links": _unique(one.widest for mark in marks for one in mark.urls),
            "reply_to": read.referenced("replied_to"),
            "conversation": read.conversation_id,
            "counts": Counts(
                likes=metrics.like_count,
                replies=metrics.reply_count,
                reposts=metrics.retweet_count,
                quotes=metrics.quote_count,
                bookmarks=metrics.bookmark_count,
                views=metrics.impression_count,
            ),
            "entities": _entities(read if original is None else original),
            "context": _context(read),
            "origin": _origin(envelope, sighting.origin),
        },
    )


def _outcome(
    tweet: Any, envelope: dict[str, Any], sighting: Sighting, pointer: str
) -> Post | Refusal:
    try:
        return post(tweet, envelope, sighting)
    except InvalidRecord as error:
        return Refusal(str(error), pointer, tweet)


def _is_empty_page(payload: dict[str, Any]) -> bool:
    meta = payload.get("meta")
    return "data" not in payload and isinstance(meta, dict) and meta.get("result_count") == 0


def _problem(payload: dict[str, Any]) -> str:
    """Reads an error object: https://docs.x.com/x-api/fundamentals/response-codes-and-errors.

    Anyone's object may have a title and details, so only the name of X's own problem is quoted.
    """
    errors = payload.get("errors")
    for error in (*(errors if isinstance(errors, list) else ()), payload):
        kind = error.get("type") if isinstance(error, dict) else None
        if isinstance(kind, str) and (known := _PROBLEM.fullmatch(kind)):
            return f"an error of the X API, no post: {known[1]}"
    return "an error of the X API, no post"


def _author(author_id: str | None, envelope: dict[str, Any]) -> Author:
    if author_id is None:
        return Author()
    user = _included(envelope, "users", author_id)
    if user is None:
        return Author(id=author_id)
    read = _checked_include(_User, user, "users")
    return checked(
        Author,
        {
            "id": author_id,
            "name": read.username,
            "display_name": read.name,
            "followers": read.public_metrics.followers_count,
        },
    )


def _retweeted(tweet: _Tweet, envelope: dict[str, Any]) -> _Tweet | None:
    """Finds the post that was retweeted: the text of the retweet itself is cut at 140."""
    original_id = tweet.referenced("retweeted")
    original = _included(envelope, "tweets", original_id) if original_id else None
    return None if original is None else _checked_include(_Tweet, original, "tweets")


def _checked_include(model: type[AnyModel], fields: Any, what: str) -> AnyModel:
    try:
        return checked(model, fields)
    except InvalidRecord as error:
        raise InvalidRecord(f"includes.{what}: {error}") from None


def _included(envelope: dict[str, Any], what: str, wanted: str) -> Any:
    includes = envelope.get("includes")
    items = includes.get(what) if isinstance(includes, dict) else None
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("id") == wanted:
            return item
    return None


def _text(tweet: _Tweet, original: _Tweet | None) -> str:
    text = tweet.whole_text
    if original is not None:
        prefix = _RETWEET.match(text)
        text = (prefix.group() if prefix else "") + original.whole_text
    # X escapes these three and nothing else; a second pass would change what people typed.
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _entities(tweet: _Tweet) -> list[dict[str, Any]]:
    return [
        {"type": one.type, "text": one.normalized_text, "probability": one.probability}
        for mark in tweet.marks
        for one in mark.annotations
    ]


def _context(tweet: _Tweet) -> list[dict[str, Any]]:
    return [
        {
            "domain_id": one.domain.id,
            "domain": one.domain.name,
            "entity_id": one.entity.id,
            "entity": one.entity.name,
        }
        for one in tweet.context_annotations
    ]


def _origin(envelope: dict[str, Any], origin: Origin) -> dict[str, Any]:
    rules = checked(_Rules, {"matching_rules": envelope.get("matching_rules")}).matching_rules
    names = _unique(rule.tag or rule.id for rule in rules)
    return {**origin.model_dump(), "rules": names or origin.rules}


def _unique(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))

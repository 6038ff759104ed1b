"""Posts as they are read from a topic: the fields of `stream.posts` as msgspec structs.

msgspec reads and checks a record three times as fast as pydantic, but knows fewer ways to write
one. So these accept a subset of what the models accept, what `codec.encode` writes among it, and
`stream.codec` gives everything else to the models: they alone say what is wrong with a record.
Field by field the same values come out; a test compares.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from stream import posts
from stream.posts import CLOCK_SKEW, FIRST_POST, MAX_TEXT, CommentClass

Name = Annotated[str, Meta(min_length=1, max_length=512)]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Platform = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,8}\Z")]
Long = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Score = Annotated[float, Meta(ge=-1, le=1)]

WHOLE, WITH_MICROSECONDS = len("2026-03-14T12:00:00Z"), len("2026-03-14T12:00:00.000000Z")


def moment(text: str) -> datetime:
    """Reads a time in UTC as `codec.encode` writes it; raises ValueError for every other form."""
    size = len(text)
    if text[4:17:3] != "--T::" or text[-1] != "Z":
        raise ValueError("not a time in UTC as we write it")
    if size != WHOLE and (size != WITH_MICROSECONDS or text[WHOLE - 1] != "."):
        raise ValueError("not whole seconds, nor six digits more")
    return datetime.fromisoformat(text)


class Record(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A struct that refuses fields it does not know; nobody changes one that was read."""


class Author(Record):
    """Who wrote a post, as the platform names them."""

    id: Name | None = None
    name: Name | None = None
    display_name: Annotated[str, Meta(max_length=512)] | None = None
    followers: Count | None = None


class Counts(Record):
    """How often a post was liked, answered and passed on when it was observed."""

    likes: Count | None = None
    replies: Count | None = None
    reposts: Count | None = None
    quotes: Count | None = None
    bookmarks: Count | None = None
    views: Count | None = None


class Entity(Record):
    """Something a text names, as the platform or a recogniser found it."""

    type: Name
    text: Name
    probability: Probability | None = None


class ContextAnnotation(Record):
    """What a post is about, as the platform says: a domain and an entity in it."""

    domain: Name
    entity: Name
    domain_id: Name | None = None
    entity_id: Name | None = None


class Origin(Record):
    """Where a post came from: which crawl, and what that crawl had asked for."""

    crawl: Name
    query: Long | None = None
    channel: Name | None = None
    video: Name | None = None
    stream: Name | None = None
    rules: tuple[Name, ...] = ()


class Post(Record):
    """One tweet or comment, whatever the platform."""

    platform: Platform
    native_id: Name
    text: Annotated[str, Meta(max_length=MAX_TEXT)]
    created: str = field(name="created_at")
    observed: str = field(name="observed_at")
    origin: Origin
    kind: Literal["post"] = "post"
    schema_version: Literal[1] = 1
    url: Long | None = None
    author: Author = field(default_factory=Author)
    language: Annotated[str, Meta(max_length=35)] | None = None
    hashtags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    reply_to: Name | None = None
    conversation: Name | None = None
    counts: Counts = field(default_factory=Counts)
    entities: tuple[Entity, ...] = ()
    context: tuple[ContextAnnotation, ...] = ()
    distant_labels: tuple[Word, ...] = ()

    @property
    def key(self) -> str:
        """Names the post on every topic and in the index: `platform:native_id`."""
        return f"{self.platform}:{self.native_id}"

    @property
    def created_at(self) -> datetime:
        """The post's own time."""
        return datetime.fromisoformat(self.created)

    @property
    def observed_at(self) -> datetime:
        """When we saw it."""
        return datetime.fromisoformat(self.observed)

    def __post_init__(self) -> None:
        """Refuses times of which a model must say what is wrong; raises ValueError."""
        created = moment(self.created)
        if created < FIRST_POST or created - CLOCK_SKEW > moment(self.observed):
            raise ValueError("created_at is not credible")


class CollectedPost(Post, kw_only=True):
    """A post as a record of its own, which must name its kind."""

    kind: Literal["post"]


class Polarity(Record):
    """How positive a text is."""

    score: Score
    probabilities: dict[str, Probability]
    label: Literal["negative", "neutral", "positive"] | None = None


class Classification(Record):
    """What one model says of one text."""

    model: Name
    emotions: tuple[Name, ...]
    probabilities: dict[str, Probability]
    polarity: Polarity
    classified: str = field(name="classified_at")
    primary: Name | None = None
    ekman: tuple[Name, ...] = ()
    sentiment_groups: tuple[Name, ...] = ()
    words: Annotated[tuple[Word, ...], Meta(max_length=5)] = ()
    suggestion: Probability | None = None
    comment_class: CommentClass | None = None
    topics: tuple[Name, ...] = ()
    topic_probabilities: dict[str, Probability] = field(default_factory=dict)
    language: Language | None = None
    abstained: str | None = None

    @property
    def classified_at(self) -> datetime:
        """When it was said."""
        return datetime.fromisoformat(self.classified)

    def __post_init__(self) -> None:
        """Refuses a time of which the model must say what is wrong; raises ValueError."""
        moment(self.classified)


class ClassifiedPost(Record):
    """A post and what the classifier says of it."""

    kind: Literal["classified_post"]
    post: Post
    classification: Classification
    schema_version: Literal[1] = 1
    entities: tuple[Entity, ...] = ()
    recogniser: Name | None = None

    @property
    def key(self) -> str:
        """The post's own key."""
        return self.post.key


def struct_of(record: posts.ClassifiedPost) -> ClassifiedPost:
    """Makes the struct of a record that is a model: slowly, for the few that are."""
    # Validated once more: a model that was made by `model_copy` may have a time of another zone.
    model = posts.ClassifiedPost.model_validate(record.model_dump())
    return msgspec.convert(model.model_dump(mode="json", exclude_none=True), ClassifiedPost)

"""The records on the topics: posts, classified posts, and deletions of posts and of authors.

Bytes become these models at the edges (`stream.codec`) and nothing between checks them again.
Every field is described in docs/records.md; the JSON Schemas in `stream/json_schemas/` are
generated from here and compared by a test.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    StringConstraints,
    model_validator,
)

FIRST_POST = datetime(2003, 1, 1, tzinfo=UTC)
"""No platform that we read is older."""

CLOCK_SKEW = timedelta(days=1)

SCHEMA_VERSION: Final = 1
"""Raised when a field changes meaning or goes; a new optional field does not raise it."""

MAX_TEXT = 200_000
"""Characters in one text; the longest platform limit (a YouTube comment's 10,000) is far below."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Platform = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,8}$")]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Score = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class Record(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="null", hide_input_in_errors=True
    )


class Author(Record):
    """Who wrote a post, as the platform names them."""

    id: Name | None = None
    name: Name | None = Field(None, description="the handle, without @")
    display_name: str | None = Field(None, max_length=512)
    followers: NonNegativeInt | None = None


class Counts(Record):
    """How often a post was liked, answered and passed on when it was observed."""

    likes: NonNegativeInt | None = None
    replies: NonNegativeInt | None = None
    reposts: NonNegativeInt | None = None
    quotes: NonNegativeInt | None = None
    bookmarks: NonNegativeInt | None = None
    views: NonNegativeInt | None = None


class Entity(Record):
    """Something a text names, as the platform or a recogniser found it."""

    type: Name = Field(description="Person, Place, Organization, Product or Other")
    text: Name
    probability: Probability | None = None


class ContextAnnotation(Record):
    """What a post is about, as the platform says: a domain and an entity in it."""

    domain_id: Name | None = None
    domain: Name
    entity_id: Name | None = None
    entity: Name


class Origin(Record):
    """Where a post came from: which crawl, and what that crawl had asked for."""

    crawl: Name = Field(description="one run of a source; every record of it carries the same id")
    query: str | None = Field(None, max_length=4096)
    channel: Name | None = None
    video: Name | None = None
    stream: Name | None = Field(None, description="file, endpoint or feed")
    rules: tuple[Name, ...] = Field((), description="tags of the stream rules that matched")


class Identified(Record):
    """A record about one post: the pair that identifies it everywhere."""

    platform: Platform
    native_id: Name

    @property
    def key(self) -> str:
        """Names the post on every topic and in the index: `platform:native_id`."""
        return f"{self.platform}:{self.native_id}"


class Post(Identified):
    """One tweet or comment, whatever the platform."""

    kind: Literal["post"] = "post"
    schema_version: Literal[1] = SCHEMA_VERSION
    text: str = Field(max_length=MAX_TEXT)
    created_at: Time = Field(description="the post's own time; decides its index")
    observed_at: Time = Field(description="when we saw it; an older observation never wins")
    url: str | None = Field(None, max_length=4096)
    author: Author = Author()
    language: str | None = Field(None, max_length=35, description="BCP 47, as the platform says")
    hashtags: tuple[str, ...] = Field((), description="without #, as written")
    mentions: tuple[str, ...] = Field((), description="handles, without @")
    links: tuple[str, ...] = Field((), description="expanded where the platform expands them")
    reply_to: Name | None = Field(None, description="native id of the post this one answers")
    conversation: Name | None = Field(None, description="native id of the thread's first post")
    counts: Counts = Counts()
    entities: tuple[Entity, ...] = ()
    context: tuple[ContextAnnotation, ...] = ()
    distant_labels: tuple[Word, ...] = Field(
        (), description="from the author's hashtags, which are then no longer in the text"
    )
    origin: Origin

    @model_validator(mode="after")
    def _has_a_credible_time(self) -> Self:
        # Each month is an index: a thousand made-up months would fill a cluster with shards.
        if self.created_at < FIRST_POST or self.created_at - CLOCK_SKEW > self.observed_at:
            raise ValueError(
                f"created_at: must lie between {FIRST_POST:%Y-%m} and a day after observed_at"
            )
        return self


class Deletion(Identified):
    """The platform says that a post is gone: so must be everything we keep of it."""

    kind: Literal["deletion"] = "deletion"
    schema_version: Literal[1] = SCHEMA_VERSION
    deleted_at: Time
    created_at: Time | None = Field(None, description="the deleted post's own time, where known")
    origin: Origin


class AuthorDeletion(Record):
    """An author is gone, or wants to be: so must be all posts of theirs from before."""

    kind: Literal["author_deletion"] = "author_deletion"
    schema_version: Literal[1] = SCHEMA_VERSION
    platform: Platform
    author_id: Name = Field(description="the platform's own id, never a handle")
    deleted_at: Time = Field(description="posts that are of this time or older go")
    for_good: bool = Field(False, description="posts of any later time go too")
    origin: Origin

    @property
    def key(self) -> str:
        """Names the author on every topic and in the index: `platform:author:author_id`."""
        return author_key(self.platform, self.author_id)


def author_key(platform: str, author_id: str) -> str:
    """Gives the key of an author; no post of a platform has such an id."""
    return f"{platform}:author:{author_id}"


def is_author_key(key: str) -> bool:
    """Whether a key is an author's."""
    return key.split(":", 2)[1:2] == ["author"]


CommentClass = Literal["positive", "negative", "neutral", "constructive_feedback", "sadness"]
"""The five classes that creators sort the comments on their work into."""


class Polarity(Record):
    """How positive a text is."""

    label: Literal["negative", "neutral", "positive"] | None = None
    score: Score = Field(description="p(positive) - p(negative)")
    probabilities: dict[str, Probability]


class Classification(Record):
    """What one model says of one text.

    What has a default came after the first records: an older record says nothing of it.
    """

    model: Name = Field(description="artifact name and fingerprint of its weights")
    emotions: tuple[Name, ...] = Field(description="labels above their thresholds, likeliest first")
    primary: Name | None = None
    probabilities: dict[str, Probability]
    ekman: tuple[Name, ...] = Field((), description="Ekman groups of emotions, likeliest first")
    sentiment_groups: tuple[Name, ...] = Field(
        (), description="GoEmotions sentiment groups of emotions, likeliest first"
    )
    words: tuple[Word, ...] = Field(
        (), max_length=5, description="words that weigh most for primary, first most"
    )
    polarity: Polarity
    suggestion: Probability | None = Field(None, description="that the text proposes something")
    comment_class: CommentClass | None = None
    topics: tuple[Name, ...] = Field(
        (), description="topic domains above their thresholds, likeliest first"
    )
    topic_probabilities: dict[str, Probability] = Field(
        {}, description="of each topic domain; empty where the model has none"
    )
    language: Language | None = Field(
        None, description="what the text was taken to be in: BCP 47 primary subtag, or und"
    )
    abstained: str | None = Field(None, description="why no label was given, where none was")
    classified_at: Time


class ClassifiedPost(Record):
    """A post and what the classifier says of it."""

    kind: Literal["classified_post"] = "classified_post"
    schema_version: Literal[1] = SCHEMA_VERSION
    post: Post
    classification: Classification
    entities: tuple[Entity, ...] = Field((), description="what the recogniser found in the text")
    recogniser: Name | None = Field(
        None, description="which one was asked; null where none was, or not about this language"
    )

    @property
    def key(self) -> str:
        """The post's own key, so that both records land on the same partition number."""
        return self.post.key


Collected = Annotated[Post | Deletion | AuthorDeletion, Field(discriminator="kind")]
"""What `posts.collected` holds."""

Classified = Annotated[ClassifiedPost | Deletion | AuthorDeletion, Field(discriminator="kind")]
"""What `posts.classified` holds."""

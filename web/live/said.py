"""The shapes of what the live view is told: the source of their part of the OpenAPI text."""

from pydantic import BaseModel, ConfigDict, Field

from web.asking import Weighing

Counts = dict[str, int]


class Said(BaseModel):
    """What is told has no field beside those described."""

    model_config = ConfigDict(extra="forbid")


class Column(Said):
    """The posts of a stretch of time."""

    at: int = Field(description="its first moment, in milliseconds since 1970")
    posts: int
    mood: float | None = Field(description="mean polarity score, from -1 to 1")
    emotions: Counts


class WordSaid(Said):
    """A word, and in how many posts it stands behind the emotion."""

    word: str
    posts: int


class Overview(Said):
    """The posts that fit, counted in every way that the page shows."""

    posts: int
    mood: float | None = Field(description="mean polarity score, from -1 to 1")
    start: int = Field(description="first moment of the chart, in milliseconds since 1970")
    end: int = Field(description="its last moment")
    step: int = Field(description="milliseconds that a column spans")
    timeline: list[Column]
    emotions: Counts
    polarities: Counts
    comment_classes: Counts
    topics: Counts
    tags: Counts
    platforms: Counts
    languages: Counts
    videos: Counts
    names: Counts = Field(description="people, places, organisations, products, other things")
    choices: dict[str, Counts] = Field(description="what the filters offer, whatever is chosen")
    emotion: str | None = Field(description="whose words are told")
    words: list[WordSaid] = Field(description="behind the emotion, those of its own first")


class PostPolarity(Said):
    """The polarity of a post, as it was indexed."""

    label: str | None = None
    score: float | None = None


class PostSaid(Said):
    """A post as the page lists it."""

    id: str
    text: str = Field(description="its first 600 characters")
    cut: int = Field(description="characters that were cut off")
    at: str = Field(description="when it was written, ISO 8601")
    ingested: str | None
    platform: str | None
    url: str | None
    name: str | None = Field(description="of its author")
    tags: list[str]
    emotions: list[str]
    primary: str | None
    confidence: float | None
    polarity: PostPolarity
    comment_class: str | None
    suggestion: float | None
    topics: list[str]
    language: str | None
    likes: int | None
    abstained: str | None
    weighing: Weighing | None = Field(description="by the model that answers now")


class Posts(Said):
    """Some posts, in the order that was asked for."""

    posts: list[PostSaid]


class Reason(Said):
    """Why records became dead letters."""

    station: str | None
    reason: str
    letters: int


class Pipeline(Said):
    """How the line does."""

    posts: int
    a_second: float = Field(description="posts indexed, over the last minute")
    newest: int | None = Field(description="when the newest was indexed, ms since 1970")
    dead_letters: int
    dead_letters_in_an_hour: int
    reasons: list[Reason]
    deletions: int
    lag: Counts | None = Field(description="by station; null where no broker answers")

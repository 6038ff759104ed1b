"""What may be asked of the API, and the shape of its answers: the source of the OpenAPI text."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from classifier.labels import EMOTIONS
from stream.posts import MAX_TEXT, CommentClass

MAX_TEXTS = 1000
MAX_EXPLAINED = 50
"""Texts of one request whose words are weighed; together they may be as long as one text."""

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Probability = Annotated[float, Field(ge=0, le=1)]
Emotion = Literal[EMOTIONS]  # type: ignore[valid-type]  # the tuple is the one source
EXAMPLES: list[JsonValue] = [
    {"text": "thank you so much, this made my day", "explain": True},
    {"texts": ["I love it", "worst update ever"], "thresholds": {"anger": 0.2}},
]


def _whole(value: object) -> object:
    """3.0 is an integer to JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Question(BaseModel):
    """One text, or up to 1,000, and what is wanted of them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,  # "yes" is no boolean, "3" no number: the schema says so, too
        json_schema_extra={
            "examples": EXAMPLES,
            "oneOf": [
                {"required": ["text"], "properties": {"text": {"type": "string"}}},
                {"required": ["texts"], "properties": {"texts": {"type": "array"}}},
            ],
        },
    )

    text: Text | None = Field(None, description="one text")
    texts: Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)] | None = Field(
        None, description="or several"
    )
    language: Annotated[str, StringConstraints(max_length=35)] | None = Field(
        None, description="BCP 47 tag of the texts; found out if not given"
    )
    thresholds: Probability | dict[Emotion, Probability] | None = Field(
        None, description="for all emotions or by emotion; the model's own where not given"
    )
    top: Annotated[int, Field(ge=1, le=len(EMOTIONS)), BeforeValidator(_whole)] | None = Field(
        None, description="give the likeliest emotions, whatever thresholds"
    )
    view: Literal["emotions", "comments"] = Field(
        "emotions", description="`comments`: only the five classes of a creator's comments"
    )
    explain: bool = Field(
        False,
        description=f"say what each word adds; for {MAX_EXPLAINED} texts at most, "
        f"of {MAX_TEXT:,} characters together",
    )
    emotion: Emotion | None = Field(
        None, description="the emotion that `explain` weighs words for; else the primary"
    )
    model: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description="one of the models that /v1/model lists; the first if not given"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either text or texts")
        if self.explain and len(self.all_texts) > MAX_EXPLAINED:
            raise ValueError(f"explain takes {MAX_EXPLAINED} texts at most")
        if self.explain and sum(map(len, self.all_texts)) > MAX_TEXT:
            raise ValueError(f"explain takes {MAX_TEXT:,} characters at most")
        return self

    @property
    def all_texts(self) -> list[str]:
        """The texts, however they were given."""
        return self.texts if self.texts is not None else [self.text or ""]


class Likely(BaseModel):
    """A label and how likely it is."""

    label: str
    probability: Probability


class Polarity(BaseModel):
    """How positive a text is; the label is null where the model says nothing."""

    label: Literal["negative", "neutral", "positive"] | None
    score: float = Field(description="p(positive) - p(negative), from -1 to 1")
    probabilities: dict[str, float]


class WeighedWord(BaseModel):
    """A piece of the text between blanks, and what it adds to the emotion's logit."""

    start: int = Field(description="first character, counted in code points")
    end: int = Field(description="behind the last character")
    adds: float


class Weighing(BaseModel):
    """Where an emotion comes from.

    Of our own model `empty` and all `adds` and `caps` sum to the logit; of others see `method`.
    """

    emotion: str
    empty: float = Field(description="the logit of an empty text")
    caps: float = Field(0.0, description="what shouting in capitals adds")
    words: list[WeighedWord]
    method: Literal["contribution", "attention", "left out"] = Field(
        "contribution",
        description="what `adds` is: what the word adds to the logit; how much the model looked at"
        " it, whatever the emotion; or what the logit loses without it",
    )


class Result(BaseModel):
    """What the model says of one text; `view: comments` leaves out all but three fields."""

    comment_class: CommentClass | None
    polarity: Polarity
    suggestion: Probability | None = Field(description="that the text proposes something")
    emotions: list[Likely] | None = Field(None, description="likeliest first")
    primary: str | None = Field(None, description="null where no emotion is sure enough")
    probabilities: dict[str, float] | None = Field(None, description="of all 28 emotions")
    topics: list[Likely] | None = None
    language: str | None = Field(None, description="BCP 47 primary subtag, or und")
    abstained: str | None = Field(None, description="why nothing is said, where nothing is said")
    weighing: Weighing | None = Field(None, description="only with `explain`")


class Answer(BaseModel):
    """The results, in the order of the texts."""

    model: str
    results: list[Result]


class LabelSaid(BaseModel):
    """One emotion: how it is shown, and from which probability on it is given."""

    label: str
    emoji: str
    colour: str
    sentiment: str
    ekman: str
    threshold: float


class LabelsSaid(BaseModel):
    """The labels, in the model's order."""

    emotions: list[LabelSaid]
    polarity: dict[str, str] = Field(description="label to colour")
    comment_classes: dict[str, str] = Field(description="label to colour")
    topics: list[str]


class ModelSaid(BaseModel):
    """The models that answer; the first unless another is asked for."""

    models: list[str]
    texts: int = Field(description=f"texts of one request, at most: {MAX_TEXTS}")
    characters: int = Field(description="of one text, at most")
    measured: dict[str, float] = Field(description="scores on public test sets, as in the card")


class FieldProblem(BaseModel):
    """A field that is wrong."""

    field: str
    detail: str


class ProblemSaid(BaseModel):
    """RFC 9457: why there is no answer."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None

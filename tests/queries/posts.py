"""A few hundred posts of five weeks, drawn at random once, with the names that the page uses."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from stream.dead_letters import DeadLetter, Source, dead_letter
from stream.posts import (
    Author,
    Classification,
    ClassifiedPost,
    Counts,
    Deletion,
    Entity,
    Origin,
    Polarity,
    Post,
)
from tests.indexer.records import LABELS

HOUR = timedelta(hours=1)
CHANNELS = {
    "UCg_79OFJgXbeRVxjlqSHoHn": ("NAOQ1almn12", "fNrxy9mVsbs"),
    "UCAy-pBhBIyVTyjaLCG2DI3v": ("oWnlnu2lyvp", "L9banAUbK_5"),
}
RULES = ("harbour derby", "storm ysolde", "pets")
COMMON = ("joy", "anger", "fear", "curiosity", "sadness", "annoyance", "confusion", "neutral")
RARE = ("grief", "pride")
WORDS = {
    "anger": ("furious", "hate", "rage", "liars"),
    "joy": ("happy", "glad", "cheers"),
    "fear": ("scared", "terrifying"),
}
ANY = ("i", "you")
POOL = ("kettle", "harbour", "lantern", "bread", "kitten", "ticket", "score", "orlo", "river", "7")
LIKE = (
    "The storm took the ROOF and the lights are out!",
    "took the long way home",
    "lights out, roof gone",
    "the end",
)
PEOPLE = tuple(f"Person {n}" for n in range(12))
TEAMS = ("Rovers", "United", "Coastrail", "Veyra")
REASONS = (("ingest", "not JSON"), ("ingest", "created_at: Field required"), ("indexer", "N bytes"))


@dataclass(frozen=True)
class Known:
    """What is in the index, as records, and when it was put there."""

    now: datetime
    posts: list[ClassifiedPost]
    deletions: list[Deletion]
    letters: list[DeadLetter]


def known(size: int = 300) -> Known:
    """Draws the posts; every one lies half an hour or more from a border of any question."""
    draw, now = Random(5), datetime.now(UTC).replace(microsecond=0)
    likes = draw.sample(range(10_000), size)
    posts = [_classified(draw, now, n, likes[n]) for n in range(size)]
    deletions = [
        Deletion(
            platform=platform,
            native_id=f"gone-{n}",
            deleted_at=now - n * HOUR,
            origin=Origin(crawl="c"),
        )
        for n, platform in enumerate(["x", "x", "youtube"])
    ]
    letters = [
        dead_letter(station, "receiving", reason, Source(file="f", line=n), b"{", crawl="c")
        for n, (station, reason) in enumerate(draw.choices(REASONS, k=20))
    ]
    return Known(now, posts, deletions, letters)


def _classified(draw: Random, now: datetime, n: int, likes: int) -> ClassifiedPost:
    platform = draw.choice(["x", "x", "youtube"])
    # Two thirds are of the last two days, so that hours hold several; the rest go back over the
    # beginning of a month, so that there are always two indices.
    hours = draw.randrange(48) if n % 3 else draw.randrange(800)
    created = now - hours * HOUR - HOUR / 2
    channel = draw.choice(list(CHANNELS))
    video = draw.choice(CHANNELS[channel])
    of_x = platform == "x"
    labels = _labels(draw, now, n)
    happy = ("Pets",) if "positive" in labels.sentiment_groups else ()
    name = f"author{draw.randrange(12)}"
    post = Post(
        platform=platform,
        native_id=str(n),
        text=LIKE[n] if n < len(LIKE) else " ".join(draw.choices(POOL, k=6)),
        created_at=created,
        observed_at=created + timedelta(seconds=draw.choice([5, 1200, 18_000, 180_000])),
        author=Author(name=name, followers=draw.randrange(30_000) if of_x else None),
        hashtags=(*draw.sample(["HarbourDerby", "Orlo7"], draw.randrange(3)), *happy),
        entities=() if n % 3 else _entities(n),
        conversation=f"thread{draw.randrange(12)}" if draw.random() < 0.3 else None,
        counts=Counts(likes=likes, replies=draw.choice([0, 0, 3])),
        origin=Origin(
            crawl="c",
            rules=tuple(draw.sample(RULES, 1)) if of_x else (),
            channel=None if of_x else channel,
            video=None if of_x else video,
        ),
    )
    # By the platform's annotation, by the recogniser, or by both.
    recognised = () if n % 2 else _entities(n)
    return ClassifiedPost(
        post=post, classification=labels, entities=recognised, recogniser="tiny@1"
    )


def _entities(n: int) -> tuple[Entity, ...]:
    """Two names for three posts in four: the lower its number, the oftener a name is there."""
    if n % 4 == 3:
        return ()
    person, organisation = PEOPLE[n * n % 13 % len(PEOPLE)], TEAMS[n * n % 7 % len(TEAMS)]
    return Entity(type="Person", text=person), Entity(type="Organization", text=organisation)


def _labels(draw: Random, now: datetime, n: int) -> Classification:
    emotions: tuple[str, ...] = tuple(draw.sample(COMMON, draw.choice([1, 1, 2])))
    if n < 5:
        emotions = (*emotions, RARE[n % 2])
    unread = draw.random() < 0.1
    if unread:
        emotions = ()
    given = [one for one in emotions if one != "neutral"] or list(emotions)
    primary = given[0] if given else None
    words = draw.sample([*WORDS.get(primary or "", ("well",)), *ANY], 2) if given else []
    negative, neutral, positive = (draw.random() / 3 for _ in range(3))
    score = positive - negative
    more: dict[str, Any] = {
        "comment_class": draw.choice(["positive", "negative", "neutral", "constructive_feedback"]),
        "suggestion": draw.random(),
        "topics": tuple(draw.sample(["sports", "gaming", "music"], draw.randrange(3))),
        "language": draw.choice(["de", "es"]) if unread else "en",
        "abstained": "unsupported language" if unread else None,
    }
    return Classification(
        model=draw.choice(["emotion-cbow-1@0001", "emotion-cbow-2@0002"]),
        emotions=emotions,
        primary=primary,
        probabilities={
            label: draw.uniform(0.3, 0.99) if label in emotions else draw.uniform(0, 0.2)
            for label in LABELS
        },
        sentiment_groups=("positive",) if score > 0 else ("negative",),
        words=tuple(words),
        polarity=Polarity(
            label="positive" if score > 0 else "negative",
            score=score,
            probabilities={"negative": negative, "neutral": neutral, "positive": positive},
        ),
        classified_at=now,
        **more,
    )

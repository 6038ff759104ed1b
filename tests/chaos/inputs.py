"""What goes into the line, made from a seed: each input with what it means, for the oracle."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

PLATFORM = "chaos"
FIRST_DAY = datetime(2026, 1, 10, tzinfo=UTC)
MONTHS = 4

SAID = """
    thank you so much this made my day I am really angry about how they treated her what a
    beautiful morning sorry for your loss why would anyone do that curious how it works 😂 💔
    hope tomorrow is better we won proud of the team disgusting service never again ñandú
"""
WORDS = SAID.split()

Meaning = Literal["post", "deletion", "author gone", "unreadable", "refused"]


@dataclass(frozen=True)
class Given:
    """One record that goes in, and what it says; the oracle knows nothing else of it."""

    data: bytes
    means: Meaning
    key: str = ""
    observed: int = 0
    """Milliseconds since 1970, of a post."""
    text: str = ""
    month: str = ""
    author: str = ""
    """The key of a post's author, where it has one."""
    moment: int = 0
    """Milliseconds since 1970: when a post was written; until when the posts of an author go."""


@dataclass(frozen=True)
class Inputs:
    """Everything that goes into the line under one crawl."""

    crawl: str
    ingest: list[Given]
    """In this order through a station of ingest."""
    collected: list[bytes]
    """Put on posts.collected by somebody else: no records."""
    classified: list[bytes]
    """Put on posts.classified by somebody else: no records."""


def make(crawl: str, posts: int) -> Inputs:
    """Makes the inputs of a crawl, always the same ones for the same name."""
    random = Random(crawl)
    given: list[Given] = []
    for number in range(posts):
        given += _life(random, f"{crawl}.{number}")
    for number in range(max(4, posts // 20)):
        given += _author(random, f"{crawl}.a{number}")
    given += [_unreadable(random, crawl, n) for n in range(max(2, posts // 40))]
    given += [_refused(random, crawl, n) for n in range(max(2, posts // 40))]
    return Inputs(
        crawl,
        _mixed(random, given),
        [b'{"kind": "post", "crawl": "%s", "n": %d' % (crawl.encode(), n) for n in range(2)],
        [b'{"kind": "classified_post", "crawl": "%s"}' % crawl.encode(), b"\xff" + crawl.encode()],
    )


def _life(random: Random, native_id: str) -> list[Given]:
    """A post and what befalls it: seen again, edited, deleted; also out of order."""
    created = FIRST_DAY + timedelta(days=random.randrange(30 * MONTHS), seconds=random.random())
    minutes = sorted(random.sample(range(1, 500), 3))
    sights = [_post(random, native_id, created, created + timedelta(minutes=m)) for m in minutes]
    gone = _deletion(native_id, created)
    lives: list[Callable[[], list[Given]]] = [
        lambda: sights[:1],
        lambda: [sights[0], sights[0]],
        lambda: sights[:2],
        lambda: sights[1::-1],
        lambda: [sights[1], sights[0], sights[2], sights[1]],
        lambda: [sights[0], gone],
        lambda: [gone, sights[0]],
        lambda: [sights[0], gone, sights[2], gone],
        lambda: [gone],
        lambda: [sights[0], _too_many(sights[1])],
        lambda: [_too_many(sights[2]), sights[1], sights[0]],
    ]
    return random.choices(lives, weights=(40, 10, 12, 10, 8, 8, 5, 5, 2, 1, 1))[0]()


def _author(random: Random, author_id: str) -> list[Given]:
    """Someone who leaves the platform: posts from before, and, once they are back, from after."""
    left = FIRST_DAY + timedelta(days=random.randrange(45, 75), seconds=random.randrange(86_400))
    later = left + timedelta(days=random.randrange(1, 30))

    def post(number: int, created: datetime) -> list[Given]:
        observed = created + timedelta(minutes=random.randrange(1, 500))
        native_id = f"{author_id}.{number}"
        return [_post(random, native_id, created, observed, author_id)] * random.randint(1, 2)

    before = [
        *post(0, left - timedelta(days=40)),
        *post(1, left - timedelta(days=1)),
        *post(2, left),
    ]
    after = [*post(3, left + timedelta(milliseconds=1)), *post(4, later), *post(5, later)]
    gone, again = _author_gone(author_id, left), _author_gone(author_id, later)
    lives: list[Callable[[], list[Given]]] = [
        lambda: [*before, gone],
        lambda: [gone, *before],
        lambda: [*before, gone, *after, *before],
        lambda: [gone, *before, *after, gone],
        lambda: [*before, gone, *after, again, gone],
    ]
    return random.choice(lives)()


def _post(
    random: Random, native_id: str, created: datetime, observed: datetime, author_id: str = ""
) -> Given:
    observed = observed.replace(microsecond=observed.microsecond // 1000 * 1000)
    text = " ".join(random.choices(WORDS, k=random.randint(3, 30)))
    fields = _fields(native_id, created, observed, text)
    if author_id:
        fields["author"] = {"id": author_id}
    return Given(
        _line(fields),
        "post",
        f"{PLATFORM}:{native_id}",
        _milliseconds(observed),
        text,
        f"{created:%Y.%m}",
        _author_key(author_id) if author_id else "",
        _milliseconds(created),
    )


def _deletion(native_id: str, created: datetime) -> Given:
    when = (created + timedelta(days=1)).isoformat()
    fields = {"kind": "deletion", "platform": PLATFORM, "native_id": native_id, "deleted_at": when}
    return Given(_line(fields), "deletion", f"{PLATFORM}:{native_id}")


def _author_gone(author_id: str, when: datetime) -> Given:
    fields = {
        "kind": "author_deletion",
        "platform": PLATFORM,
        "author_id": author_id,
        "deleted_at": when.isoformat(),
    }
    return Given(_line(fields), "author gone", _author_key(author_id), moment=_milliseconds(when))


def _author_key(author_id: str) -> str:
    return f"{PLATFORM}:author:{author_id}"


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _too_many(sight: Given) -> Given:
    """The same sight with a number that no index takes: it counts for nothing."""
    fields = json.loads(sight.data) | {"counts": {"likes": 2**63}}
    return Given(_line(fields), "refused", sight.key)


def _unreadable(random: Random, crawl: str, number: int) -> Given:
    fields = _fields(f"{crawl}.u{number}", FIRST_DAY, FIRST_DAY, "never to be read")
    broken = [
        _line(fields)[:-3],
        _line(fields | {"created_at": "1999-01-01T00:00:00Z"}),
        _line({name: value for name, value in fields.items() if name != "text"}),
        _line(fields | {"nobody_knows": 1}),
    ]
    return Given(random.choice(broken), "unreadable")


def _refused(random: Random, crawl: str, number: int) -> Given:
    """A good record that no index takes: its id is too long, or a number is."""
    native_id = f"{crawl}.r{number}"
    if random.random() < 0.5:
        native_id += "ü" * 300
        fields = _fields(native_id, FIRST_DAY, FIRST_DAY, "too long an id")
    else:
        fields = _fields(native_id, FIRST_DAY, FIRST_DAY, "too many likes")
        fields["counts"] = {"likes": random.choice([2**63, 2**70])}
    return Given(_line(fields), "refused", f"{PLATFORM}:{native_id}")


def _fields(native_id: str, created: datetime, observed: datetime, text: str) -> dict[str, Any]:
    return {
        "kind": "post",
        "platform": PLATFORM,
        "native_id": native_id,
        "text": text,
        "language": "en",
        "created_at": created.isoformat(),
        "observed_at": observed.isoformat(),
    }


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def _mixed(random: Random, given: list[Given]) -> list[Given]:
    """Moves records away from their neighbours, but seldom far: lives overlap in the batches."""
    places = [place + random.expovariate(1 / 30) for place in range(len(given))]
    return [one for _place, one in sorted(zip(places, given, strict=True), key=lambda p: p[0])]

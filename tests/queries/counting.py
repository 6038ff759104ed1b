"""Counts of records in plain Python, in the order in which Elasticsearch gives its buckets."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import mean
from typing import Any

from stream.posts import ClassifiedPost
from tests.queries.posts import HOUR, Known

Rows = list[tuple[Any, ...]]
Posts = Sequence[ClassifiedPost]


def ranked(values: Iterable[Any]) -> Rows:
    """Counts, the commonest first, equal ones by name."""
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))


def grouped(posts: Posts, keys: Callable[[ClassifiedPost], Iterable[Any]]) -> dict[Any, Posts]:
    """Groups posts by their keys, the largest group first, equal ones by name."""
    groups: dict[Any, list[ClassifiedPost]] = defaultdict(list)
    for post in posts:
        for key in keys(post):
            groups[key].append(post)
    return dict(sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])))


def primaries(posts: Posts) -> Rows:
    return ranked(one.classification.primary for one in posts if one.classification.primary)


def polarity(posts: Posts) -> float:
    return mean(one.classification.polarity.score for one in posts)


def probability(posts: Posts, emotion: str) -> float:
    return mean(one.classification.probabilities[emotion] for one in posts)


def between(known: Known, first: int, last: int) -> Posts:
    """Gives the posts of these hours before now."""
    oldest, newest = known.now - first * HOUR, known.now - last * HOUR
    return [one for one in known.posts if oldest <= one.post.created_at < newest]


def hour(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:00:00.000Z")


def there(value: Any) -> list[Any]:
    return [] if value is None else [value]


def tags(one: ClassifiedPost) -> set[str]:
    return {tag.lower() for tag in one.post.hashtags}


def entities(one: ClassifiedPost, of_type: str) -> set[str]:
    """Names of a type, whether the platform found them or the recogniser."""
    return {each.text for each in (*one.post.entities, *one.entities) if each.type == of_type}


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def telling(known: Known, front: Posts, keys: Callable[[ClassifiedPost], Iterable[str]]) -> Rows:
    """Gives what is more frequent in front than behind, by the JLH score.

    Each month is an index of its own, and counts behind a word only where it is in front too.
    """
    ahead, behind = Counter(k for one in front for k in keys(one)), Counter[str]()
    months = {one.post.created_at.month for one in known.posts}
    for month in months:
        here = {k for one in front if one.post.created_at.month == month for k in keys(one)}
        of_month = [one for one in known.posts if one.post.created_at.month == month]
        behind.update(k for one in of_month for k in keys(one) if k in here)

    def score(key: str) -> float:
        before, after = ahead[key] / len(front), behind[key] / len(known.posts)
        return (before - after) * before / after

    return [(key, ahead[key], behind[key]) for key in ahead if score(key) > 0]

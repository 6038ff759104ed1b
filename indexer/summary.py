"""The summary in the terminal: what people feel, and how to ask further."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from indexer.client import shown
from indexer.documents import ALIAS
from indexer.queries import Overview
from stream.faces import FACES
from stream.settings import Settings
from stream.topics import DEAD_LETTER

BAR = 32
"""Columns of the longest bar."""
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
"""What a bar ends with: eighths of a column."""
REASONS = 5
REASON_COLUMNS = 90

COLOURS = {"negative": "31", "neutral": "37", "positive": "32"}
BOLD, CYAN = "1", "36"


def render(
    found: Overview,
    words: Sequence[str],
    deletions: int,
    dead_letters: Mapping[str, int],
    foreign: int,
    colour: bool,
) -> str:
    """Writes the summary; `colour` only where a terminal shows it.

    `foreign` is how many records on the topic of dead letters are none.
    """
    title = f"{found.posts:,} posts" + (f" of crawl {found.crawl}" if found.crawl else "")
    lines = [_painted(title, BOLD, colour), ""]
    lines += _emotions(found, colour)
    lines += ["", _polarity(found, colour), ""]
    lines += [
        _row("platforms", _shares(found.platforms)),
        _row("languages", _shares(found.languages)),
    ]
    # A model may have no such heads, and older documents have no such fields.
    if found.comment_classes:
        lines.append(_row("comment classes", _shares(found.comment_classes)))
    if found.topics:
        lines.append(_row("topics", _shares(found.topics)))
    lines.append(_row("busiest hour", _busiest(found)))
    if found.top_emotion:
        lines.append(_row(f"words of {found.top_emotion}", " · ".join(words) or "none given"))
    lines += [
        _row("speed", _speed(found)),
        _row("no label given", f"{found.abstained:,} posts"),
        _row("deletions", f"{deletions:,} on record"),
        _row("dead letters", f"{sum(dead_letters.values()):,}"),
    ]
    ordered = sorted(dead_letters.items(), key=lambda pair: -pair[1])
    lines += [f"    {n:>5,}  {_cut(reason)}" for reason, n in ordered[:REASONS]]
    if len(ordered) > REASONS:
        lines.append(f"           and {len(ordered) - REASONS} more reasons")
    if foreign:
        lines.append(_row(f"on {DEAD_LETTER.name}", f"{foreign:,} records are no dead letters"))
    return "\n".join(lines)


def ready_queries(settings: Settings, emotion: str) -> str:
    """Writes three commands that can be pasted into a shell as they are."""
    field = f"emostream.emotion.probability.{emotion}"
    hours = {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}
    asked: list[tuple[str, dict[str, Any]]] = [
        (
            f"the posts with most {emotion}",
            {
                "size": 5,
                "sort": [{field: "desc"}],
                "_source": ["message", "user.name", "event.provider", field],
            },
        ),
        (
            "emotions by the hour",
            {
                "size": 0,
                "aggs": {
                    "hours": {
                        "date_histogram": hours,
                        "aggs": {"emotions": {"terms": {"field": "emostream.emotion.primary"}}},
                    }
                },
            },
        ),
        (
            "mean probability of joy by platform",
            {
                "size": 0,
                "aggs": {
                    "platforms": {
                        "terms": {"field": "event.provider"},
                        "aggs": {
                            "joy": {"avg": {"field": "emostream.emotion.probability.joy"}},
                        },
                    }
                },
            },
        ),
    ]
    return "\n".join(f"\n# {meaning}\n{_curl(settings, query)}" for meaning, query in asked)


def _curl(settings: Settings, query: dict[str, Any]) -> str:
    address = shown(settings.elasticsearch).split(",")[0].rstrip("/")
    words = ["curl", "-s", f"{address}/{ALIAS}/_search?pretty"]
    words += ["-H", "Content-Type: application/json"]
    if settings.elasticsearch_ca_file:
        words += ["--cacert", str(settings.elasticsearch_ca_file)]
    line = " ".join(shlex.quote(word) for word in words)
    # A secret stays in the environment: the shell puts it in, we do not print it.
    if settings.elasticsearch_api_key:
        line += ' -H "Authorization: ApiKey $EMOSTREAM_ELASTICSEARCH_API_KEY"'
    elif settings.elasticsearch_username:
        user = shlex.quote(settings.elasticsearch_username)
        line += f' -u {user}:"$EMOSTREAM_ELASTICSEARCH_PASSWORD"'
    return f"{line} -d {shlex.quote(json.dumps(query))}"


def _emotions(found: Overview, colour: bool) -> list[str]:
    if not found.emotions:
        return ["  no post has an emotion yet"]
    most = max(found.emotions.values())
    lines = []
    for label, posts in found.emotions.items():
        whole, eighths = divmod(max(1, round(8 * BAR * posts / most)), 8)
        bar = "█" * whole + EIGHTHS[eighths]
        share = posts / found.posts
        face = FACES.get(label, "  ")
        painted = _painted(f"{bar:<{BAR}}", CYAN, colour)
        lines.append(f"  {face} {label:<15}{painted} {posts:>7,} {share:>6.1%}")
    return lines


def _polarity(found: Overview, colour: bool) -> str:
    shares = [
        _painted(
            f"{label} {found.polarities.get(label, 0) / max(1, found.posts):.0%}", code, colour
        )
        for label, code in COLOURS.items()
    ]
    mean = "" if found.mean_polarity is None else f"   mean {found.mean_polarity:+.2f}"
    return _row("polarity", " · ".join(shares) + mean)


def _shares(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{name} {n:,}" for name, n in counts.items()) or "none"


def _busiest(found: Overview) -> str:
    if found.busiest_hour is None:
        return "none"
    return f"{found.busiest_hour:%Y-%m-%d %H:00} UTC, {found.busiest_posts:,} posts"


def _speed(found: Overview) -> str:
    if found.posts_per_second is None:
        return "unknown"
    return f"{found.posts_per_second:,.0f} posts a second from classifier to index"


def _row(name: str, value: str) -> str:
    return f"  {name:<22}{value}"


def _cut(reason: str) -> str:
    return reason if len(reason) <= REASON_COLUMNS else reason[: REASON_COLUMNS - 1] + "…"


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text

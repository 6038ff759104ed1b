"""The summary in the terminal: what people feel, and how to ask further."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from indexer.queries import Overview
from stream.elastic import shown
from stream.faces import FACES
from stream.index import ALIAS
from stream.settings import Settings
from stream.topics import DEAD_LETTER

BAR = 32
"""Columns of the longest bar."""
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
"""What a bar ends with: eighths of a column."""
LABEL_COLUMNS = 15
REASONS = 5
REASON_COLUMNS = 90

COLOURS = {"negative": "31", "neutral": "37", "positive": "32"}
BOLD, CYAN = "1", "36"


def render(
    found: Overview,
    words: Mapping[str, Sequence[str]],
    deletions: int,
    dead_letters: Mapping[str, int],
    foreign: int,
    colour: bool,
) -> str:
    """Writes the summary; `colour` only where a terminal shows it.

    `words` are those behind some emotions; `foreign` is how many records on the topic of dead
    letters are none.
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
    for number, (emotion, ones) in enumerate(words.items()):
        row = f"{emotion:<{LABEL_COLUMNS}}{' · '.join(ones) or 'none given'}"
        lines.append(_row("" if number else "words behind", row))
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
    """Writes three commands that can be pasted into a shell as they are.

    They are questions of docs/queries.md, asked of this emotion.
    """
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
                        "aggs": {
                            "emotions": {
                                "terms": {"field": "emostream.emotion.primary", "size": len(FACES)}
                            }
                        },
                    }
                },
            },
        ),
        (
            f"mean probability of {emotion} and mean polarity by platform",
            {
                "size": 0,
                "aggs": {
                    "platforms": {
                        "terms": {"field": "event.provider"},
                        "aggs": {
                            emotion: {"avg": {"field": field}},
                            "polarity": {"avg": {"field": "emostream.polarity.score"}},
                        },
                    }
                },
            },
        ),
    ]
    commands = [f"\n# {meaning}\n{_curl(settings, query)}\n" for meaning, query in asked]
    return "".join(
        [*commands, "\n# more questions, also for Dev Tools and Python: docs/queries.md"]
    )


def _curl(settings: Settings, query: dict[str, Any]) -> str:
    address = shown(settings.elasticsearch).split(",")[0].rstrip("/")
    words = ["curl", "-s", f"{address}/{ALIAS}/_search?pretty"]
    words += ["-H", "Content-Type: application/json"]
    if settings.elasticsearch_ca_file:
        words += ["--cacert", str(settings.elasticsearch_ca_file)]
    line = " ".join(shlex.quote(word) for word in words)
    if settings.elasticsearch_api_key:
        key = _secret("EMOSTREAM_ELASTICSEARCH_API_KEY", settings.elasticsearch_api_key_file)
        line += f' -H "Authorization: ApiKey {key}"'
    elif settings.elasticsearch_username:
        user = shlex.quote(settings.elasticsearch_username)
        key = _secret("EMOSTREAM_ELASTICSEARCH_PASSWORD", settings.elasticsearch_password_file)
        line += f' -u {user}:"{key}"'
    return f"{line} -d {shlex.quote(json.dumps(query))}"


def _secret(variable: str, file: Path | None) -> str:
    """Says where the shell finds a secret: it stays in its file or variable, we do not print it."""
    return f"$(cat {shlex.quote(str(file))})" if file else f"${variable}"


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
        lines.append(f"  {face} {label:<{LABEL_COLUMNS}}{painted} {posts:>7,} {share:>6.1%}")
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

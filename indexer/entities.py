"""The people, places, organisations and products of a post, and the sites it links to.

Three sources come together here, the one that knows the proper name first: what the platform says
the post is about, what the platform found in its text, what the classifier's recogniser found.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from stream.structs import ClassifiedPost

_TYPES = {
    "person": "person",
    "place": "place",
    "organization": "organisation",
    "product": "product",
}
"""A record's types in lower case to the documents' kinds; any other is `other`."""

_DOMAINS = {
    "person": "person",
    "politicians": "person",
    "musician": "person",
    "actor": "person",
    "entertainment personality": "person",
    "athlete": "person",
    "sports personality": "person",
    "coach": "person",
    "journalist": "person",
    "place": "place",
    "sports team": "organisation",
    "brand": "organisation",
    "political body": "organisation",
    "video game publisher": "organisation",
    "product": "product",
    "product version": "product",
    "video game": "product",
    "video game hardware": "product",
}
"""X's context domains, in lower case, whose entities are names of a kind; most are subjects:
https://docs.x.com/x-api/fundamentals/post-annotations"""


def by_kind(record: ClassifiedPost) -> dict[str, list[str]]:
    """Gives the names of each kind that a post has, each once whatever its capitals."""
    found: dict[str, dict[str, str]] = {}
    if not (record.post.context or record.post.entities or record.entities):
        return {}
    for kind, name in _named(record):
        found.setdefault(kind, {}).setdefault(name.casefold(), name)
    return {kind: list(names.values()) for kind, names in found.items()}


def hosts(links: Iterable[str]) -> list[str]:
    """Gives the host of each link, each once, without `www.`; a link that has none is left out."""
    found = (_host(link) for link in links)
    return list(dict.fromkeys(host for host in found if host))


def _named(record: ClassifiedPost) -> Iterator[tuple[str, str]]:
    for about in record.post.context:
        if kind := _DOMAINS.get(about.domain.lower()):
            yield kind, about.entity
    for one in (*record.post.entities, *record.entities):
        yield _TYPES.get(one.type.lower(), "other"), one.text


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").removeprefix("www.")
    except ValueError:
        return ""

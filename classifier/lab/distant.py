"""Posts whose authors labelled them by a hashtag, as a training set; and how good such labels are.

    posts -> labels -> one of each text -> English -> not of a held-out split -> caps -> a file

Mohammad (2012), https://aclanthology.org/S12-1033/; Purver and Battersby (2012),
https://aclanthology.org/E12-1049/: hashtags are good labels of some emotions and bad ones of
others, so the report says for each how often a model agrees, and what a small head that learnt
from them makes of raters' texts beside one that learnt from as many raters' labels.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from classifier import repeats
from classifier.lab.shapes import Sample
from classifier.labels import EMOTIONS, SENTIMENT
from classifier.language import SUPPORTED, languages
from classifier.own_texts import HASHTAGS
from classifier.text import parts
from stream.hashtags import LABELS, HashtagLabels

AT_ONCE = 1024

_LEGEND = """\
agrees: the model gives the label, too; instead: what it gives most often where it does not.
tags, raters: average precision on GoEmotions dev of a small head that learnt from these texts, and
of one that learnt from as many raters' labels; chance: of any guess."""


@dataclass(frozen=True)
class Limits:
    """What keeps a set from being of one label, of one author, or of nothing."""

    per_label: int = 2000
    per_author: int = 20
    least_words: int = 3  # beside the hashtags
    seed: int = 1


@dataclass
class Gathered:
    """A training set, and what was left out on the way to it."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0
    left_out: Counter[str] = field(default_factory=Counter)  # reason to posts

    @property
    def labels(self) -> Counter[str]:
        """How many texts bear each label."""
        return Counter(label for row in self.rows for label in row["labels"])


def gather(
    posts: Iterable[Sample], tags: HashtagLabels | None, held_out: frozenset[str], limits: Limits
) -> Gathered:
    """Makes the training set; of a post that does not go into it a hash is kept, at most.

    Args:
        posts: in any number; the labels that they have from `ingest --hashtag-labels` are taken.
        tags: labels the others by the hashtags in their text.
        held_out: keys of texts that must not train.
        limits: see there.
    """
    found = Gathered()
    draw = random.Random(limits.seed)
    kept: dict[str, list[dict[str, Any]]] = defaultdict(list)
    met: Counter[str] = Counter()
    for one, text, labels in _usable(posts, tags, held_out, limits, found):
        rarest = min(labels, key=lambda label: met[label])  # a post counts for one of its labels
        met[rarest] += 1
        row = {"text": text, "labels": list(labels), "by": HASHTAGS, "key": one.key}
        place = len(kept[rarest])
        if place >= limits.per_label:
            found.left_out["more than enough of the label"] += 1
            place = draw.randrange(met[rarest])  # a fair draw among all of them (reservoir)
        if place < len(kept[rarest]):
            kept[rarest][place] = row
        elif place < limits.per_label:
            kept[rarest].append(row)
    found.rows = [row for label in sorted(kept) for row in kept[label]]
    draw.shuffle(found.rows)
    return found


def _usable(
    posts: Iterable[Sample],
    tags: HashtagLabels | None,
    held_out: frozenset[str],
    limits: Limits,
    found: Gathered,
) -> Iterator[tuple[Sample, str, tuple[str, ...]]]:
    """The posts that may train, with text and labels, before any cap of a label."""
    seen: set[int] = set()  # hashes: a tenth of what the keys themselves would take
    authors: Counter[int] = Counter()
    for part in parts(posts, AT_ONCE):
        found.posts += len(part)
        tongues = languages([one.text for one in part], [one.language for one in part])
        for one, tongue in zip(part, tongues, strict=True):
            text, labels = _labelled(one, tags)
            key, author = repeats.key(text), hash(one.author)
            reason = _unfit(text, labels, tongue, limits)
            if not reason and key in held_out:
                reason = "in a dev or test split"
            if not reason and hash(key) in seen:
                reason = "a text that was there before"
            if not reason and one.author and authors[author] >= limits.per_author:
                reason = f"an author's posts beyond {limits.per_author}"
            if reason:
                found.left_out[reason] += 1
                continue
            seen.add(hash(key))
            authors[author] += 1
            yield one, text, labels


def _unfit(text: str, labels: Sequence[str], language: str, limits: Limits) -> str:
    """Why a text must not train, whatever the others are; empty if it may."""
    if not labels:
        return "no labelling hashtag"
    if {"positive", "negative"} <= {SENTIMENT.get(label, "") for label in labels}:
        return "labels that contradict one another"
    words = [one for one in text.split() if one[0] not in "@#" and not one.startswith("http")]
    if len(words) < limits.least_words:
        return f"fewer than {limits.least_words} words"
    return "" if language in SUPPORTED else "not in English"


def _labelled(one: Sample, tags: HashtagLabels | None) -> tuple[str, tuple[str, ...]]:
    if one.distant or tags is None:
        return one.text, tuple(label for label in one.distant if label in LABELS)
    return tags.of_text(one.text)


def table(found: Gathered, quality: dict[str, dict[str, Any]] | None) -> str:
    """What was gathered, and how good it is, for a person."""
    lines = [f"{found.posts:,} posts read, {len(found.rows):,} texts labelled"]
    lines += [f"  {count:9,}  {reason}" for reason, count in found.left_out.most_common()]
    heading = f"{'label':16}{'texts':>8}{'agrees':>8}  {'instead':16}{'tags':>7}{'raters':>8}"
    lines += ["", f"{heading}{'chance':>8}"]
    for label in (*EMOTIONS, "suggestion"):
        if not (count := found.labels[label]):
            continue
        one = (quality or {}).get(label, {})
        shares = "".join(
            f"{one[name]:{width}.2f}" if name in one else " " * (width - 1) + "-"
            for name, width in (("tags", 7), ("raters", 8), ("chance", 8))
        )
        agrees = f"{one['agrees']:8.0%}" if "agrees" in one else "       -"
        lines.append(f"{label:16}{count:8,}{agrees}  {one.get('instead') or '-':16}{shares}")
    lines += ["", _LEGEND]
    return "\n".join(lines)

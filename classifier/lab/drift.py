"""Are live posts still like the texts that a model learned from; and if not, does it matter?

Each feature of a profile is compared twice. The population stability index says how far it has
moved, sum over bins of (p - q) ln(p / q): below 0.1 nothing, from 0.25 much (the custom of credit
scoring: Siddiqi 2006). Pearson's chi-squared of the two samples says whether so much could be luck;
with few posts the index alone would cry wolf. Both must speak.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from classifier.lab.profile import FEATURES, Counts, Profile
from stream.errors import UserError

NOTICED, MUCH = 0.1, 0.25
LUCK = 0.01 / len(FEATURES)
"""Bonferroni: one false alarm in a hundred comparisons of all features."""

FEWEST = 200
"""Posts below which nothing is said."""

NEW_WORD_POSTS = 5
"""A new word is named from so many posts on: not what one person wrote once."""

Verdict = Literal["as before", "a little", "much"]


@dataclass(frozen=True)
class Feature:
    """How far one feature has moved."""

    name: str
    index: float  # population stability index
    luck: float  # probability of such a difference between samples of the same texts
    verdict: Verdict
    up: float  # bins that it has moved up by, on average; of ordered bins only it means something
    moved: tuple[tuple[str, float, float], ...]  # bin, share then, share now; the most moved first


@dataclass(frozen=True)
class Drift:
    """What there is to say of live posts."""

    then: Profile
    now: Profile
    features: tuple[Feature, ...]
    retrain: bool
    why: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether anything has moved much that matters: the model adds up words, few or many."""
        return any(one.verdict == "much" for one in self.features if one.name != "length")

    def to_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "model": self.now.model,
            "then": {"made_of": self.then.made_of, "texts": self.then.texts},
            "now": {"made_of": self.now.made_of, "texts": self.now.texts},
            "drift": self.found,
            "retrain": self.retrain,
            "why": list(self.why),
            "features": [asdict(one) for one in self.features],
        }


def compare(then: Profile, now: Profile) -> Drift:
    """Compares live posts with a profile.

    Raises:
        UserError: another model made the profile, or the posts are too few.
    """
    if then.model != now.model:
        raise UserError(
            f"the profile is of {then.model}, the posts were labelled by {now.model}: make a"
            " profile of this model with: python -m classifier profile"
        )
    for one, what in ((then, "the profile"), (now, "the posts read")):
        if one.texts < FEWEST:
            raise UserError(f"{what}: {one.texts} texts, and {FEWEST} are needed to say anything")
    features = tuple(_feature(name, then.counts[name], now.counts[name]) for name in FEATURES)
    retrain, why = _advice({one.name: one for one in features}, now)
    return Drift(then, now, features, retrain, tuple(why))


def _feature(name: str, then: Counts, now: Counts) -> Feature:
    index, luck = stability(then, now), by_luck(then, now)
    shares = [(one, _share(then, one), _share(now, one)) for one in FEATURES[name]]
    up = sum((after - before) * place for place, (_, before, after) in enumerate(shares))
    shares.sort(key=lambda each: -abs(each[2] - each[1]))
    verdict: Verdict = "as before"
    if luck < LUCK and index >= NOTICED:
        verdict = "much" if index >= MUCH else "a little"
    return Feature(name, round(index, 4), luck, verdict, round(up, 4), tuple(shares[:3]))


def stability(then: Counts, now: Counts) -> float:
    """The population stability index; half a text is added to every bin, so that none is empty."""
    total = [sum(counts.values()) + len(counts) / 2 for counts in (then, now)]
    pairs = (((then[one] + 0.5) / total[0], (now[one] + 0.5) / total[1]) for one in then)
    return sum((p - q) * math.log(p / q) for p, q in pairs)


def by_luck(then: Counts, now: Counts) -> float:
    """The p-value of the chi-squared test of two samples; 1 where one of them is empty."""
    table = torch.tensor([[then[one], now[one]] for one in then], dtype=torch.float64)
    table = table[table.sum(1) > 0]
    rows, columns = table.sum(1, keepdim=True), table.sum(0, keepdim=True)
    if len(table) < 2 or not bool((columns > 0).all()):
        return 1.0
    expected = rows * columns / table.sum()
    statistic = ((table - expected).square() / expected).sum()
    freedom = torch.tensor((len(table) - 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic / 2))


def _advice(found: Mapping[str, Feature], now: Profile) -> tuple[bool, list[str]]:
    """Whether to train anew, and why, in sentences."""
    why = []
    unknown, confidence = found["unknown words"], found["confidence"]
    more_unknown = unknown.verdict == "much" and unknown.up > 0
    less_sure = confidence.verdict == "much" and confidence.up < 0
    if more_unknown:
        new = [word for word, posts in now.new_words.items() if posts >= NEW_WORD_POSTS][:8]
        named = f"; the commonest: {', '.join(new)}" if new else ""
        why.append(f"posts have more words that the model does not know{named}")
    if less_sure:
        why.append("the model is less sure of its labels than it was")
    if found["language"].verdict == "much" and found["language"].up > 0:
        why.append("more posts are in other languages, or too short to tell: no training on English"
                   " helps; choose posts by --language in ingest")  # fmt: skip
    shares = [name for name in ("emotion", "polarity") if found[name].verdict == "much"]
    if shares and not (more_unknown or less_sure):
        why.append(f"the labels given have other shares ({' and '.join(shares)}), while words and"
                   " confidence are as before: people may feel otherwise, or other people are read;"
                   " review some posts before training on them")  # fmt: skip
    return more_unknown or less_sure, why


def _share(counts: Counts, one: str) -> float:
    return round(counts[one] / max(1, sum(counts.values())), 4)


def table(found: Drift) -> str:
    """The comparison for a person."""
    now = f"{found.now.texts:,} posts of {found.now.made_of}"
    lines = [
        f"{now}, against {found.then.texts:,} texts of {found.then.made_of}",
        f"model {found.now.model}",
        "",
        f"{'':15}{'stability':>10}{'by luck':>9}  {'moved':10}most: then, now",
    ]
    for one in found.features:
        most = "; ".join(f"{name} {then:.0%}, {now:.0%}" for name, then, now in one.moved[:2])
        luck = "< 0.001" if one.luck < 0.001 else f"{one.luck:.3f}"
        lines.append(f"{one.name:15}{one.index:10.3f}{luck:>9}  {one.verdict:10}{most}")
    if not found.found:
        last = "Nothing that matters has moved much: there is no reason to train anew."
    elif found.retrain:
        last = "Train anew: " + "; ".join(found.why) + "."
    else:
        last = "No reason to train anew, but: " + "; ".join(found.why) + "."
    return "\n".join([*lines, "", last])

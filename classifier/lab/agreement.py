"""How far people agree with one another and with the model, label by label, beyond chance.

Cohen's kappa (1960) for two raters, Krippendorff's alpha (1970, nominal) for any number of them of
whom not each has seen each text. 1: always agreed; 0: as chance would; below: less than that.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from classifier import own_texts, repeats
from classifier.labels import EMOTIONS, SUGGESTIONS

Verdicts = Mapping[str, bool]
"""Rater to whether they gave the label."""


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa of two raters over some texts; None where both always say the same thing.

    There agreement by chance is certain, so agreement beyond it has no meaning.
    """
    if not pairs:
        return None
    total = len(pairs)
    agreed = sum(one == other for one, other in pairs) / total
    yes = sum(one for one, _ in pairs) / total, sum(other for _, other in pairs) / total
    chance = yes[0] * yes[1] + (1 - yes[0]) * (1 - yes[1])
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def alpha(units: Iterable[Sequence[bool]]) -> float | None:
    """Krippendorff's alpha; None where all say the same thing, or nobody saw another's text.

    Args:
        units: of each text what its raters said; texts of one rater do not count.
    """
    paired = [unit for unit in units if len(unit) > 1]
    total = sum(map(len, paired))
    yes = sum(map(sum, paired))
    expected = 2 * yes * (total - yes)  # ordered pairs of unequal values among all
    if not expected:
        return None
    observed = sum(2 * sum(unit) * (len(unit) - sum(unit)) / (len(unit) - 1) for unit in paired)
    return 1 - (total - 1) * observed / expected


def report(file: Path) -> dict[str, Any]:
    """What a file of reviews says of each label, and of all.

    `people` is alpha, `model` the kappa of a person and the model, `model_blind` the same over the
    answers of people who had not been shown the model's labels.
    """
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in own_texts.rows(file):
        last[repeats.key(row["text"]), str(row.get("by", ""))] = row
    answers = {pair: row for pair, row in last.items() if row["labels"] is not None}
    texts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (key, _), row in answers.items():
        texts[key].append(row)
    told = [row for row in answers.values() if isinstance(row.get("model_labels"), list)]
    labels = {}
    for label in (*EMOTIONS, *SUGGESTIONS):
        pairs = [(label in row["labels"], label in row["model_labels"]) for row in told]
        blind = [pair for pair, row in zip(pairs, told, strict=True) if not row.get("shown", True)]
        labels[label] = {
            "people_gave": sum(label in row["labels"] for row in answers.values()),
            "model_gave": sum(said for _, said in pairs),
            "people": _short(alpha([label in row["labels"] for row in unit]
                                   for unit in texts.values())),
            "model": _short(kappa(pairs)),
            "model_blind": _short(kappa(blind)),
        }  # fmt: skip
    return {
        "answers": len(answers),
        "skipped": len(last) - len(answers),
        "texts": len(texts),
        "texts_of_several": sum(len(unit) > 1 for unit in texts.values()),
        "reviewers": sorted({by for _, by in answers}),
        "models": sorted({str(row.get("model")) for row in told}),
        "labels": labels,
    }


def table(found: Mapping[str, Any]) -> str:
    """The report for a person."""
    by = ", ".join(found["reviewers"]) or "nobody"
    counts = f"{found['answers']} answers, {found['skipped']} skipped, by {by}"
    lines = [
        f"{counts}; {found['texts']} texts, {found['texts_of_several']} of them seen by several",
        "",
        f"{'label':16}{'given by':>10}{'model':>8}{'people':>9}{'model':>8}{'blind':>8}",
        f"{'':16}{'people':>10}{'':>8}{'alpha':>9}{'kappa':>8}{'kappa':>8}",
    ]
    for label, one in found["labels"].items():
        if one["people_gave"] or one["model_gave"]:
            shown = "".join(
                f"{'-' if one[name] is None else format(one[name], '.2f'):>{width}}"
                for name, width in (("people", 9), ("model", 8), ("model_blind", 8))
            )
            lines.append(f"{label:16}{one['people_gave']:10}{one['model_gave']:8}{shown}")
    return "\n".join([*lines, "", _LEGEND])


_LEGEND = """\
alpha (Krippendorff) and kappa (Cohen): 1 always agreed, 0 as by chance, - not to be said.
Who is shown the model's labels agrees with it more: blind counts only who was not (--blind)."""


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4) + 0.0  # no -0

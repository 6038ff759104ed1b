"""The model card: metrics.json in words and tables, for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from classifier.datasets import CORPORA, DATA_SETS, REBUILT, DataSet

MEANT_FOR = """**Meant for** counting what many people express in public posts, over time and by
topic. **Not meant for** judging one person, for decisions about people, for diagnosis, or for
languages other than English."""

CHOSEN_ON_DEV = (
    "In brackets: 95 % intervals over 1,000 bootstrap samples of the split's texts. Thresholds,"
    " temperatures, biases and every choice come from dev; dev numbers flatter for that reason."
    " Each look at test is told in docs/experiments.md. Macro-F1 is as uncertain as its rarest"
    " labels: differences within an interval mean nothing. A label without a text counts as 0."
)
LEFT_OUT = (
    "Training texts that, once normalised, also stand in a dev or test split were left out. A few"
    " texts stand in both dev and test of a set: scales and thresholds saw those."
)
RESTRICTED = ("research", "non-commercial")
"""Words of licence lines that do not allow commercial use."""

MEASURES = (  # head, its data, the measures that are reported, their titles
    ("emotion", "GoEmotions, 28 labels", "macro_f1", "macro-F1"),
    ("emotion", "GoEmotions, 28 labels", "micro_f1", "micro-F1"),
    ("emotion", "GoEmotions, 28 labels", "primary_is_right", "primary is one of the text's"),
    ("polarity", "TweetEval sentiment", "macro_recall", "macro recall (official)"),
    ("polarity", "TweetEval sentiment", "macro_f1", "macro-F1"),
    ("polarity", "TweetEval sentiment", "accuracy", "accuracy"),
    ("suggestion", "SemEval-2019 9 A", "macro_f1", "F1 of suggestions"),
    ("topic", "X-Topic, 19 labels", "macro_f1", "macro-F1"),
    ("topic", "X-Topic, 19 labels", "micro_f1", "micro-F1"),
    ("emotion6", "6-class emotion", "accuracy", "accuracy"),
    ("emotion6", "6-class emotion", "macro_f1", "macro-F1"),
    ("tweet_emotion", "TweetEval emotion", "macro_f1", "macro-F1 (official)"),
    ("affect", "SemEval-2018 E-c", "macro_f1", "macro-F1"),
    ("affect", "SemEval-2018 E-c", "micro_f1", "micro-F1"),
)
GROUPINGS = (("ekman", "Ekman groups"), ("sentiment", "sentiment groups"))
SPLITS = ("dev", "test")


def write(metrics: Mapping[str, Any], plots: Mapping[str, str], robustness: str = "") -> str:
    """The text of MODEL_CARD.md.

    Args:
        metrics: the content of metrics.json.
        plots: file in plots/ to what it shows.
        robustness: the table of `classifier.robustness`, if that was measured.
    """
    parts = [
        _head(metrics),
        _scores(metrics),
        _honesty(metrics),
        _choices(metrics),
        *(_labels(metrics, name) for name in ("emotion", "polarity", "topic")),
        _confused(metrics),
        _subgroups(metrics),
        f"## On texts that are not clean\n\n{robustness}".strip() if robustness else "",
        _plots(plots),
        _data(metrics),
        _limits(metrics),
        _made(metrics),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(metrics: Mapping[str, Any]) -> str:
    shape = metrics["shape"]
    if "family" not in shape:
        layers = f"""with a bag of embeddings. `{metrics["model"]}`: {shape["words"]:,} words and
{shape["phrases"]:,} phrases of two or three words, {shape["dim"]} dimensions in eight bits, one
hidden layer of {shape["hidden"]}."""
    else:
        layers = f"""with a model of the family {shape["family"]}. `{metrics["model"]}`:
{shape["parameters"]:,} parameters; it abstains where none of {shape["words"]:,} words is known."""
    return f"""# {metrics["model"].partition("@")[0]}

Short English texts to 28 emotions (several at once), a polarity, topics and whether they suggest
something, {layers} The numbers below are those of `metrics.json`; both are written
by `python -m classifier evaluate`.

{MEANT_FOR}"""


def _scores(metrics: Mapping[str, Any]) -> str:
    rows = [
        (data, title, *(_figure(_of(metrics, head, split), name) for split in SPLITS))
        for head, data, name, title in MEASURES
        if head in metrics
    ]
    rows += [
        ("GoEmotions", f"{title}, {measure.replace('_f1', '-F1')}",
         *(_figure(_of(metrics, "emotion", split).get(grouping, {}), measure) for split in SPLITS))
        for grouping, title in GROUPINGS
        for measure in ("macro_f1", "micro_f1")
    ]  # fmt: skip
    crossed = metrics["emotion"]["dev"]["crossed_macro_f1"]
    rows.append(
        ("GoEmotions", "macro-F1, thresholds fitted on the other half", f"{crossed:.4f}", "")
    )
    table = _table(("data", "measure", "dev", "test"), rows)
    return "\n\n".join(
        part
        for part in ("## Scores", table, CHOSEN_ON_DEV, _serve_only(metrics), _served(metrics))
        if part
    )


def _serve_only(metrics: Mapping[str, Any]) -> str:
    if not {"emotion6", "tweet_emotion", "affect"} & set(metrics):
        return ""
    return (
        "The heads of the last three sets serve only to learn and to measure; a station does not"
        " answer with them."
    )


def _served(metrics: Mapping[str, Any]) -> str:
    rows = [
        (data, title, f"{found[name]:.4f}", f"{found['served'][name]:.4f}", _reasons(found))
        for head, data, name, title in MEASURES
        for found in (_of(metrics, head, "test"),)
        if name in found.get("served", {})
    ]
    if not rows:
        return ""
    table = _table(("data", "measure", "test", "as served", "abstained"), rows)
    return (
        "A station also keeps silent on what it takes for another language, and where no emotion"
        f" reaches its threshold says so. What that costs:\n\n{table}"
    )


def _reasons(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{reason} {n}" for reason, n in found["served"]["abstained"].items())


def _honesty(metrics: Mapping[str, Any]) -> str:
    rows = []
    for head, _data_set, _name, _title in _firsts():
        for split in SPLITS:
            found = _of(metrics, head, split)
            if found:
                error, chance = found["calibration_error"], found["calibration_error_by_chance"]
                rows.append((head, split, f"{found['texts']:,}", f"{error:.4f}", f"{chance:.4f}"))
    table = _table(("head", "split", "texts", "error", "by chance"), rows)
    return f"""## Are the probabilities honest?

Expected calibration error over 15 equal bins: of all pairs of a text and a label where a text may
bear several, else of the likeliest label. *By chance* is what perfectly honest probabilities would
show on average over so many texts: an error near it cannot be told from none. Suggestion's dev
holds far more suggestions than its test or a stream, to which its probabilities are set.

{table}"""


def _choices(metrics: Mapping[str, Any]) -> str:
    rows = [
        (head, choice, *(f"{found[choice][name]:.4f}" for name in
                         ("precision", "recall", "macro_f1", "no_label")))
        for head in dict.fromkeys(row[0] for row in MEASURES)
        for found in (_of(metrics, head, "test") or _of(metrics, head, "dev"),)
        for choice in ("balanced", "precise")
        if found and choice in found
    ]  # fmt: skip
    head = ("head", "thresholds", "precision", "recall", "macro-F1", "no label")
    return f"""## Balanced or precise

`EMOSTREAM_THRESHOLDS` selects the thresholds. *balanced* gives each label from where its F1 on dev
is best, and sets polarities against their frequencies on dev. *precise* gives fewer labels: it aims
at three of four right on dev, and a label that is mostly wrong anyway is never given. On test (dev
where there is none), over all labels given; of polarity over negative and positive, *no label*
being neutral:

{_table(head, rows)}"""


def _labels(metrics: Mapping[str, Any], head: str) -> str:
    found = _of(metrics, head, "test")
    if not found:
        return ""
    rows = [
        (label, f"{row['precision']:.2f}", f"{row['recall']:.2f}", f"{row['f1']:.2f}",
         _interval(row["f1_interval"], 2), str(row["support"]), f"{row['threshold']:.4f}",
         f"{row['precise_threshold']:.4f}")
        for label, row in found["labels"].items()
    ]  # fmt: skip
    columns = (head, "precision", "recall", "F1", "95 %", "texts in test", "threshold", "precise")
    return _table(columns, rows)


def _confused(metrics: Mapping[str, Any]) -> str:
    found = _of(metrics, "emotion", "test")
    rows = [
        (each["missed"], each["given"], str(each["texts"]), f"{each['share']:.0%}")
        for each in found.get("confused", ())
    ]
    table = _table(("missed", "given instead", "texts", "of the texts with it"), rows)
    return f"## What it gets wrong\n\nMost frequent on GoEmotions test:\n\n{table}"


def _subgroups(metrics: Mapping[str, Any]) -> str:
    emotion = _of(metrics, "emotion", "test")
    polarity = _of(metrics, "polarity", "test").get("subgroups", {})
    rows = []
    for title, found in emotion.get("subgroups", {}).items():
        other = polarity.get(title)
        second = (_figure(other, "accuracy"), f"{other['texts']:,}") if other else ("", "")
        rows.append((title, _figure(found, "micro_f1"), f"{found['texts']:,}", *second))
    columns = ("texts", "emotion: micro-F1", "texts", "polarity: accuracy", "texts")
    named = [
        (title, f"{found['texts']:,}", f"{found['rate']:.3f} {_interval(found['rate_interval'])}")
        for title, found in emotion.get("hostility", {}).items()
    ]
    return f"""## For whom

{_table(columns, rows)}

How often a text that raters call neutral, and nothing else, is given anger, annoyance or disgust,
by whether it holds a word that names a group of people (`classifier/subgroups.py` lists them):

{_table(("neutral texts", "texts", "share given one of the three"), named)}"""


def _plots(plots: Mapping[str, str]) -> str:
    drawn = [f"{title}:\n\n![{title}](plots/{name})" for name, title in plots.items()]
    return "\n\n".join(["## Plots", *drawn]) if drawn else ""


def _data(metrics: Mapping[str, Any]) -> str:
    record = metrics["training"]
    texts, soft = record.get("texts", {}), record.get("soft_labels", 0)
    used: list[tuple[DataSet, str]] = [
        (each, f"{texts[each.head]:,}") for each in DATA_SETS if texts.get(each.head)
    ]
    if soft:
        used += [(each, "labelled by the teacher") for each in CORPORA]
    rows = [(each.title, each.home, each.licence, count) for each, count in used]
    parts = [
        "## Data",
        _table(("set", "home", "terms", "texts learned from"), rows),
        LEFT_OUT,
        _restricted([each for each, _ in used]),
    ]
    if soft:
        parts.append(
            f"A teacher, a transformer fine-tuned on the same train splits, labelled {soft:,} texts"
            " of the sets above; the model learned from its probabilities too."
        )
    if record.get("sentiment_train") == "rebuilt":
        parts.append(
            f"TweetEval sentiment's train split was `{REBUILT.path}`, rebuilt from its source"
            " (SemEval-2017 4A, the same tweets but for about 0.5 %), not the official file."
        )
    corpora = record.get("pretraining", {}).get("corpora", {})
    if corpora:
        named = ", ".join(f"`{name}` (SHA-256 {sha256})" for name, sha256 in corpora.items())
        parts.append(f"Pre-training also read {named}.")
    files = [(f"`{path}`", f"`{sha256}`") for path, sha256 in record.get("data", {}).items()]
    if files:
        parts.append(_table(("file", "SHA-256"), files))
    return "\n\n".join(part for part in parts if part)


def _restricted(used: Iterable[DataSet]) -> str:
    named = [each.title for each in used if any(word in each.licence for word in RESTRICTED)]
    if not named:
        return ""
    return (
        "**The weights derive from sets whose terms do not allow commercial use**: "
        + "; ".join(named)
        + ". Whoever wants to use them commercially must train without these sets."
    )


OF_BAGS = (
    "- A bag of words does not follow sentences: irony, and negation beyond a few words, are mostly"
    " lost."
)
LIMITS = """\
- GoEmotions is Reddit in English, labelled by a few raters who often disagree; grief, pride, relief
  and nervousness have few examples, and their scores are uncertain.
- TweetEval sentiment's test tweets are from other years and topics than its training tweets; a
  stream of other topics has other frequencies, and its probabilities are less honest.
- Suggestions were learned from a forum of Windows developers, and dev holds as many suggestions as
  other sentences; its probabilities are set to the frequency of train. The official test split is
  not public: a tenth of train stands in.
- Topics have a few hundred tweets to learn from, 72 on dev and 80 on test: an indication, no more.
- The texts hold insults, slurs and the prejudices of their writers; words that name groups of
  people can carry a label that the text does not deserve (see above).
- A text without a known word, or in another language, gets no label and says so (`abstained`)."""


def _limits(metrics: Mapping[str, Any]) -> str:
    first = [] if "family" in metrics["shape"] else [OF_BAGS]
    return "\n".join(["## What to know before use", "", *first, LIMITS])


def _made(metrics: Mapping[str, Any]) -> str:
    record = metrics["training"]
    versions = ", ".join(f"{name} {value}" for name, value in metrics["versions"].items())
    return f"""## How it was made

`{record.get("command", "")}`, seed {metrics["seed"]}; measured with `{metrics["command"]}` on
{versions}. What was tried and lost is in `docs/experiments.md`. The same command on the same data
gives the same files on the same kind of processor."""


def _firsts() -> Iterable[tuple[str, str, str, str]]:
    seen: dict[str, tuple[str, str, str, str]] = {}
    for row in MEASURES:
        seen.setdefault(row[0], row)
    return seen.values()


def _of(metrics: Mapping[str, Any], head: str, split: str) -> dict[str, Any]:
    found: dict[str, Any] = metrics.get(head, {}).get(split, {})
    return found


def _figure(found: Mapping[str, Any], name: str) -> str:
    if name not in found:
        return ""
    spread = found.get(f"{name}_interval")
    return f"{found[name]:.4f}" + (f" {_interval(spread)}" if spread else "")


def _interval(ends: Sequence[float], digits: int = 3) -> str:
    return f"[{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

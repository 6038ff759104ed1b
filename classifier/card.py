"""The model card: metrics.json in words and tables, for people."""

from typing import Any

from classifier.artifact import Artifact
from classifier.datasets import DATA_SETS, REBUILT

CHOSEN_ON_DEV = (
    "Thresholds, temperature, biases and every choice come from dev; dev numbers flatter for that"
    " reason. Each look at test is told in docs/experiments.md."
)
LEFT_OUT = (
    "Training texts that, once normalised, also stand in a dev, val or test split were left out."
)


def write(loaded: Artifact, metrics: dict[str, Any]) -> str:
    """The text of MODEL_CARD.md."""
    parts = [_head(loaded, metrics), _scores(metrics), _data(metrics), _limits(), _made(metrics)]
    return "\n\n".join(parts) + "\n"


def _head(loaded: Artifact, metrics: dict[str, Any]) -> str:
    config = loaded.config
    words = loaded.vocabulary.words - 1  # but for the unknown one
    phrases = len(loaded.vocabulary) - loaded.vocabulary.words
    return f"""# {loaded.name}

Short English texts to 28 emotions (several at once) and a polarity, with a bag of embeddings.
`{metrics["model"]}`: {words:,} words and {phrases:,} phrases of two or three words,
{config["dim"]} dimensions in eight bits, one hidden layer of {config["hidden"]}. The numbers
below are those of `metrics.json`; both are written by `python -m classifier evaluate`.

**Meant for** counting what many people express in public posts, over time and by topic. **Not meant
for** judging one person, for decisions about people, for diagnosis, or for languages other than
English."""


def _scores(metrics: dict[str, Any]) -> str:
    emotion, polarity = metrics["emotion"], metrics["polarity"]
    test = emotion["test"]
    lines = [
        "## Scores",
        "",
        "| data | measure | dev | test |",
        "|---|---|---|---|",
    ]
    for title, name in (
        ("macro-F1, 28 labels", "macro_f1"),
        ("micro-F1", "micro_f1"),
        ("primary emotion is one of the text's", "primary_is_right"),
        ("exact match of all labels", "exact_match"),
        ("share of texts with no label above its threshold", "no_label"),
        ("expected calibration error", "calibration_error"),
    ):
        lines.append(f"| GoEmotions | {title} | {emotion['dev'][name]:.4f} | {test[name]:.4f} |")
    crossed = emotion["dev"]["crossed_macro_f1"]
    lines.append(
        f"| GoEmotions | macro-F1, thresholds fitted on the other half | {crossed:.4f} | |"
    )
    for title, name in (
        ("macro recall (official measure)", "macro_recall"),
        ("accuracy", "accuracy"),
        ("macro-F1", "macro_f1"),
        ("expected calibration error", "calibration_error"),
    ):
        values = f"{polarity['val'][name]:.4f} | {polarity['test'][name]:.4f}"
        lines.append(f"| TweetEval sentiment | {title} | {values} |")
    lines += [
        "",
        CHOSEN_ON_DEV,
        "",
        "| emotion | precision | recall | F1 | texts in test | threshold |",
        "|---|---|---|---|---|---|",
    ]
    for label, row in test["labels"].items():
        lines.append(
            f"| {label} | {row['precision']:.2f} | {row['recall']:.2f} | {row['f1']:.2f}"
            f" | {row['support']} | {row['threshold']:.4f} |"
        )
    lines += ["", "| polarity | precision | recall | F1 | texts in test |", "|---|---|---|---|---|"]
    for label, row in polarity["test"]["labels"].items():
        lines.append(
            f"| {label} | {row['precision']:.2f} | {row['recall']:.2f} | {row['f1']:.2f}"
            f" | {row['support']} |"
        )
    return "\n".join(lines)


def _data(metrics: dict[str, Any]) -> str:
    record = metrics["training"]
    texts = record.get("texts", {})
    lines = ["## Data", "", "| set | home | terms | texts learned from |", "|---|---|---|---|"]
    heads = {"goemotions": "emotion", "sentiment": "polarity", "emoji": "emoji"}
    for data_set in DATA_SETS:
        count = texts.get(heads[data_set.name])
        used = f"{count:,}" if count else "words only (pre-training)"
        lines.append(f"| {data_set.title} | {data_set.home} | {data_set.licence} | {used} |")
    lines += [
        "",
        LEFT_OUT,
    ]
    if record.get("sentiment_train") == "rebuilt":
        lines.append(
            f"TweetEval sentiment's train split was `{REBUILT.path}`, rebuilt from its source"
            " (SemEval-2017 4A, the same tweets but for about 0.5 %), not the official file."
        )
    corpora = record.get("pretraining", {}).get("corpora", {})
    if corpora:
        named = ", ".join(f"`{name}` (SHA-256 {sha256})" for name, sha256 in corpora.items())
        lines.append(f"Pre-training also read {named}.")
    lines += ["", "| file | SHA-256 |", "|---|---|"]
    lines += [f"| `{path}` | `{sha256}` |" for path, sha256 in record.get("data", {}).items()]
    return "\n".join(lines)


def _limits() -> str:
    return """## What to know before use

- A bag of words does not follow sentences: irony, and negation beyond three words, are mostly lost.
- GoEmotions is Reddit in English, labelled by a few raters who often disagree; grief, pride, relief
  and nervousness have few examples, and their scores are uncertain.
- TweetEval sentiment's test tweets are from other years and topics than its training tweets.
- The texts hold insults, slurs and the prejudices of their writers; words that name groups of
  people can carry a label that the text does not deserve.
- A text without a known word gets no label and says so (`abstained`)."""


def _made(metrics: dict[str, Any]) -> str:
    record = metrics["training"]
    versions = ", ".join(f"{name} {value}" for name, value in metrics["versions"].items())
    return f"""## How it was made

`{record.get("command", "")}`, seed {metrics["seed"]}; measured with `{metrics["command"]}` on
{versions}. What was tried and lost is in `docs/experiments.md`. The same command on the same data
gives the same files on the same kind of processor."""

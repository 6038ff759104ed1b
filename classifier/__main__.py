"""python -m classifier: from public data to a model, and from texts to emotions.

download   fetch the public data sets            into EMOSTREAM_DATA_DIR
teach      fine-tune a transformer, the teacher  into RUN
label      ask the teacher about many texts      into FOLDER
pretrain   words to an embedding (CBOW)          into RUN
train      all of these to a model               into RUN/artifact
evaluate   measure a model on the test splits    into its metrics.json and MODEL_CARD.md
promote    make a run's model the shipped one    into classifier/artifacts
classify   label lines of text from a file or a pipe
bench      measure how fast a model is           into docs/
robustness measure a model on hurt texts         into its robustness.json
run        the station: posts.collected to posts.classified
"""

import argparse
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from stream.cli import entry, set_up_logs, stop_on_signals
from stream.errors import UserError
from stream.settings import load_settings

RUNS = Path("runs")


def main() -> int:
    """Parses the command line and runs one command."""
    arguments = _parser().parse_args()
    set_up_logs("classifier")
    code: int = arguments.call(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m classifier",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser(
        "download",
        help="fetch the public data sets",
        description="Fetches the declared files into the data folder (EMOSTREAM_DATA_DIR, default"
        " data/). Files that are there with the right SHA-256 are left alone; a broken transfer"
        " is continued by the next call.",
    )
    one.add_argument("--mirror", metavar="URL", help="an address that holds them in our layout")
    one.set_defaults(call=_download)

    one = commands.add_parser(
        "teach",
        help="fine-tune the teacher, a small transformer",
        description="Fine-tunes a sentence encoder on the train splits of every head. It takes an"
        " hour on two cores (EMOSTREAM_THREADS=2) and a checkpoint every few minutes. Needs the"
        " extra: pip install -e '.[teacher]'.",
    )
    _add_run(one)
    one.add_argument("--seed", type=int, help="start of every random number")
    one.set_defaults(call=_teach)

    one = commands.add_parser(
        "label",
        help="let the teacher label texts, the soft labels",
        description="Labels the texts of the train splits, then those of the unlabelled corpora of"
        " the data folder, 300 to 400 a second on two cores. Parts that are there are kept.",
    )
    one.add_argument("folder", metavar="FOLDER", type=Path, help="where the soft labels go")
    one.add_argument("--teacher", metavar="RUN", type=Path, required=True, help="a taught teacher")
    one.add_argument("--texts", type=int, help="how many texts at most")
    one.set_defaults(call=_label)

    one = commands.add_parser(
        "pretrain",
        help="train the embedding on plain text (CBOW)",
        description="Builds the vocabulary and trains an embedding of its words with CBOW and"
        " negative sampling, on the texts of the train splits.",
    )
    _add_run(one)
    _add_shape(one)
    one.add_argument(
        "--soft", metavar="FOLDER", type=Path, help="soft labels; their texts are read too"
    )
    one.add_argument(
        "--corpus",
        metavar="FILE",
        nargs="+",
        type=Path,
        default=[],
        help="more plain text: a text a line, or the last column of .tsv; .gz is taken too",
    )
    one.set_defaults(call=_pretrain)

    one = commands.add_parser(
        "train",
        help="train a model and write its artifact to RUN/artifact",
        description="Trains every head on the one embedding, fits scales and thresholds on the dev"
        " splits, and writes the artifact. What is missing is made first: RUN/teacher, RUN/soft"
        " and RUN/embedding. An interrupted run goes on with --resume.",
    )
    _add_run(one)
    _add_shape(one)
    one.add_argument("--embedding", metavar="RUN", type=Path, help="a finished pre-training run")
    one.add_argument("--soft", metavar="FOLDER", type=Path, help="soft labels made before")
    one.add_argument("--no-teacher", action="store_true", help="learn from raters' labels alone")
    one.add_argument("--texts", type=int, help="how many texts the teacher labels at most")
    one.add_argument("--hidden", type=int, help="width of the hidden layer")
    one.add_argument("--name", default="emotion-cbow-3", help="the artifact's name")
    one.set_defaults(call=_train)

    one = commands.add_parser(
        "evaluate",
        help="measure a model on the test splits",
        description="Writes metrics.json and MODEL_CARD.md into the artifact and prints the main"
        " scores.",
    )
    one.add_argument("folder", metavar="RUN", type=Path, help="a run, or an artifact folder")
    one.set_defaults(call=_evaluate)

    one = commands.add_parser(
        "promote",
        help="make a run's model the shipped one",
        description="Copies RUN/artifact to classifier/artifacts/NAME. Refuses a model that was"
        " not evaluated, or whose dev score is below that of the one it replaces.",
    )
    one.add_argument("folder", metavar="RUN", type=Path, help="an evaluated run")
    one.set_defaults(call=_promote)

    one = commands.add_parser(
        "classify",
        help="label lines of text from a file or a pipe",
        description="Writes one JSON object for each line, in order, as soon as it can. Input that"
        " starts with a JSON object with `text` is read as NDJSON, anything else as lines of"
        " text. An invalid line is named on standard error and skipped; the exit code is 1 then."
        " Where EMOSTREAM_RECOGNISER is set, `entities` says what each text names.",
    )
    one.add_argument("file", metavar="FILE", nargs="?", default="-", help="- is standard input")
    one.add_argument(
        "--format", choices=("auto", "lines", "ndjson"), default="auto", help="default: auto"
    )
    one.add_argument(
        "--explain",
        action="store_true",
        help="for people: each text, its labels, and what each token adds to their logits",
    )
    one.add_argument(
        "--json", action="store_true", help="with --explain: as JSON, in a field `explanation`"
    )
    one.set_defaults(call=_classify)

    one = commands.add_parser(
        "bench",
        help="measure how fast the classifier is",
        description="Measures a model on one core, from text to labels and stage by stage, and"
        " writes bench-classifier.json and bench-classifier.md. Without --texts it reads the dev"
        " splits in the data folder.",
    )
    _add_model(one)
    one.add_argument("--texts", metavar="FILE", type=Path, help="a text a line")
    one.add_argument("--repeat", type=int, default=7, help="rounds; the median counts (default: 7)")
    one.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("docs"), help="default: docs"
    )
    one.set_defaults(call=_bench)

    one = commands.add_parser(
        "robustness",
        help="measure a model on texts with typos, odd signs and lengths",
        description="Changes the texts of the dev splits in many ways, measures the model on them,"
        " writes robustness.json into the artifact and prints the table.",
    )
    _add_model(one)
    one.set_defaults(call=_robustness)

    one = commands.add_parser(
        "run",
        help="the station: posts.collected to posts.classified",
        description="Classifies posts until Ctrl-C or SIGTERM. Start it several times to share"
        " the work; docs/settings.md lists its settings.",
    )
    one.set_defaults(call=_run)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="RUN",
        nargs="?",
        type=Path,
        help="a run, or an artifact folder (default: EMOSTREAM_MODEL, else the shipped one)",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", metavar="RUN", type=Path, help="the folder to write to (default: runs/TIME)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue after the last epoch of RUN"
    )


def _add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="start of every random number")
    parser.add_argument("--epochs", type=int, help="passes over the texts")
    parser.add_argument("--dim", type=int, help="dimensions of the embedding")


def _download(arguments: argparse.Namespace) -> int:
    from classifier import heads
    from classifier.datasets import DATA_SETS
    from classifier.download import download, not_fetched

    folder = load_settings().data_dir
    files = [file for data_set in DATA_SETS for file in data_set.files]
    outcome = download(files, folder, arguments.mirror)
    there = sum((folder / file.path).exists() for file in files)
    for line in [*outcome.refused, *not_fetched(folder)]:
        print(line, file=sys.stderr)
    if not set(heads.REQUIRED) <= set(heads.trainable(folder)):
        raise UserError(f"nothing can be trained from {folder}; {heads.left_out(folder)}")
    counts = f"{there} of {len(files)} files in {folder}, {len(outcome.fetched)} fetched now"
    print("; ".join(filter(None, [counts, heads.left_out(folder)])))
    return 0


def _teach(arguments: argparse.Namespace) -> int:
    _prepare_torch()
    from classifier import making
    from classifier.teacher import TeacherConfig

    run = _run_folder(arguments)
    config = replace(TeacherConfig(), **_given(arguments, "seed"))
    making.teach(load_settings().data_dir, run, config, resume=arguments.resume)
    print(f"teacher in {run}; next: python -m classifier label FOLDER --teacher {run}")
    return 0


def _label(arguments: argparse.Namespace) -> int:
    _prepare_torch()
    from classifier import making

    limit = _given(arguments, "texts").get("texts", making.SOFT_TEXTS)
    count = making.label(load_settings().data_dir, arguments.teacher, arguments.folder, limit)
    print(
        f"{count} texts in {arguments.folder};"
        f" next: python -m classifier train --soft {arguments.folder}"
    )
    return 0


def _pretrain(arguments: argparse.Namespace) -> int:
    _prepare_torch()
    from classifier import making
    from classifier.embedding import PretrainConfig

    config = replace(PretrainConfig(), **_given(arguments, "seed", "epochs", "dim"))
    run = _run_folder(arguments)
    making.pretrain(
        load_settings().data_dir,
        run,
        config,
        arguments.soft,
        arguments.corpus,
        resume=arguments.resume,
    )
    print(f"embedding in {run}; next: python -m classifier train --embedding {run}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    _prepare_torch()
    from classifier import heads, making
    from classifier.training import TrainConfig

    config = replace(TrainConfig(), **_given(arguments, "seed", "epochs", "dim", "hidden"))
    run, data = _run_folder(arguments), load_settings().data_dir
    if line := heads.left_out(data):
        print(line, file=sys.stderr)
    soft = arguments.soft
    if soft is None and not arguments.no_teacher:
        limit = _given(arguments, "texts").get("texts", making.SOFT_TEXTS)
        soft = making.prepare_soft(data, run, limit, config.seed, resume=arguments.resume)
    embedding = arguments.embedding or making.prepare_embedding(
        data, run, soft, config, resume=arguments.resume
    )
    command = " ".join(["python -m classifier", *sys.argv[1:]])
    made = making.train(
        data, run, config, embedding, soft, arguments.name, command, resume=arguments.resume
    )
    print(f"{made.model} in {run / 'artifact'}; next: python -m classifier evaluate {run}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    _prepare_torch()
    from classifier.evaluation import evaluate

    folder = _artifact_of(arguments.folder)
    command = " ".join(["python -m classifier", *sys.argv[1:]])
    metrics = evaluate(folder, load_settings().data_dir, command)
    emotion, polarity = metrics["emotion"]["test"], metrics["polarity"]["test"]
    print(
        f"{metrics['model']}: GoEmotions test macro-F1 {emotion['macro_f1']:.4f}, micro-F1"
        f" {emotion['micro_f1']:.4f}; TweetEval sentiment test macro recall"
        f" {polarity['macro_recall']:.4f}"
    )
    return 0


def _promote(arguments: argparse.Namespace) -> int:
    from classifier.promotion import promote

    print(f"shipped: {promote(_artifact_of(arguments.folder))}")
    return 0


def _classify(arguments: argparse.Namespace) -> int:
    path = None if arguments.file == "-" else Path(arguments.file)
    if path is not None and path.is_dir():
        raise UserError(f"{path} is a folder; name a file, or - for standard input")
    if arguments.json and not arguments.explain:
        raise UserError("--json needs --explain: without it the output is JSON already")
    from classifier import classify, reasons, recogniser
    from classifier.predictor import Predictor

    predictor = Predictor.load(threads=load_settings().threads)
    write = None
    if arguments.explain:
        write = reasons.as_json(predictor) if arguments.json else reasons.as_text(predictor)
    found = None if arguments.explain else recogniser.load(load_settings().recogniser)
    return classify.run(predictor, path, arguments.format, write, found)


def _bench(arguments: argparse.Namespace) -> int:
    _given(arguments, "repeat")
    from classifier import bench, readers

    if arguments.texts is not None:
        texts = tuple(readers.lines(arguments.texts))
    else:
        data = load_settings().data_dir
        texts = readers.goemotions(data, "dev").texts + readers.sentiment(data, "dev").texts
    command = " ".join(["python -m classifier", *sys.argv[1:]])
    measured = bench.bench(_model_of(arguments.folder), texts, arguments.repeat, command)
    paths = bench.write(measured, arguments.out)
    print(bench.markdown(measured) + f"\nwritten to {' and '.join(map(str, paths))}")
    return 0


def _robustness(arguments: argparse.Namespace) -> int:
    from classifier import robustness
    from classifier.predictor import Predictor

    folder = _model_of(arguments.folder)
    measured = robustness.measure(Predictor.load(folder), load_settings().data_dir)
    path = robustness.write(measured, folder)
    print(robustness.markdown(measured) + f"\nwritten to {path}")
    return 0


def _run(_arguments: argparse.Namespace) -> int:
    from classifier import service

    service.run(load_settings(), stop_on_signals())
    return 0


def _prepare_torch() -> None:
    import torch

    torch.set_num_threads(load_settings().threads)
    logging.captureWarnings(capture=True)


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given; each must be positive."""
    given = {
        name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None
    }
    for name, value in given.items():
        if value < 1:
            raise UserError(f"--{name} must be 1 or more, not {value}")
    return given


def _run_folder(arguments: argparse.Namespace) -> Path:
    if arguments.run is None and arguments.resume:
        raise UserError("--resume needs --run RUN: the folder of the run to continue")
    run: Path = arguments.run or RUNS / time.strftime("%Y%m%d-%H%M%S")
    return run


def _model_of(folder: Path | None) -> Path:
    """The artifact that a command measures: the given one, the setting's, or the shipped one."""
    from classifier import artifact

    return _artifact_of(folder) if folder else load_settings().model or artifact.SHIPPED


def _artifact_of(folder: Path) -> Path:
    return folder / "artifact" if (folder / "artifact").is_dir() else folder


if __name__ == "__main__":
    entry(main)

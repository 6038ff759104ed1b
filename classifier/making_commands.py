"""The commands that make a model: from public data to a measured and shipped artifact."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from classifier.arguments import artifact_of, given, prepare_torch
from stream.errors import UserError
from stream.settings import load_settings

RUNS = Path("runs")


def add(commands: Any) -> None:
    """Adds every command to the subparsers of `python -m classifier`."""
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
    one.add_argument(
        "--reviewed", metavar="FILE", nargs="+", type=Path, default=[],
        help="labelled texts of review, distant or self-train, which join the train split",
    )  # fmt: skip
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
    prepare_torch()
    from classifier import making
    from classifier.teacher import TeacherConfig

    run = _run_folder(arguments)
    config = replace(TeacherConfig(), **given(arguments, "seed"))
    making.teach(load_settings().data_dir, run, config, resume=arguments.resume)
    print(f"teacher in {run}; next: python -m classifier label FOLDER --teacher {run}")
    return 0


def _label(arguments: argparse.Namespace) -> int:
    prepare_torch()
    from classifier import making

    limit = given(arguments, "texts").get("texts", making.SOFT_TEXTS)
    count = making.label(load_settings().data_dir, arguments.teacher, arguments.folder, limit)
    print(
        f"{count} texts in {arguments.folder};"
        f" next: python -m classifier train --soft {arguments.folder}"
    )
    return 0


def _pretrain(arguments: argparse.Namespace) -> int:
    prepare_torch()
    from classifier import making
    from classifier.embedding import PretrainConfig

    config = replace(PretrainConfig(), **given(arguments, "seed", "epochs", "dim"))
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
    prepare_torch()
    from classifier import heads, making
    from classifier.training import TrainConfig

    config = replace(TrainConfig(), **given(arguments, "seed", "epochs", "dim", "hidden"))
    run, data = _run_folder(arguments), load_settings().data_dir
    if line := heads.left_out(data):
        print(line, file=sys.stderr)
    soft = arguments.soft
    if soft is None and not arguments.no_teacher:
        limit = given(arguments, "texts").get("texts", making.SOFT_TEXTS)
        soft = making.prepare_soft(data, run, limit, config.seed, resume=arguments.resume)
    embedding = arguments.embedding or making.prepare_embedding(
        data, run, soft, config, resume=arguments.resume
    )
    command = " ".join(["python -m classifier", *sys.argv[1:]])
    made = making.train(
        data, run, config, embedding, soft, arguments.name, command, arguments.reviewed,
        resume=arguments.resume,
    )  # fmt: skip
    print(f"{made.model} in {run / 'artifact'}; next: python -m classifier evaluate {run}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    prepare_torch()
    from classifier.evaluation import evaluate

    folder = artifact_of(arguments.folder)
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

    print(f"shipped: {promote(artifact_of(arguments.folder))}")
    return 0


def _run_folder(arguments: argparse.Namespace) -> Path:
    if arguments.run is None and arguments.resume:
        raise UserError("--resume needs --run RUN: the folder of the run to continue")
    run: Path = arguments.run or RUNS / time.strftime("%Y%m%d-%H%M%S")
    return run

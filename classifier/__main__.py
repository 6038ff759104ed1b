"""python -m classifier: from public data to a model, and from texts to emotions.

download   fetch the public data sets            into EMOSTREAM_DATA_DIR
pretrain   words to an embedding (CBOW)          into RUN
train      an embedding and labels to a model    into RUN/artifact
evaluate   measure a model on the test splits    into its metrics.json and MODEL_CARD.md
promote    make a run's model the shipped one    into classifier/artifacts
classify   label lines of text from a file or a pipe
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
    set_up_logs()
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
        "pretrain",
        help="train the embedding on plain text (CBOW)",
        description="Builds the vocabulary and trains an embedding of its words with CBOW and"
        " negative sampling, on the texts of the train splits.",
    )
    _add_run(one)
    _add_shape(one)
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
        description="Trains both heads together, fits temperature, biases and thresholds on the"
        " dev splits, and writes the artifact. Pre-trains first, into RUN/embedding, unless"
        " --embedding names a pre-training run.",
    )
    _add_run(one)
    _add_shape(one)
    one.add_argument("--embedding", metavar="RUN", type=Path, help="a finished pre-training run")
    one.add_argument("--hidden", type=int, help="width of the hidden layer")
    one.add_argument("--members", type=int, help="models that are trained and joined into one")
    one.add_argument("--name", default="emotion-cbow-1", help="the artifact's name")
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
        " text. An invalid line is named on standard error and skipped; the exit code is 1 then.",
    )
    one.add_argument("file", metavar="FILE", nargs="?", default="-", help="- is standard input")
    one.add_argument(
        "--format", choices=("auto", "lines", "ndjson"), default="auto", help="default: auto"
    )
    one.set_defaults(call=_classify)

    one = commands.add_parser(
        "run",
        help="the station: posts.collected to posts.classified",
        description="Classifies posts until Ctrl-C or SIGTERM. Start it several times to share"
        " the work; docs/settings.md lists its settings.",
    )
    one.set_defaults(call=_run)
    return parser


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
    from classifier.datasets import DATA_SETS
    from classifier.download import download

    folder = load_settings().data_dir
    files = [file for data_set in DATA_SETS for file in data_set.files]
    fetched = download(files, folder, arguments.mirror)
    print(f"{len(files)} files in {folder}, {len(fetched)} of them fetched now")
    return 0


def _pretrain(arguments: argparse.Namespace) -> int:
    _prepare_torch()
    from classifier import making
    from classifier.embedding import PretrainConfig

    config = replace(PretrainConfig(), **_given(arguments, "seed", "epochs", "dim"))
    run = _run_folder(arguments)
    making.pretrain(
        load_settings().data_dir, run, config, arguments.corpus, resume=arguments.resume
    )
    print(f"embedding in {run}; next: python -m classifier train --embedding {run}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    _prepare_torch()
    from classifier import checkpoint, making
    from classifier.embedding import PretrainConfig
    from classifier.training import TrainConfig

    config = replace(
        TrainConfig(), **_given(arguments, "seed", "epochs", "dim", "hidden", "members")
    )
    run, data = _run_folder(arguments), load_settings().data_dir
    embedding = arguments.embedding or run / "embedding"
    if not arguments.embedding and not making.has_embedding(embedding):
        first = replace(PretrainConfig(), **_given(arguments, "seed", "dim"))
        begun = arguments.resume and checkpoint.exists(embedding)
        making.pretrain(data, embedding, first, resume=begun)
    command = " ".join(["python -m classifier", *sys.argv[1:]])
    made = making.train(
        data, run, config, embedding, arguments.name, command, resume=arguments.resume
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
    from classifier import classify
    from classifier.predictor import Predictor

    predictor = Predictor.load(threads=load_settings().threads)
    return classify.run(predictor, path, arguments.format)


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


def _artifact_of(folder: Path) -> Path:
    return folder / "artifact" if (folder / "artifact").is_dir() else folder


if __name__ == "__main__":
    entry(main)

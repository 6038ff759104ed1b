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
distant    hashtags to labels                    into a training set
review     people's labels, by single keys       into another
self-train a model's surest labels, in rounds    into RUN
profile    count what training texts look like   into its profile.json
drift      are live posts still like them?
look       pictures of a set, posts and a model  into FOLDER
compare    model families side by side           into RUN/report
fit        one model of any family               into RUN/MODEL/SEED/artifact
cascade    a quick model, a slow one for the rest
rates      a rate of learning, by the range test
run        the station: posts.collected to posts.classified
"""

import argparse
import sys
from pathlib import Path

from classifier import making_commands
from classifier.arguments import given, model_of
from classifier.lab import family_commands, label_commands, seeing_commands
from stream.cli import entry, set_up_logs, stop_on_signals
from stream.errors import UserError
from stream.settings import load_settings


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

    making_commands.add(commands)

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

    for module in (label_commands, seeing_commands, family_commands):
        module.add(commands)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="RUN",
        nargs="?",
        type=Path,
        help="a run, or an artifact folder (default: EMOSTREAM_MODEL, else the shipped one)",
    )


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
    given(arguments, "repeat")
    from classifier import bench, readers

    if arguments.texts is not None:
        texts = tuple(readers.lines(arguments.texts))
    else:
        data = load_settings().data_dir
        texts = readers.goemotions(data, "dev").texts + readers.sentiment(data, "dev").texts
    command = " ".join(["python -m classifier", *sys.argv[1:]])
    measured = bench.bench(model_of(arguments.folder), texts, arguments.repeat, command)
    paths = bench.write(measured, arguments.out)
    print(bench.markdown(measured) + f"\nwritten to {' and '.join(map(str, paths))}")
    return 0


def _robustness(arguments: argparse.Namespace) -> int:
    from classifier import robustness
    from classifier.predictor import Predictor

    folder = model_of(arguments.folder)
    measured = robustness.measure(Predictor.load(folder), load_settings().data_dir)
    path = robustness.write(measured, folder)
    print(robustness.markdown(measured) + f"\nwritten to {path}")
    return 0


def _run(_arguments: argparse.Namespace) -> int:
    from classifier import service

    service.run(load_settings(), stop_on_signals())
    return 0


if __name__ == "__main__":
    entry(main)

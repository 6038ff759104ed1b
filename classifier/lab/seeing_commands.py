"""The laboratory's commands that show what posts and models are like: profile, drift, look."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from classifier.arguments import artifact_of, model_of
from classifier.lab import options
from stream.errors import UserError
from stream.settings import load_settings

DRIFT_OF = 20_000
"""Posts that are counted, unless --limit says otherwise."""


def add(commands: Any) -> None:
    """Adds every command to the subparsers of `python -m classifier`."""
    _add_profile(commands)
    _add_drift(commands)
    _add_look(commands)


def _add_profile(commands: Any) -> None:
    one = commands.add_parser(
        "profile",
        help="count what a model's texts look like, for drift",
        description="Counts the texts that a model learned from (language, labels, confidence,"
        " unknown words, length) into its profile.json, or posts of --from into another file, to"
        " compare later ones with.",
    )
    one.add_argument("folder", metavar="RUN", nargs="?", type=Path, help=options.MODEL)
    options.add_source(one, required=False)
    one.add_argument("--out", metavar="FILE", type=Path, help="default: profile.json of the model")
    one.add_argument(
        "--reviewed", metavar="FILE", nargs="+", type=Path, default=[],
        help="the files that the model was trained with, where train had --reviewed",
    )  # fmt: skip
    one.set_defaults(call=_profile)


def _add_drift(commands: Any) -> None:
    one = commands.add_parser(
        "drift",
        help="say whether live posts are still like the training texts",
        description="Compares posts with the profile of the model's training texts, says what has"
        " moved and whether to train anew. Exit code 1 where something has moved much.",
    )
    one.add_argument("folder", metavar="RUN", nargs="?", type=Path, help=options.MODEL)
    options.add_source(one)
    one.add_argument("--profile", metavar="FILE", type=Path, help="compare with another one")
    one.add_argument("--json", action="store_true", help="for programs")
    one.set_defaults(call=_drift)


def _add_look(commands: Any) -> None:
    one = commands.add_parser(
        "look",
        help="see a labelled set or posts, and what a model makes of them",
        description="Draws labels, lengths, words, embedding, training curves, confusion, precision"
        " and recall, calibration, the worst mistakes, which words count, which labels come"
        " together, and labels over time, into one folder with one page. Needs the extra: pip"
        " install -e '.[lab]'.",
    )
    one.add_argument("folder", metavar="RUN", nargs="?", type=Path, help=options.MODEL)
    options.add_source(one, required=False)
    one.add_argument("--data", metavar="SET", help="a labelled set: emotion, emotion6, topic, …")
    one.add_argument("--out", metavar="FOLDER", type=Path, required=True)
    one.add_argument("--word", metavar="WORD", nargs="+", default=[], help="show its neighbours")
    one.add_argument(
        "--attention", metavar="RUN", type=Path, help="a bilstm-attention model, to look beside"
    )
    one.set_defaults(call=_look)


def _profile(arguments: argparse.Namespace) -> int:
    from classifier import artifact
    from classifier.lab import profile
    from classifier.predictor import Predictor

    settings, folder = load_settings(), model_of(arguments.folder)
    if arguments.where and not arguments.out:
        raise UserError("--from needs --out: profile.json in the model is of its training texts")
    model = Predictor.load(folder, settings.threads)
    made_of = "its training texts"
    if not arguments.where:
        texts = profile.training_texts(model.artifact, settings.data_dir, arguments.reviewed)
    else:
        made_of, texts = options.named(arguments), options.posts(arguments, DRIFT_OF)
    found = profile.profile(texts, model, made_of)
    found.save(path := arguments.out or folder / profile.FILE)
    if not arguments.out:
        artifact.write_manifest(folder)
    sys.stdout.write(f"{found.texts:,} texts counted, in {path}\n")
    return 0


def _drift(arguments: argparse.Namespace) -> int:
    from classifier.lab import drift, profile
    from classifier.predictor import Predictor

    settings, folder = load_settings(), model_of(arguments.folder)
    then = profile.Profile.load(arguments.profile or folder / profile.FILE)
    model = Predictor.load(folder, settings.threads)
    now = profile.profile(options.posts(arguments, DRIFT_OF), model, options.named(arguments))
    found = drift.compare(then, now)
    text = json.dumps(found.to_json(), indent=2) if arguments.json else drift.table(found)
    sys.stdout.write(text + "\n")
    return 1 if found.found else 0


def _look(arguments: argparse.Namespace) -> int:
    from classifier import artifact
    from classifier.predictor import Predictor

    try:
        from classifier.lab import look, views
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: pip install -e '.[lab]'") from None
    if (arguments.where is None) == (arguments.data is None):
        raise UserError("say what to look at: --data SET or --from WHERE")
    settings, folder = load_settings(), model_of(arguments.folder)
    model = Predictor.load(folder, settings.threads)
    if arguments.data:
        view = views.of_set(arguments.data, settings.data_dir, model)
    else:
        view = views.of_posts(
            options.named(arguments), options.posts(arguments, views.POSTS), model
        )
    other = None
    if arguments.attention:
        other = artifact.load(artifact_of(arguments.attention), serving=False).other
        if not hasattr(other, "attention"):
            raise UserError(f"--attention {arguments.attention}: is no bilstm-attention model")
    history = views.history_of(arguments.folder or folder)
    files = look.look(view, arguments.out, history=history, words=arguments.word, attentive=other)
    sys.stdout.write(f"{len(files)} files; open {arguments.out / 'index.html'}\n")
    return 0

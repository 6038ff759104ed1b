"""The laboratory's commands that make labels of posts: distant, review, self-train."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from classifier.arguments import prepare_torch
from classifier.lab import options
from stream import hashtags
from stream.errors import UserError
from stream.settings import load_settings

REVIEWED_OF = 50_000
"""Posts that those to review are chosen from, unless --limit says otherwise."""


def add(commands: Any) -> None:
    """Adds every command to the subparsers of `python -m classifier`."""
    _add_distant(commands)
    _add_review(commands)
    _add_self_train(commands)


def _add_distant(commands: Any) -> None:
    one = commands.add_parser(
        "distant",
        help="make a training set of posts that their authors' hashtags label",
        description="Writes the posts that hashtags label as a training set (NDJSON for train"
        " --reviewed): each text once, without the hashtags, in English, none of a dev or test"
        " split, not too many of a label or an author. Prints how far the labels can be trusted.",
    )
    options.add_source(one)
    one.add_argument("--out", metavar="FILE", type=Path, required=True, help="the training set")
    one.add_argument(
        "--labels", metavar="FILE", type=Path, nargs="?", const=hashtags.DEFAULT_LABELS,
        help="label the posts that ingest has not, by the hashtags in their text; FILE has lines"
        ' `hashtag = "label"`; without FILE ours are taken',
    )  # fmt: skip
    one.add_argument(
        "--per-label", type=options.count, default=2000, metavar="N",
        help="texts of a label, at most; default: 2000",
    )  # fmt: skip
    one.add_argument(
        "--per-author", type=options.count, default=20, metavar="N",
        help="texts of an author, at most; default: 20",
    )  # fmt: skip
    one.add_argument("--report", metavar="FILE", type=Path, help="the printed table as JSON")
    one.set_defaults(call=_distant)


def _add_review(commands: Any) -> None:
    one = commands.add_parser(
        "review",
        help="label the most informative posts by single keys",
        description="Shows the posts that would teach the model most: doubtful ones, such as their"
        " hashtags dispute, and no two alike. A key gives or takes a label; each answer is appended"
        " to the file at once, so a session that ends is gone on with by the next. train --reviewed"
        " learns from the file.",
    )
    options.add_source(one, required=False)
    one.add_argument("--out", metavar="FILE", type=Path, required=True, help="the reviews (NDJSON)")
    one.add_argument("--by", metavar="NAME", help="who reviews; default: the system's user")
    one.add_argument(
        "--posts", type=options.count, default=50, metavar="N", help="to show; default: 50"
    )
    one.add_argument("--blind", action="store_true", help="do not show the model's labels")
    one.add_argument(
        "--report", action="store_true", help="say how far reviewers and the model agree, and end"
    )
    one.add_argument("--json", action="store_true", help="with --report: as JSON")
    one.set_defaults(call=_review)


def _add_self_train(commands: Any) -> None:
    one = commands.add_parser(
        "self-train",
        help="let a model label posts and learn from what it is surest of",
        description="Trains a model on the raters' labels alone, lets it label the posts, adds the"
        " likeliest of each emotion to the train split, trains again, and so on. Prints the dev"
        " score of each round beside that of round 0, which is without posts: self-training may"
        " lose. A round that is there is kept, so an interrupted run goes on when started again.",
    )
    options.add_source(one)
    one.add_argument("--run", metavar="RUN", type=Path, required=True, help="the folder to fill")
    one.add_argument("--rounds", type=options.count, default=2, help="default: 2")
    one.add_argument(
        "--quota", type=options.count, default=500, help="posts of an emotion; default: 500"
    )
    one.add_argument(
        "--sure",
        type=options.share,
        help="the least probability, of posts that reach their"
        " precise thresholds (which --sure does not lower)",
    )
    one.add_argument("--embedding", metavar="RUN", type=Path, help="a finished pre-training run")
    one.add_argument("--seed", type=options.count, help="start of every random number")
    one.add_argument("--epochs", type=options.count, help="passes over the texts")
    one.add_argument("--dim", type=options.count, help="dimensions of the embedding")
    one.add_argument("--hidden", type=options.count, help="width of the hidden layer")
    one.set_defaults(call=_self_train)


def _distant(arguments: argparse.Namespace) -> int:
    from classifier import checkpoint, heads, own_texts
    from classifier.lab import distant, quality
    from classifier.predictor import Predictor

    tags = hashtags.HashtagLabels.load(arguments.labels) if arguments.labels else None
    settings = load_settings()
    limits = distant.Limits(arguments.per_label, arguments.per_author)
    held_out = heads.held_out_keys(settings.data_dir)
    found = distant.gather(options.posts(arguments), tags, held_out, limits)
    if not found.rows:
        raise UserError(
            f"none of {found.posts:,} posts is labelled by a hashtag: collect some with"
            " python -m ingest … --hashtag-labels, or give --labels"
        )
    own_texts.write(arguments.out, found.rows)
    said = quality.quality(found.rows, Predictor.load(threads=settings.threads), settings.data_dir)
    if arguments.report:
        content = {
            "command": options.command_line(),
            "posts": found.posts,
            "left_out": found.left_out,
            "labels": found.labels,
            "quality": said,
        }
        checkpoint.write_text(arguments.report, json.dumps(content, indent=2) + "\n")
    sys.stdout.write(distant.table(found, said) + f"\nwritten to {arguments.out}\n")
    return 0


def _review(arguments: argparse.Namespace) -> int:
    if arguments.report:
        from classifier.lab import agreement

        if not arguments.out.exists():
            raise UserError(f"{arguments.out} is not there: review some posts first")
        said = agreement.report(arguments.out)
        text = json.dumps(said, indent=2) if arguments.json else agreement.table(said)
        sys.stdout.write(text + "\n")
        return 0
    if arguments.where is None:
        raise UserError("say where the posts are: --from kafka, elasticsearch or a file")
    if arguments.where == "-":
        raise UserError("--from -: standard input is for your keys, so name a file")
    return _reviewed(arguments)


def _reviewed(arguments: argparse.Namespace) -> int:
    from classifier import heads
    from classifier.lab import review, reviews
    from classifier.lab.informative import informative
    from classifier.predictor import Predictor

    settings = load_settings()
    model = Predictor.load(threads=settings.threads)
    by = arguments.by or _user()
    file = reviews.Reviews(arguments.out, by, model.model, shown=not arguments.blind)
    known = file.answered() | heads.held_out_keys(settings.data_dir)
    chosen = informative(options.posts(arguments, REVIEWED_OF), model, arguments.posts, known)
    if not chosen:
        sys.stdout.write(f"no post there that {by} has not answered\n")
        return 0
    answered, skipped = review.run(review.Session(chosen, file))
    sys.stdout.write(
        f"{answered} of {len(chosen)} answered, {skipped} skipped, in {arguments.out}; next:"
        f" python -m classifier review --report --out {arguments.out},"
        f" or train --reviewed {arguments.out}\n"
    )
    return 0


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (ImportError, KeyError, OSError):  # a system without users, or one without this one
        raise UserError("say who reviews: --by NAME") from None


def _self_train(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from classifier.lab import selftraining
    from classifier.training import TrainConfig

    prepare_torch()
    if arguments.where == "-":
        raise UserError("--from -: every round reads the posts again, so name a file")
    given = {name: getattr(arguments, name) for name in ("seed", "epochs", "dim", "hidden")}
    config = replace(TrainConfig(), **{name: v for name, v in given.items() if v is not None})
    found = selftraining.self_train(
        load_settings().data_dir,
        arguments.run,
        lambda: options.posts(arguments),
        config,
        selftraining.Choice(arguments.quota, arguments.sure),
        arguments.rounds,
        options.command_line(),
        options.origin(arguments),
        embedding=arguments.embedding,
    )
    sys.stdout.write(selftraining.table(found) + "\n")
    return 0

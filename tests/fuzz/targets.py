"""What is fuzzed: every decoder of ours, as a function of bytes that may fail only as documented.

A target gives nothing. It raises what the decoder must not raise, and AssertionError where what
came out breaks a promise: what was read can be written, and is then read as the same.
"""

import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from classifier import artifact, classify
from classifier.calibration import Calibration, HeadCalibration, Scale
from classifier.heads import HEADS
from classifier.model import ModelConfig
from classifier.network import shapes
from classifier.predictor import Predictor
from classifier.vocabulary import Vocabulary
from indexer.bulk import IndexingError, outcome
from ingest import budget, quota, reading
from ingest import shapes as json_shapes
from ingest.bluesky import event
from ingest.inputs import Input
from ingest.ledger import Ledger
from ingest.live import x_rules
from ingest.live.mastodon_stream import parsed
from ingest.live.youtube_progress import Thread
from ingest.payloads import parse
from ingest.sightings import Refusal, Sighting
from ingest.state import State
from kibana.importing import fetch, put
from kibana.server import Answer, Kibana
from stack import procfile
from stack.errors import StackError
from stream import settings
from stream.codec import (
    decode_classified,
    decode_collected,
    decode_dead_letter,
    encode,
)
from stream.dead_letters import DeadLetter
from stream.errors import InvalidRecord, UserError
from stream.hashtags import HashtagLabels
from stream.posts import Origin, Record
from stream.settings import Settings
from stream.workbench import command as workbench
from stream.workbench.letters import cause_of, id_of
from stream.workbench.replaying import Unmendable, _outgoing

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SIGHTING = Sighting(Origin(crawl="fuzz", stream="fuzz"), NOW, NOW)
NAMES = ("a.ndjson", "a.json", "a.csv", "a.tsv", "a.txt", "a_text.txt", "a.log", "a.ndjson.gz")
"""Endings of an input; its first byte chooses one."""
FOLDER = Path(tempfile.gettempdir()) / f"emostream-fuzz-{os.getpid()}"

Target = Callable[[bytes], None]


def record(decode: Callable[[bytes], Record], data: bytes) -> None:
    """A record of a topic: what is read can be written and read again."""
    with suppress(InvalidRecord):
        read = decode(data)
        assert decode(encode(read)) == read


def dead_letter(data: bytes) -> None:
    """A dead letter, as the workbench shows it and puts it back."""
    record(decode_dead_letter, data)
    with suppress(InvalidRecord, Unmendable):
        letter = decode_dead_letter(data)
        for line in workbench.described(letter):
            line.encode()
        assert id_of(letter)
        cause_of(letter).encode()
        _outgoing(letter, None, None)


def payload(data: bytes) -> None:
    """A payload of any platform: each outcome is a record, or a refusal that can be kept."""
    with suppress(InvalidRecord):
        for one in json_shapes.outcomes(parse(data), SIGHTING):
            if isinstance(one, Refusal):
                one.reason.encode()
            else:
                record(decode_collected, encode(one))
        Thread.of(parse(data), lambda _time: False)
    with suppress(InvalidRecord):
        event(parse(data))


def lines(data: bytes) -> None:
    """A file for replay: its first byte chooses the ending."""
    name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
    source = Input(name, lambda: io.BufferedReader(io.BytesIO(data[1:])), again=True)
    with suppress(UserError):
        for one in reading.read([source], lambda _input: SIGHTING):
            if isinstance(one, DeadLetter):
                record(decode_dead_letter, encode(one))
            else:
                record(decode_collected, encode(one.record))
                record(decode_dead_letter, encode(one.letter("sending", "why")))


def events(data: bytes) -> None:
    """Server-sent events of Mastodon."""
    with suppress(ValueError):
        list(parsed(iter(data.decode(errors="replace").split("\n"))))


def texts(data: bytes) -> None:
    """Lines for `classifier classify`: any text gets a prediction, any line an answer."""
    out, complaints = io.BytesIO(), list[str]()
    invalid = classify.classify(
        _predictor(), io.BytesIO(data), out, "auto", lambda _n, why: complaints.append(why)
    )
    assert invalid == len(complaints)
    for line in out.getvalue().splitlines():
        json.loads(line)


def artifact_file(name: str, data: bytes) -> None:
    """One file of an artifact whose manifest names it as it is."""
    folder = _artifact()
    (folder / name).write_bytes(data)
    try:
        with suppress(artifact.ArtifactError):
            if name != "manifest.json":
                artifact.write_manifest(folder)
            Predictor(artifact.load(folder)).predict(["so happy", ""])
    finally:
        shutil.copyfile(folder.parent / "whole" / name, folder / name)


def hashtags(data: bytes) -> None:
    """A file of `--hashtag-labels`."""
    with suppress(UserError):
        HashtagLabels.load(_file("hashtags.toml", data))


def rules(data: bytes) -> None:
    """A file of X's rules."""
    with suppress(UserError):
        x_rules.declared(_file("rules.toml", data))


def settings_file(data: bytes) -> None:
    """The settings file."""
    file = str(_file("emostream.toml", data))
    with patch.dict(os.environ, {"EMOSTREAM_SETTINGS": file}), suppress(UserError):
        settings.load_settings.__wrapped__()


def settings_variable(data: bytes) -> None:
    """One variable: its name, `=`, its value."""
    name, _equals, value = data.replace(b"\0", b"").partition(b"=")
    wanted = settings.PREFIX + name.decode("ascii", "ignore").upper().replace("\0", "")
    known = {settings.PREFIX + one.upper() for one in Settings.model_fields}
    if wanted not in known:
        return
    with patch.dict(os.environ, {wanted: os.fsdecode(value)}), suppress(UserError):
        for line in settings.described(settings.load_settings.__wrapped__()):
            assert line


def commands(data: bytes) -> None:
    """A Procfile."""
    with suppress(StackError):
        procfile.read(_file("Procfile", data))


def state(data: bytes) -> None:
    """What a crawl left, and the ledgers that were once in it."""
    folder = FOLDER / "state"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crawl.json").write_bytes(data)
    with suppress(UserError), State.open(folder, "crawl", "x") as kept:
        assert kept.cursor is None or isinstance(kept.cursor, dict)
        Ledger.of(kept, "x", "token", budget.LEDGER, budget.added)


def ledger(data: bytes) -> None:
    """What is used up of a budget and of a quota."""
    kept = Ledger(_file("ledger.json", data))
    with suppress(UserError):
        spent = budget.Budget(budget.Limits(0.005, posts_per_day=10), kept, lambda: NOW)
        spent.reserve(2)
        spent.plan()
    kept = Ledger(_file("ledger.json", data))
    with suppress(UserError, quota.Spent):
        of_day = quota.Quota(kept, {quota.UNITS: 100, quota.SEARCHES: 10}, lambda: NOW)
        of_day.spend("videos.list")
        of_day.close("search.list")


def bulk(data: bytes) -> None:
    """An item of Elasticsearch's answer to a bulk request."""
    with suppress(ValueError, RecursionError):
        item = json.loads(data)
        with suppress(IndexingError, UserError):
            outcome(item)


def kibana(data: bytes) -> None:
    """Kibana's answers to an import and to an export; the first byte chooses the status."""
    status = (200, 400, 401, 500)[data[0] % 4] if data else 200
    there = _Answering(Answer(status, data[1:]))
    with suppress(UserError):
        put(there, b"{}")
    with suppress(UserError):
        fetch(there, [("dashboard", "one")])


class _Answering(Kibana):
    """A Kibana that says one thing."""

    def __init__(self, answer: Answer) -> None:
        self.address, self._answer = "http://kibana.example", answer

    def request(
        self,
        method: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Gives the answer."""
        return self._answer


@cache
def _predictor() -> Predictor:
    return Predictor.load()


@cache
def _artifact() -> Path:
    """A small artifact that is whole, and a copy of it."""
    vocabulary = Vocabulary(["<unknown>", "so", "happy", "so happy"])
    config = {"vocabulary": 4, "dim": 2, "hidden": 2}
    labels = sum(len(head.labels) for head in HEADS.values())
    tensors = {
        name: torch.ones(size, dtype=kind)
        for name, (kind, size) in shapes(ModelConfig(4, 2, 2, labels)).items()
    }
    heads = {}
    for name, head in HEADS.items():
        zeros = (0.0,) * len(head.labels)
        decides = head.several or name == "polarity"
        heads[name] = HeadCalibration(Scale(1.0, zeros), *((zeros, zeros) if decides else ()))
    small = artifact.Artifact("small", config, vocabulary, tensors, Calibration(heads))
    artifact.save(FOLDER / "artifact" / "whole", small)
    return Path(shutil.copytree(FOLDER / "artifact" / "whole", FOLDER / "artifact" / "fuzzed"))


def _file(name: str, data: bytes) -> Path:
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / name
    file.write_bytes(data)
    return file


TARGETS: dict[str, Target] = {
    "artifact-calibration": partial(artifact_file, "calibration.json"),
    "artifact-config": partial(artifact_file, "config.json"),
    "artifact-labels": partial(artifact_file, "labels.json"),
    "artifact-manifest": partial(artifact_file, "manifest.json"),
    "artifact-tensors": partial(artifact_file, "model.safetensors"),
    "artifact-vocabulary": partial(artifact_file, "vocabulary.txt"),
    "bulk": bulk,
    "classified": partial(record, decode_classified),
    "collected": partial(record, decode_collected),
    "dead-letter": dead_letter,
    "events": events,
    "hashtags": hashtags,
    "kibana": kibana,
    "ledger": ledger,
    "lines": lines,
    "payload": payload,
    "procfile": commands,
    "rules": rules,
    "settings-file": settings_file,
    "settings-variable": settings_variable,
    "state": state,
    "texts": texts,
}


def clean_up() -> None:
    """Removes the files that targets left."""
    _artifact.cache_clear()
    shutil.rmtree(FOLDER, ignore_errors=True)

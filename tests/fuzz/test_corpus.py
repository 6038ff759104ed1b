"""Every input that the fuzzer was given or found goes through its decoder, and fails as documented.

`python -m tests.fuzz TARGET` looks for more of them.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.settings import load_settings
from tests.fuzz.mutating import DIGITS, variants
from tests.fuzz.targets import TARGETS, clean_up

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 1.0
"""Of the process's own time: what else the machine does is no fault of a decoder."""
MOST_BYTES = 1_000_000

ANYTHING = (
    *(b"", b"\0", b"\xff\xfe", b"\n" * 5000, b"9" * DIGITS, b"\xef\xbb\xbf"),
    *(opening * 100_000 for opening in (b"[", b'{"a":', b"a = [", b"<a ", b'"', b"(")),
)
"""What any decoder may be given."""


@pytest.fixture(autouse=True, scope="module")
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings of the tests' own: none."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("EMOSTREAM_"):
                patch.delenv(name)
        patch.chdir(tmp_path_factory.mktemp("fuzz"))
        load_settings.cache_clear()
        TARGETS["texts"](b"the model is loaded\n")
        yield
        load_settings.cache_clear()
        clean_up()


def test_the_corpus_has_inputs_for_every_target_and_is_small() -> None:
    folders = {folder.name for folder in CORPUS.iterdir()}
    assert folders == set(TARGETS)
    assert all(any(folder.iterdir()) for folder in CORPUS.iterdir())
    assert sum(file.stat().st_size for file in CORPUS.rglob("*") if file.is_file()) < MOST_BYTES


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_what_was_found_fails_only_as_documented(target: str) -> None:
    for file in sorted((CORPUS / target).iterdir()):
        _quickly(target, file.read_bytes(), file.name)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_anything_at_all_fails_only_as_documented(target: str) -> None:
    for data in ANYTHING:
        _quickly(target, data, repr(data[:10]))
        _quickly(target, b"\0" + data, repr(data[:10]))


@pytest.mark.parametrize(
    "target", ["payload", "collected", "dead-letter", "bulk", "ledger", "state", "kibana"]
)
def test_each_value_of_an_input_may_be_missing_or_hostile(target: str) -> None:
    for file in sorted((CORPUS / target).glob("seed-*")):
        data = file.read_bytes()
        first = 1 if target == "kibana" else 0
        try:
            value = json.loads(data[first:])
        except (ValueError, RecursionError):
            continue
        for number, one in enumerate(variants(value)):
            # Every fifth, and others of another file: all of them take five times as long.
            if (number + len(data)) % 5 == 0:
                TARGETS[target](data[:first] + json.dumps(one).encode())


def _quickly(target: str, data: bytes, name: str) -> None:
    began = time.process_time()
    try:
        TARGETS[target](data)
    except BaseException as error:
        error.add_note(f"target {target}, input {name}")
        raise
    took = time.process_time() - began
    assert took < SECONDS, f"{target} took {took:.1f} s for {name}"

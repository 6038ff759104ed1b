"""The catalogue of failures, each with the tests that prove the right behaviour.

`python -m tests.cases` writes the table of docs/delivery.md, between its two marks, from the tests'
own markers `case(number)`; nothing is imported or run for it.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "delivery.md"
BEGIN, END = "<!-- cases: made by `python -m tests.cases` -->", "<!-- end of cases -->"
RINGS = ("end_to_end", "stack", "wire")
REAL = ("end_to_end", "stack")


class Case(NamedTuple):
    """One way in which such lines have failed their users."""

    what: str
    seen_in: str
    right: str


class Proof(NamedTuple):
    """One test that carries the number of a case."""

    name: str
    file: str
    ring: str


CASES = {
    1: Case(
        "a bulk request is answered 200, some of its items 429",
        "vector#2968, OpenCTI#17134, rally#1905",
        "only those items are sent again, later and fewer at once; none is a dead letter",
    ),
    2: Case(
        "a whole request is refused with 429",
        "Kafka Connect's network test",
        "the batch waits, then goes again",
    ),
    3: Case(
        "the node is away, restarts or freezes",
        "Kafka Connect; vector#10398",
        "the batch waits, polling goes on; within 15 s of its return all is there, once",
    ),
    4: Case(
        "the answer is lost although the request was applied",
        "Kafka Connect (its test is switched off as flaky)",
        "sent again; ids and versions make it one document",
    ),
    5: Case(
        "a request is larger than the node takes (413)",
        "Logstash's documentation",
        "sent in halves; one document alone is a dead letter",
    ),
    6: Case(
        "a record is larger than its topic takes",
        "KIP-126",
        "named by the producer, kept as a dead letter with its reason; the others are written",
    ),
    7: Case(
        "a value does not fit its field's type (400)",
        "Kafka Connect#219",
        "that document is a dead letter with type and field; the rest is indexed",
    ),
    8: Case(
        "a field that the mapping does not have",
        "Kafka Connect's list of malformed documents",
        "refused, not added in silence: as 7",
    ),
    9: Case(
        "a term of more than 32,766 bytes",
        "elasticsearch#80865, #82086, rally#1834",
        "kept, though not searchable; its post does not fail",
    ),
    10: Case(
        "a batch is delivered twice", "Kafka Connect#51", "one document; counted as seen before"
    ),
    11: Case(
        "an older observation comes after a newer one",
        "Kafka Connect (external versions)",
        "the older one loses",
    ),
    12: Case(
        "a late replay of a deleted post",
        "Elasticsearch forgets a deleted version after `index.gc_deletes`",
        "it stays deleted: the deletion is a document of its own",
    ),
    13: Case(
        "one id in two indices",
        "Elastic's tutorial of rollover",
        "the index follows from the post's own time, so there is one",
    ),
    14: Case(
        "index or template are gone, closed or read-only",
        "stocksight#16",
        "made again from our template, or the station stops; never a guessed mapping",
    ),
    15: Case(
        "a data stream puts a document aside and answers 201",
        "Elastic's documentation of the failure store",
        "not counted as indexed: the station stops",
    ),
    16: Case(
        "poison: no JSON, no UTF-8, no value, another schema",
        "Kafka Connect, Arroyo",
        "a dead letter with bytes, key, headers and offset; the stream goes on",
    ),
    17: Case(
        "half of a surrogate pair",
        "elasticsearch-py#1546, #611, opensearch-py#975, elasticsearch#9538",
        "replaced where it comes in; on a topic a dead letter",
    ),
    18: Case(
        "NUL, control characters, BOM, bidi marks, combined and composed letters",
        "Logstash 11.22.3",
        "come back as they were sent",
    ),
    19: Case("NaN and infinity", "JSON libraries that write them", "refused, never indexed"),
    20: Case("ids above 2^53", "ids of X", "strings, everywhere"),
    21: Case(
        "nesting 100,000 deep, numbers without end, texts of megabytes",
        "JSON libraries that recurse",
        "a dead letter, in bounded time and memory",
    ),
    22: Case(
        "a crash before the write, after it, after the commit",
        "vector#20118",
        "nothing lost; what is repeated overwrites itself",
    ),
    23: Case(
        "a destination slower than `max.poll.interval.ms`",
        "Arroyo's documentation",
        "the partitions stay ours; a commit that comes too late is survived and moves nothing",
    ),
    24: Case(
        "the broker is killed, freezes, or a topic is deleted",
        "vector#24193, Quix Streams#1082",
        "waits, then goes on; nothing lost",
    ),
    25: Case(
        "offsets committed before the write", "vector#1107", "impossible: the last step commits"
    ),
    26: Case(
        "parallel requests end out of order",
        "Kafka Connect's offset tracker",
        "offsets move only when the whole batch is decided",
    ),
    27: Case(
        "refusals pile up in memory",
        "vector#8636",
        "fewer requests at once, and never more than a batch in memory",
    ),
    28: Case(
        "the dead-letter topic is away, or the letter too large",
        "",
        "the station waits or stops; no letter is dropped",
    ),
    29: Case(
        "everything is invalid: a bad deploy",
        "Arroyo's limits",
        "the station stops at a limit instead of emptying the topic into the dead letters",
    ),
    30: Case(
        "asked to stop: twice, in a wait, in the setup, while a server hangs",
        "Logstash; kafka-python 3.0.7",
        "ended ten seconds later; the exit code says how; nothing is lost",
    ),
    31: Case(
        "an event comes twice: a reconnect, an overlap",
        "Jetstream's cursor is inclusive",
        "one id, one document",
    ),
    32: Case(
        "a stream falls silent without closing",
        "tweepy",
        "left after a while, and taken up again where it was",
    ),
    33: Case(
        "429, 420 and 503 with `Retry-After`, a quota that is used up",
        "tweepy",
        "the platform's word is heeded; what was used up is remembered",
    ),
    34: Case(
        "deletions, accounts that are gone, edits",
        "X's rules; Jetstream's events",
        "no deleted post is left, in whatever order they come",
    ),
    35: Case(
        "the disk of a crawl is full",
        "Jetstream's mutants m044, m045",
        "said; nothing is remembered that was not kept",
    ),
    36: Case(
        "the model's files are missing, cut off or of another vocabulary",
        "",
        "refused at the start; every document names its model",
    ),
}


def proofs() -> dict[int, list[Proof]]:
    """Reads every test's case numbers and ring from its file.

    Raises:
        ValueError: a marker has no number, or one that no case has.
    """
    found: dict[int, list[Proof]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        of_file = [mark for node in tree.body for mark in _module_marks(node)]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = [mark for one in node.decorator_list if (mark := _mark(one))]
                ring = next((r for r in RINGS if r in (n for n, _ in marks + of_file)), "unit")
                for number in (n for name, n in marks if name == "case"):
                    if number not in CASES:
                        raise ValueError(f"{file}: {node.name}: there is no case {number}")
                    place = str(file.relative_to(TESTS.parent))
                    found[number].append(Proof(node.name, place, ring))
    return found


def table(found: Mapping[int, Sequence[Proof]]) -> str:
    """Writes the table, and what it adds up to."""
    lines = [
        "| # | case | seen in | right behaviour | test | ring |",
        "|---|---|---|---|---|---|",
    ]
    for number, case in CASES.items():
        tests = found.get(number, [])
        names = "<br>".join(f"[{_title(one)}](../{one.file})" for one in tests)
        rings = "<br>".join(one.ring for one in tests)
        what = f"{case.what} | {case.seen_in} | {case.right}"
        lines.append(f"| {number} | {what} | {names} | {rings} |")
    tests_of_all = {one for tests in found.values() for one in tests}
    real = {number for number, tests in found.items() if any(one.ring in REAL for one in tests)}
    on_real = sum(one.ring in REAL for one in tests_of_all)
    total = (
        f"{len(CASES)} cases and {len(tests_of_all)} tests, of which {on_real}, for {len(real)} "
        "cases, run against the real broker or the real node."
    )
    return "\n".join([*lines, "", total])


def written(page: str) -> str:
    """Gives the page with its table made anew.

    Raises:
        ValueError: the page has no place for it.
    """
    before, begin, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(proofs())}\n\n{END}{after}"


def _title(one: Proof) -> str:
    return one.name.removeprefix("test_").replace("_", " ")


def _module_marks(node: ast.stmt) -> Iterator[tuple[str, int | None]]:
    """Reads `pytestmark = pytest.mark.x`, or a list of such."""
    if not isinstance(node, ast.Assign) or not any(
        isinstance(one, ast.Name) and one.id == "pytestmark" for one in node.targets
    ):
        return
    for one in node.value.elts if isinstance(node.value, ast.List) else [node.value]:
        if mark := _mark(one):
            yield mark


def _mark(node: ast.expr) -> tuple[str, int | None] | None:
    """Reads `pytest.mark.name` or `pytest.mark.name(number)`."""
    number = None
    if isinstance(node, ast.Call):
        first = node.args[0] if node.args else None
        value = first.value if isinstance(first, ast.Constant) else None
        number = value if isinstance(value, int) else None
        node = node.func
    is_mark = isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark"
    return (node.attr, number) if is_mark and isinstance(node, ast.Attribute) else None


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    made = written(text)
    PAGE.write_text(made, encoding="utf-8")
    sys.stdout.write("changed\n" if made != text else "up to date\n")

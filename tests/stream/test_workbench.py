"""Dead letters, listed, shown and put back: on the real topics, with their users' commands."""

import os
import random
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace

import pytest
from kafka import KafkaAdminClient, TopicPartition

from indexer import templates
from ingest import dead_letters as ingest
from stack import Stack
from stream import offsets
from stream.audit.law import Fate
from stream.broker import KafkaWriter, connection
from stream.codec import encode
from stream.dead_letters import MAX_ORIGINAL, DeadLetter, Source, dead_letter
from stream.elastic import connect
from stream.errors import UserError
from stream.records import REPLAY_HEADER, Outgoing
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.topics import COLLECTED
from stream.workbench import command as workbench
from stream.workbench import replaying
from stream.workbench.letters import Choice, cause_of, id_of, latest
from stream.workbench.replaying import Left, Unmendable, filter_command, replay
from tests.indexer.conftest import empty
from tests.line import Line, skip

BROKEN = b'{"kind": "post", "platform": "x"}'
MEND = (
    "import json, sys; post = json.load(sys.stdin); del post['bogus']; json.dump(post, sys.stdout)"
)
MENDING = shlex.join([sys.executable, "-c", MEND])


@pytest.fixture
def line(stack: Stack) -> Iterator[Line]:
    settings = Settings(kafka=stack.kafka, elasticsearch=stack.elasticsearch)
    with connect(settings) as client:
        empty(client)
        templates.set_up(client)
        yield Line(settings, client)
        empty(client)


def letters_of(line: Line) -> list[DeadLetter]:
    return list(latest(line.settings, Choice(crawl=line.crawl, again=True), line.since))


def open_letters(line: Line) -> Iterator[DeadLetter]:
    return latest(line.settings, Choice(crawl=line.crawl), line.since)


def with_a_bogus_field(line: Line, native_id: str) -> bytes:
    return encode(line.post(native_id))[:-1] + b',"bogus":1}'


@pytest.mark.stack
def test_a_mended_original_goes_back_where_it_came_from_and_settles(line: Line) -> None:
    line.send(with_a_bogus_field(line, "1"), key=line.post("1").key)
    line.send(with_a_bogus_field(line, "2"), key=line.post("2").key)
    line.send(line.post("good"))
    line.drain()
    assert line.audit().fates == {Fate.DEAD: 2, Fate.INDEXED: 1}
    outcomes = list(replay(line.settings, open_letters(line), filter_command(MENDING)))
    assert all(isinstance(one, DeadLetter) and one.replayed_at for one in outcomes)
    line.drain()
    account = line.audit()
    assert account.holds
    assert account.fates == {Fate.INDEXED: 3}
    assert list(open_letters(line)) == []
    # A repeat of the replay puts both back once more, and changes nothing.
    marked = [one for one in outcomes if isinstance(one, DeadLetter)]
    list(replay(line.settings, marked, filter_command(MENDING)))
    line.drain()
    assert line.audit().fates == {Fate.INDEXED: 3}


@pytest.mark.stack
def test_a_record_that_fails_again_opens_its_letter_again(line: Line) -> None:
    line.send(BROKEN, key="x:1")
    line.drain()
    (before,) = letters_of(line)
    for times in (1, 2):
        assert len(list(replay(line.settings, open_letters(line)))) == 1
        line.drain()
        (after,) = letters_of(line)
        assert (after.key, id_of(after)) == (before.key, id_of(before))
        assert (after.replays, after.replayed_at) == (times, None)
        assert (after.original, after.headers) == (BROKEN, {"crawl": line.crawl})
        assert after.failed_at > before.failed_at
    account = line.audit()
    assert account.holds
    assert account.fates == {Fate.DEAD: 1}


@pytest.mark.stack
def test_a_fix_that_spoils_the_record_leaves_the_first_original_to_the_next(line: Line) -> None:
    original = with_a_bogus_field(line, "1")
    line.send(original, key=line.post("1").key)
    line.drain()
    spoiling = filter_command("tr { x")
    for times in (1, 2):
        list(replay(line.settings, open_letters(line), spoiling))
        line.drain()
        (letter,) = open_letters(line)
        assert (letter.original, letter.replays) == (original, times)
        assert "Invalid JSON" in letter.reason
        assert line.audit().fates == {Fate.DEAD: 1}
    list(replay(line.settings, open_letters(line), filter_command(MENDING)))
    line.drain()
    assert list(open_letters(line)) == []
    account = line.audit()
    assert account.holds, account
    assert account.fates == {Fate.INDEXED: 1}


@pytest.mark.stack
def test_a_record_that_only_says_it_was_put_back_has_a_letter_of_its_own(line: Line) -> None:
    genuine = line.post("genuine")
    line.send(genuine)
    (place,) = [
        f"{COLLECTED.name}-{n}-{one.end - 1}"
        for n, one in offsets.reach(line.settings, COLLECTED, "classifier").items()
        if one.lag
    ]
    forged = (("crawl", line.crawl.encode()), (REPLAY_HEADER, f"{place} 1".encode()))
    with KafkaWriter(line.settings) as writer:
        bad = [Outgoing(f"x:{n}-{line.crawl}", BROKEN, headers=forged) for n in range(3)]
        assert not writer.write(COLLECTED, bad)
    line.drain()
    assert len(list(open_letters(line))) == 3
    assert line.audit().fates == {Fate.INDEXED: 1, Fate.DEAD: 3}
    # Nor do they answer for the genuine one, should that be lost.
    line.client.delete(index="emotions-v1-2026.03", id=genuine.key)
    assert line.audit().fates == {Fate.LOST: 1, Fate.DEAD: 3}


@pytest.mark.stack
def test_a_record_without_a_value_goes_back_without_one(line: Line) -> None:
    with KafkaWriter(line.settings) as writer:
        assert not writer.write(COLLECTED, [Outgoing("x:none", None, line.crawl)])
    line.drain()
    (letter,) = open_letters(line)
    assert (letter.original, letter.stub().original, letter.whole) == (None, None, True)
    assert "no value at all (null)" in "\n".join(workbench.described(letter))
    list(replay(line.settings, [letter]))
    reach = offsets.reach(line.settings, COLLECTED, "classifier")
    (place,) = [(COLLECTED.name, n, one.end - 1) for n, one in reach.items() if one.lag]
    (back,) = offsets.fetch(line.settings, [place])
    assert back is not None
    assert (back.key, back.value) == (b"x:none", None)


@pytest.mark.stack
def test_a_replayed_record_that_the_station_loses_is_lost_whatever_its_old_letter_says(
    line: Line,
) -> None:
    line.send(BROKEN, key="x:1")
    line.drain()
    list(replay(line.settings, open_letters(line)))
    skip(line.settings, COLLECTED.name, "classifier")  # commits without having read
    assert line.audit().fates == {Fate.LOST: 1}


@pytest.mark.stack
def test_what_a_letter_cannot_keep_is_fetched_from_the_topic_while_that_holds_it(
    line: Line,
) -> None:
    noise = random.Random(7).randbytes(MAX_ORIGINAL + 100_000)
    headers = (("binary", b"\xff\x00"), ("crawl", line.crawl.encode()))
    with KafkaWriter(line.settings) as writer:
        assert not writer.write(COLLECTED, [Outgoing(b"\xfe key", noise, headers=headers)])
    line.drain()
    (letter,) = letters_of(line)
    assert (letter.whole, letter.original_size) == (False, len(noise))
    assert len(letter.original or b"") == MAX_ORIGINAL
    list(replay(line.settings, [letter]))
    reach = offsets.reach(line.settings, COLLECTED, "classifier")
    (place,) = [(COLLECTED.name, n, one.end - 1) for n, one in reach.items() if one.lag]
    (back,) = offsets.fetch(line.settings, [place])
    assert back is not None
    assert (back.key, back.value) == (b"\xfe key", noise)
    assert back.headers[:2] == headers
    assert back.replay_of == (letter.source.place, 1)
    admin = KafkaAdminClient(**connection(line.settings))
    try:
        admin.delete_records({TopicPartition(*place[:2]): reach[place[1]].end})
    finally:
        admin.close()
    (left,) = replay(line.settings, [letter])
    assert isinstance(left, Left)
    assert (
        left.reason
        == "600,000 bytes were too many to keep, and posts.collected does not hold them any more"
    )


@pytest.mark.stack
def test_no_letter_can_write_to_a_topic_that_is_not_of_the_line(line: Line) -> None:
    source = Source(topic="__consumer_offsets", partition=0, offset=0)
    letter = dead_letter("classifier", "receiving", "bad", source, b"{}", crawl=line.crawl)
    (left,) = replay(line.settings, [letter])
    assert isinstance(left, Left)
    assert "not one of the line's" in left.reason


@pytest.mark.stack
def test_what_ingest_could_not_read_is_read_after_a_mend_in_its_own_crawl(line: Line) -> None:
    raw = encode(line.post("1")).replace(b'"text"', b'"bogus":1,"text"')
    source = Source(file="posts.ndjson", line=3)
    whole = dead_letter("ingest", "receiving", "no known shape", source, raw, crawl=line.crawl)
    elsewhere = Source(file="posts.ndjson", line=4)
    junk = dead_letter("ingest", "receiving", "not JSON", elsewhere, b"junk", crawl=line.crawl)
    with KafkaWriter(line.settings) as writer:
        KafkaDeadLetters(writer).write([whole, junk])
    first = list(ingest.replay(line.settings, open_letters(line)))
    assert [isinstance(one, Left) for one in first] == [True, True]
    assert {one.replays for one in letters_of(line)} == {1}
    assert {one.original for one in letters_of(line)} == {raw, b"junk"}
    again = list(ingest.replay(line.settings, open_letters(line), filter_command(MENDING)))
    assert sorted(isinstance(one, Left) for one in again) == [False, True]
    (rest,) = open_letters(line)
    assert rest.original == b"junk"
    line.drain()
    account = line.audit()
    assert account.fates == {Fate.INDEXED: 1}
    assert account.of_inputs == 2


@pytest.mark.stack
def test_the_commands_list_show_and_replay(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workbench, "load_settings", lambda: line.settings)
    line.send(BROKEN, BROKEN, b'{"kind": "?"}', key="x:1")
    line.drain()

    def command(*words: str) -> tuple[int, str]:
        parser = ArgumentParser()
        workbench.add_command(parser.add_subparsers())
        arguments = parser.parse_args(["dead-letters", *words])
        return arguments.run(arguments), capsys.readouterr().out

    code, said = command("list", "--crawl", line.crawl)
    assert code == 0
    commonest, _times, rarer, times, total = said.splitlines()
    assert commonest.startswith("      2  classifier, receiving: post.native_id: Field required")
    assert rarer.startswith("      1  classifier, receiving: kind: must be 'post'")
    assert total.startswith("3 dead letters; 0 more")
    code, said = command("show", times.split()[-1][:8])
    assert "reason     kind: must be 'post'" in said
    assert said.endswith('  {"kind": "?"}\n')
    with pytest.raises(UserError, match="which"):
        command("replay")
    code, said = command("replay", "--cause", "kind: must be", "--crawl", line.crawl, "--dry-run")
    assert (code, said.count("\n")) == (0, 1)
    code, said = command("replay", "--cause", "kind: must be", "--crawl", line.crawl)
    assert (code, said) == (0, "1 replayed, 0 left\n")
    for more in ((), ("--dry-run",)):
        code, said = command("replay", "--cause", "kind: must be", "--crawl", line.crawl, *more)
        assert code == 1
        assert said.startswith("no letter matches")
    code, said = command("list", "--crawl", line.crawl)
    assert "2 dead letters; 1 more were replayed" in said
    with pytest.raises(UserError, match=r"no letter on .* has an id"):
        command("show", "ffffffffffff")


def letter(original: bytes, **changes: object) -> DeadLetter:
    source = Source(topic="posts.collected", partition=0, offset=7)
    made = dead_letter("classifier", "receiving", "bad 12", source, original, original_key="x:1")
    return made.model_copy(update=changes)


def test_a_hostile_text_cannot_drive_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07\r\u202eevil\x9b2J\nreason     fine"
    shown = "\n".join(workbench.described(letter(hostile.encode(), headers={"h\x1b": "\x1b[2J"})))
    assert not set(shown) & {"\x1b", "\x07", "\r", "\u202e", "\x9b"}
    assert "\\u{1b}]0;owned\\u{7}\\u{d}\\u{202e}evil\\u{9b}2J" in shown
    # What looks like a row of ours is set in.
    assert "\n  reason     fine" in shown


def test_bytes_that_are_no_text_are_shown_as_numbers() -> None:
    shown = list(workbench.described(letter(b"\xff\xfe\x1bA" + bytes(9000))))
    assert shown[-2].startswith("  00000ff0  00 00")
    assert "  00000000  ff fe 1b 41 00" in "\n".join(shown)
    assert shown[-1] == "  and 4,908 bytes more"


def test_letters_are_chosen_by_id_cause_station_and_crawl() -> None:
    one = letter(b"{}", crawl="c")
    assert cause_of(one) == "classifier, receiving: bad N"
    for chosen in (
        Choice(),
        Choice(ids=(id_of(one)[:4],)),
        Choice(cause="receiving: bad N"),
        Choice(cause="bad 12"),
        Choice(station="classifier", crawl="c"),
    ):
        assert chosen(one)
        assert not replace(chosen, crawl="other")(one)
    replayed = one.model_copy(update={"replayed_at": one.failed_at})
    assert not Choice()(replayed)
    assert Choice(again=True)(replayed)


def test_a_fix_that_fails_leaves_the_letter_and_one_that_is_none_is_one_line() -> None:
    python = shlex.quote(sys.executable)
    assert filter_command("cat")(b"a\nb") == b"a\nb"
    for command, reason in (
        (f"{python} -c 'raise SystemExit(3)'", "exit code 3"),
        (f"{python} -c pass", "wrote nothing"),
    ):
        with pytest.raises(Unmendable, match=reason):
            filter_command(command)(b"SECRET")
    for command in ("no-such-program-anywhere", "", "'"):
        with pytest.raises(UserError, match=r"^--fix: "):
            filter_command(command)(b"")


def test_a_fix_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "FIX_SECONDS", 0.2)
    with pytest.raises(Unmendable, match="more than"):
        filter_command("sleep 60")(b"")


def test_every_line_of_a_report_can_be_shown_and_says_how_many_were_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert workbench.report(iter([letter(b""), Left(letter(b""), "gone\x1b")])) == 1
    out = capsys.readouterr().out
    assert "gone\\u{1b}" in out
    assert out.endswith("1 replayed, 1 left\n")
    assert os.linesep in out

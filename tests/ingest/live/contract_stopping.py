"""The contract, on a destination that is slow or away, on ends, and on what nobody may see."""

import gzip
import logging
import signal
import time
from pathlib import Path

import pytest

from ingest.state import State
from stream.errors import Backpressure, UserError
from tests.ingest.doubles import MemoryDestination
from tests.ingest.live.crawler import (
    Child,
    Crawler,
    Fake,
    Ran,
    ids_in,
    memory_of,
    texts,
    wait_for,
)


class Stopping:
    """What Kafka may do to us, and how a crawl ends."""

    def test_a_destination_that_takes_nothing_for_a_while_costs_nothing(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        ids = fake.publish(texts(20))

        def full(nth: int) -> None:
            if nth <= 5:
                raise Backpressure("full")

        ran = crawler.until_seen(ids, destination=MemoryDestination(full))
        assert ran.ids == set(ids)

    @pytest.mark.parametrize("away", [False, True])
    def test_a_destination_that_takes_nothing_stops_the_reading_and_memory_stays_flat(
        self, fake: Fake, crawler: Crawler, tmp_path: Path, away: bool
    ) -> None:
        fake.publish(["long " * 500] * 4000)

        def grown() -> int:
            child = crawler.child(tmp_path / "sent.ndjson", slow=60.0, away=away)
            try:
                time.sleep(0.4)
                before = memory_of(child.pid)
                time.sleep(0.6)
                return memory_of(child.pid) - before
            finally:
                child.signal(signal.SIGKILL)
                child.ended()

        # On a busy machine a process may still be at its start; one without a brake always grows.
        assert any(grown() < 4_000_000 for _attempt in range(3))

    def test_asked_to_stop_it_sends_what_it_has_and_ends_in_ten_seconds(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        ids = fake.publish(texts(20))
        sent = tmp_path / "sent.ndjson"
        child = crawler.child(sent)
        wait_for(lambda: set(ids_in(sent)) >= set(ids))
        assert stopped(child) == 0
        assert set(ids_in(sent)) == set(ids)
        with State.open(crawler.folder, "contract") as state:
            assert state.cursor is not None

    def test_asked_to_stop_while_it_waits_to_ask_again_it_ends_in_ten_seconds(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        for _ in range(20):
            fake.answer_next(503, {"Retry-After": "600"})
        child = crawler.child(tmp_path / "sent.ndjson")
        wait_for(child.waits)
        assert stopped(child) == 0

    def test_asked_to_stop_while_a_request_hangs_it_ends_in_ten_seconds(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        fake.hang()
        child = crawler.child(tmp_path / "sent.ndjson")
        wait_for(child.turns)
        assert stopped(child) == 0

    def test_asked_to_stop_while_kafka_is_away_it_ends_in_ten_seconds_and_loses_nothing(
        self, fake: Fake, crawler: Crawler, tmp_path: Path
    ) -> None:
        ids = fake.publish(texts(20))
        child = crawler.child(tmp_path / "sent.ndjson", away=True)
        wait_for((tmp_path / "sent.asked").exists)
        assert stopped(child) == 2  # and says that the last batch was not sent
        crawler.until_seen(ids)


class WithToken:
    """For a source that has a token or a key."""

    def test_its_token_is_in_no_log_no_output_no_error_and_no_file(
        self,
        fake: Fake,
        crawler: Crawler,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        secret = fake.secret
        assert secret
        first, second = fake.publish(texts(2)), list[str]()
        fake.answer_next(503)

        def broken(ran: Ran) -> bool:
            if not second and ran.ids >= set(first):
                fake.drop_connections()
                fake.malformed()
                second.extend(fake.publish(texts(2, "after")))
            return bool(second) and ran.ids >= {*first, *second}

        ran = crawler.run(broken, archive=tmp_path / "archive")
        said = [str(ran.crawl), str(ran.crawl.report()), *ran.source.plan()]
        for _ in range(5):
            fake.answer_next(401)
        with pytest.raises(UserError) as refused:
            crawler.run()
        said += [str(refused.value), caplog.text, *capfd.readouterr()]
        said += [letter.model_dump_json() for letter in ran.destination.letters]
        said += [record.model_dump_json() for record in ran.destination.records]
        for file in tmp_path.rglob("*"):
            data = file.read_bytes() if file.is_file() else b""
            data = gzip.decompress(data) if file.suffix == ".gz" else data
            said += [str(file), data.decode()]
        assert caplog.text
        assert not [one for one in said if secret in one]


def stopped(child: Child) -> int:
    """Sends SIGTERM, and gives the exit code of a child that ends in ten seconds."""
    child.signal(signal.SIGTERM)
    began = time.monotonic()
    code = child.ended()
    assert time.monotonic() - began < 10
    return code

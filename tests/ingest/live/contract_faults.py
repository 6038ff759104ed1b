"""The contract, on platforms that fail, refuse, break off, fall silent or talk nonsense."""

import pytest

from stream.errors import UserError
from tests.ingest.live.crawler import Crawler, Fake, Ran, texts


class Faults:
    """What a platform may do to us."""

    @pytest.mark.parametrize("status", [420, 429, 500, 503])
    def test_a_platform_that_is_busy_is_left_alone_for_a_while(
        self, fake: Fake, crawler: Crawler, status: int
    ) -> None:
        ids = fake.publish(texts(2))
        for _ in range(3):
            fake.answer_next(status)
        ran = crawler.until_seen(ids)
        assert ran.waited > 0
        assert ran.ids == set(ids)

    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_is_honoured(self, fake: Fake, crawler: Crawler, status: int) -> None:
        ids = fake.publish(texts(2))
        fake.answer_next(status, {"Retry-After": "77"})
        assert crawler.until_seen(ids).waited >= 77

    def test_why_it_waits_is_told(self, fake: Fake, crawler: Crawler) -> None:
        fake.publish(texts(1))
        fake.answer_next(503)
        told: list[str] = []

        def waiting(ran: Ran) -> bool:
            told.append(ran.crawl.watched.waiting)
            return bool(told[-1])

        crawler.run(waiting)
        assert "\n" not in told[-1]

    def test_a_broken_connection_is_made_again_and_nothing_is_missing(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        first = fake.publish(texts(3))
        second: list[str] = []

        def broken(ran: Ran) -> bool:
            if not second and ran.ids >= set(first):
                fake.drop_connections()
                second.extend(fake.publish(texts(3, "after")))
            return bool(second) and ran.ids >= {*first, *second}

        assert crawler.run(broken).ids == {*first, *second}

    def test_a_silent_stall_is_noticed(self, fake: Fake, crawler: Crawler) -> None:
        first = fake.publish(texts(3))
        second: list[str] = []

        def stalled(ran: Ran) -> bool:
            if not second and ran.ids >= set(first):
                fake.stall()
                second.extend(fake.publish(texts(3, "after")))
            return bool(second) and ran.ids >= {*first, *second}

        asked = len(fake.requests)
        assert crawler.run(stalled).ids == {*first, *second}
        assert len(fake.requests) >= asked + 2

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_is_one_clear_line(self, fake: Fake, crawler: Crawler, status: int) -> None:
        fake.publish(texts(1))
        for _ in range(5):
            fake.answer_next(status)
        with pytest.raises(UserError) as refused:
            crawler.run(seconds=3600)
        assert len(str(refused.value).splitlines()) == 1
        assert str(status) in str(refused.value) or "EMOSTREAM_" in str(refused.value)

    def test_a_malformed_item_is_a_dead_letter_and_the_stream_goes_on(
        self, fake: Fake, crawler: Crawler
    ) -> None:
        first = fake.publish(texts(2))
        fake.malformed()
        second = fake.publish(texts(2, "after"))
        ran = crawler.run(
            lambda ran: ran.ids >= {*first, *second} and bool(ran.destination.letters)
        )
        assert ran.ids == {*first, *second}
        letter = ran.destination.letters[0]
        assert letter.original
        assert letter.source.file
        assert letter.crawl == "c1"
        assert not any(text in letter.reason for text in texts(2))

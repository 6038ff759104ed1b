"""The whole line under one roof: servers, and workers that die and are started again."""

import contextlib
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from stack import Stack, running
from tests import forks
from tests.chaos import looking, oracle
from tests.chaos.inputs import Inputs

SETTLED_WITHIN = 60.0
STOPPED_WITHIN = 20.0
AUDITED_WITHIN = 60.0
MOST_DEATHS = 20
SETTINGS = {
    "EMOSTREAM_SESSION_SECONDS": "1",
    # Small batches and requests, so that there are many moments to die in.
    "EMOSTREAM_BATCH_RECORDS": "25",
    "EMOSTREAM_BULK_ACTIONS": "10",
    "EMOSTREAM_BULK_SECONDS": "0.02",
    "EMOSTREAM_RETRY_SECONDS": "0.2",
}
FROZEN_SECONDS = 1.7
"""Longer than a session: the others have taken over before a frozen worker wakes."""


class Stuck(Exception):
    """The line does not come to rest."""


@dataclass
class Worker:
    """One process of a station, now and whenever it is started again."""

    name: str
    command: str
    arguments: list[str]
    process: Any
    armed: str | None = None
    frozen: bool = False
    ended: int | None = None
    """The exit code of one that has ended in good order."""


@dataclass
class Line:
    """Starts, kills and watches workers; whatever dies is started again, as a supervisor would."""

    stack: Stack
    folder: Path
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    client: str = "auto"
    """What a worker that is started now reads and writes Kafka with; one that runs keeps its own.
    """
    workers: dict[str, Worker] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)
    """How often a worker ended, by what ended it."""

    def start(self, name: str, command: str, *arguments: str, crash_at: str | None = None) -> None:
        """Starts a worker; `crash_at` is where it is to kill itself, the first time."""
        process = self._fork(name, command, arguments, crash_at)
        self.workers[name] = Worker(name, command, list(arguments), process, armed=crash_at)

    def audit(self) -> str:
        """Asks `python -m stream audit`, while the line is at rest; empty if the law holds."""
        process = self._fork("audit", "stream", ("audit",), None)
        process.join(AUDITED_WITHIN)
        process.kill()
        if process.exitcode == 0:
            return ""
        return self.log("audit").read_text(encoding="utf-8")[-2000:] or "no answer"

    def stations(self, workers: int = 1) -> None:
        """Starts the workers that are missing."""
        for command in ("classifier", "indexer"):
            for number in range(1, workers + 1):
                if f"{command}-{number}" not in self.workers:
                    self.start(f"{command}-{number}", command, "run")

    def kill(self, name: str) -> None:
        """Ends a worker as kill -9 does."""
        worker = self.workers.pop(name, None)
        if worker is not None:
            worker.process.kill()
            worker.process.join()
            self.deaths["kill -9"] += 1

    def stop(self, *names: str) -> None:
        """Asks workers to stop and waits until they have."""
        asked = [self.workers.pop(name) for name in names if name in self.workers]
        for worker in asked:
            self._wake(worker)
            worker.process.terminate()
        for worker in asked:
            worker.process.join(STOPPED_WITHIN)
            if worker.process.exitcode is None:
                worker.process.kill()
                raise Stuck(f"{worker.name} did not stop: {self.log(worker.name)}")

    def freeze(self, name: str) -> None:
        """Stops a worker's clock, so that it knows nothing of what happens meanwhile."""
        if worker := self.workers.get(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGSTOP)
            worker.frozen = True

    def thaw(self, name: str) -> None:
        """Lets a frozen worker go on where it was."""
        if worker := self.workers.get(name):
            self._wake(worker)

    def restart(self, server: str) -> None:
        """Kills a server as kill -9 does, and starts it again on its data."""
        self.stack.kill(server)
        self.deaths[f"kill -9 {server}"] += 1
        self.stack.start(server)

    def watch(self) -> None:
        """Starts again whatever has died; what has ended in good order stays so."""
        for worker in list(self.workers.values()):
            code = worker.process.exitcode
            if code is None or worker.ended is not None:
                continue
            if code == 0:
                worker.ended = code
                continue
            crashed = worker.armed if code == -signal.SIGKILL else None
            cause = f"at {crashed}" if crashed else f"{worker.name} exit {code}"
            self.deaths[cause] += 1
            if self.deaths[cause] > MOST_DEATHS:
                raise Stuck(f"{worker.name} ends again and again: {self.log(worker.name)}")
            self.start(worker.name, worker.command, *worker.arguments)

    def wait(self, done: Callable[[], bool], what: str, seconds: float = SETTLED_WITHIN) -> None:
        """Watches until something is so; raises Stuck where it does not get so."""
        deadline = time.monotonic() + seconds
        while not done():
            self.watch()
            if time.monotonic() > deadline:
                raise Stuck(f"{what}: not within {seconds:g} s, see {self.folder}")
            time.sleep(0.02)

    def ended(self, name: str) -> bool:
        """Whether a worker has ended in good order."""
        return self.workers[name].ended is not None

    def settle(self) -> None:
        """Waits until every group has committed everything, and no sleeper can write any more."""
        slept = [one for one in self.workers.values() if one.frozen]
        self.stop(*[one.name for one in slept])
        for one in slept:
            self.start(one.name, one.command, *one.arguments)
        with looking.lags(self.stack) as lag:
            try:
                self.wait(lambda: not any(lag().values()), "the line is not at rest")
            except Stuck as stuck:
                raise Stuck(f"{stuck}: {lag()} to commit") from None

    def violations(self, inputs: Inputs) -> list[str]:
        """Compares what is there with what the oracle says must be; the line is at rest."""
        from tests.chaos.stations import PREDICTOR

        wanted = oracle.expected(inputs)
        oracle.label(wanted, PREDICTOR)
        found = looking.state(self.stack, inputs.crawl)
        wrong = list(oracle.violations(wanted, found))
        told = {
            looking.place(one, one["source"]) for one in looking.letters(self.stack, inputs.crawl)
        }
        if told != looking.indexed_letters(self.stack, inputs.crawl):
            wrong.append("the dead letters in the index are not those of the topic")
        return wrong

    def ingest(self, inputs: Inputs, rate: int, *, live: bool, crash_at: str | None = None) -> None:
        """Starts the station that sends the inputs: a replay, or a crawl that remembers."""
        file = self.folder / f"{inputs.crawl}.ndjson"
        file.write_bytes(b"\n".join(one.data for one in inputs.ingest) + b"\n")
        flags = ["--crawl", inputs.crawl, "--rate", str(rate)]
        command = ["replay", str(file)]
        if live:
            archive = str(self.folder / "archive")
            command = ["lines", "--file", str(file), "--name", inputs.crawl, "--archive", archive]
        self.start("ingest", "ingest", *command, *flags, crash_at=crash_at)

    def intrude(self, inputs: Inputs) -> None:
        """Puts records on the topics that are none."""
        producer = KafkaProducer(bootstrap_servers=self.stack.kafka)
        headers = [("crawl", inputs.crawl.encode())]
        for topic, values in (
            ("posts.collected", inputs.collected),
            ("posts.classified", inputs.classified),
        ):
            for value in values:
                producer.send(topic, value=value, headers=headers).get(timeout=30)
        producer.close()

    def log(self, name: str) -> Path:
        """Where a worker writes what it has to say."""
        return self.folder / f"{name}.log"

    def _fork(self, name: str, command: str, arguments: Sequence[str], crash_at: str | None) -> Any:
        environment = self.settings | {
            "EMOSTREAM_KAFKA": self.stack.kafka,
            "EMOSTREAM_ELASTICSEARCH": self.stack.elasticsearch,
            "EMOSTREAM_KAFKA_CLIENT": self.client,
            "EMOSTREAM_STATE_DIR": str(self.folder / "state"),
            "EMOSTREAM_CRASH_AT": crash_at or "",
        }
        process = forks.context().Process(
            target=_station, args=(command, arguments, environment, self.log(name)), name=name
        )
        process.start()
        return process

    def _wake(self, worker: Worker) -> None:
        if worker.frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def line(folder: Path, stack: Stack | None = None) -> Iterator[Line]:
    """A line without workers, on a stack of its own or a given one; kills what is left."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "stack", ignore_errors=True)  # an earlier run's records
    with contextlib.ExitStack() as closing:
        made = Line(stack or closing.enter_context(running(folder / "stack")), folder)
        try:
            yield made
        finally:
            for worker in made.workers.values():
                worker.process.kill()
            for worker in made.workers.values():
                worker.process.join()


def _station(*arguments: Any) -> None:
    from tests.chaos import stations

    stations.run(*arguments)

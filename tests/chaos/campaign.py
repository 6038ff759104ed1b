"""One seed: inputs come, the plan's deeds are done, the line comes to rest, the oracle looks."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tests.chaos import inputs
from tests.chaos.line import FROZEN_SECONDS, Line, Stuck
from tests.chaos.plan import POSTS, RATE, STATIONS, WORKERS, Plan, Step, plan


@dataclass
class Result:
    """How one seed ended."""

    seed: int
    client: str
    records: int
    steps: list[str]
    deaths: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        deaths = ", ".join(f"{count} {what}" for what, count in sorted(self.deaths.items()))
        verdict = "the law holds" if not self.violations else "VIOLATED: " + self.violations[0]
        return (
            f"seed {self.seed}: {self.client}, {self.records} records, {self.seconds:.1f} s, "
            f"deaths: {deaths or 'none'}: {verdict}"
        )

    def fields(self) -> dict[str, object]:
        """Gives the result for a JSON file."""
        return asdict(self)


def run(line: Line, seed: int) -> Result:
    """Runs one seed on a line, and leaves the line with healthy workers."""
    began = time.monotonic()
    todo, given = plan(seed), inputs.make(f"seed-{seed}", POSTS)
    line.deaths.clear()
    line.client = todo.client
    records = len(given.ingest) + len(given.collected) + len(given.classified)
    result = Result(seed, todo.client, records, _told(todo))
    try:
        line.stations(WORKERS)
        line.ingest(given, RATE, live=todo.live, crash_at=todo.ingest_dies_at)
        line.intrude(given)
        _do(line, todo.steps)
        line.wait(lambda: line.ended("ingest"), "ingest has not ended")
        line.settle()
        result.violations = line.violations(given)
    except Stuck as stuck:
        result.violations = [str(stuck)]
    line.stop(*[one.name for one in line.workers.values() if one.armed or one.frozen])
    line.workers.pop("ingest", None)
    result.deaths = dict(line.deaths)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _told(todo: Plan) -> list[str]:
    feed = "crawl" if todo.live else "replay"
    dies = f", dies at {todo.ingest_dies_at}" if todo.ingest_dies_at else ""
    return [feed + dies, *map(str, todo.steps)]


def _do(line: Line, steps: Sequence[Step]) -> None:
    """Does each deed at its time; a frozen worker wakes when its session is over."""
    began = time.monotonic()
    waking = [
        Step(one.at + FROZEN_SECONDS, "thaw", one.whom) for one in steps if one.deed == "freeze"
    ]
    for step in sorted([*steps, *waking], key=lambda one: one.at):
        while time.monotonic() - began < step.at:
            line.watch()
            time.sleep(0.01)
        _deed(line, step)


def _deed(line: Line, step: Step) -> None:
    station = step.whom.partition("-")[0]
    match step.deed:
        case "kafka" | "elasticsearch":
            line.restart(step.deed)
        case "freeze":
            line.freeze(step.whom)
        case "thaw":
            line.thaw(step.whom)
        case "join" if step.whom not in line.workers:
            line.start(step.whom, station, "run")
        case "leave":
            line.stop(step.whom)
        case "kill" | "crash":
            assert station in STATIONS
            line.kill(step.whom)
            line.start(step.whom, station, "run", crash_at=step.where)

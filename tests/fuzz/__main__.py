"""`python -m tests.fuzz TARGET --seconds N`: looks for inputs that make a decoder fail.

Coverage-guided (atheris, extra `fuzz`), from the inputs kept in `tests/fuzz/corpus/TARGET`. What
reaches something new is written to a folder, what fails too (`failed-…`): mend the decoder, and
keep the input in the corpus, which `make test` replays.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
OURS = ["stream", "ingest", "classifier", "indexer", "kibana", "stack"]
LONGEST = 20_000
SLOWEST = 5


def main() -> None:
    """Fuzzes one target until the time is up or an input fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", help="one of tests/fuzz/targets.py, or `list`")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--found", type=Path, help="folder for inputs that reach something new")
    arguments = parser.parse_args()
    if arguments.target == "list":
        print("\n".join(sorted(folder.name for folder in CORPUS.iterdir())))
        return
    try:
        import atheris
    except ImportError:
        sys.exit("error: atheris is not installed: pip install -c constraints.txt -e '.[fuzz]'")
    with atheris.instrument_imports(include=OURS, enable_loader_override=False):
        from tests.fuzz.targets import TARGETS
    if arguments.target not in TARGETS:
        sys.exit(f"error: no target {arguments.target}: `list` names them")
    _run(atheris, TARGETS[arguments.target], arguments)


def _run(atheris: Any, target: Any, arguments: argparse.Namespace) -> None:
    from tests.fuzz.mutating import mutated

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return mutated(data, most, seed, lambda old, size: atheris.Mutate(old, size))

    found = arguments.found or Path(tempfile.mkdtemp(prefix="emostream-found-"))
    found.mkdir(parents=True, exist_ok=True)
    kept = CORPUS / arguments.target
    kept.mkdir(parents=True, exist_ok=True)
    options = (
        f"-max_total_time={arguments.seconds}",
        f"-seed={arguments.seed}",
        f"-max_len={LONGEST}",
        f"-timeout={SLOWEST}",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={found}/failed-",
        "-print_final_stats=1",
    )
    atheris.Setup([sys.argv[0], *options, str(found), str(kept)], target, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""`python -m stream`: the topics, the settings, the records' schemas, a station's health."""

import argparse
import json
from pathlib import Path

from stream import broker, health, rewind, schemas, settings, topics
from stream.audit import command as audit
from stream.cli import entry
from stream.doctor import command as doctor
from stream.errors import UserError
from stream.workbench import command as workbench


def main() -> int:
    """Parses the command line and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m stream", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("topics", help="create the topics that are missing and list them all")
    commands.add_parser("config", help="print every setting with its value, secrets masked")
    commands.add_parser(
        "health", help="exit code 0 if the station with the same EMOSTREAM_HEALTH_DIR is alive"
    )
    write = commands.add_parser("schemas", help="write the JSON Schema of each record")
    write.add_argument("folder", type=Path, nargs="?", default=schemas.FOLDER)
    audit.add_command(commands)
    rewind.add_command(commands)
    workbench.add_command(commands)
    doctor.add_command(commands)
    arguments = parser.parse_args()
    if run := getattr(arguments, "run", None):
        code: int = run(arguments)
        return code
    if arguments.command == "topics":
        return _topics()
    if arguments.command == "config":
        return _config()
    if arguments.command == "health":
        return _health()
    return _schemas(arguments.folder)


def _topics() -> int:
    loaded = settings.load_settings()
    created = broker.create_topics(loaded)
    for topic in topics.TOPICS:
        number = topic.wanted(loaded.partitions)
        state = f"created, {number} partitions" if topic.name in created else "present"
        print(f"{topic.name:18} {state:23} {topic.holds}")
    return 0


def _config() -> int:
    for variable, value, meaning in settings.described(settings.load_settings()):
        print(f"{variable}={value}  # {meaning}")
    for variable in settings.unknown_variables():
        print(f"# {variable} is set but is no setting of ours: a typing error?")
    return 0


def _health() -> int:
    folder = settings.load_settings().health_dir
    if folder is None:
        raise UserError("EMOSTREAM_HEALTH_DIR is not set: a station touches its files there")
    alive, sentence = health.verdict(folder)
    print(sentence)
    return 0 if alive else 1


def _schemas(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.generate().items():
        text = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    entry(main)

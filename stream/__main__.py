"""`python -m stream`: the topics, the settings, the records' schemas."""

import argparse
import json
from pathlib import Path

from stream import broker, schemas, settings, topics
from stream.cli import entry


def main() -> int:
    """Parses the command line and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m stream", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("topics", help="create the topics that are missing and list them all")
    commands.add_parser("config", help="print every setting with its value, secrets masked")
    write = commands.add_parser("schemas", help="write the JSON Schema of each record")
    write.add_argument("folder", type=Path, nargs="?", default=schemas.FOLDER)
    arguments = parser.parse_args()
    if arguments.command == "topics":
        return _topics()
    if arguments.command == "config":
        return _config()
    return _schemas(arguments.folder)


def _topics() -> int:
    created = broker.create_topics(settings.load_settings())
    for topic in topics.TOPICS:
        state = "created" if topic.name in created else "present"
        print(f"{topic.name:18} {topic.partitions} partitions  {state}  {topic.holds}")
    return 0


def _config() -> int:
    for variable, value, meaning in settings.described(settings.load_settings()):
        print(f"{variable}={value}  # {meaning}")
    for variable in settings.unknown_variables():
        print(f"# {variable} is set but is no setting of ours: a typing error?")
    return 0


def _schemas(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.generate().items():
        text = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    entry(main)

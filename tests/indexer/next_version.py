"""The indexer as its next version will be: another family, a mapping no month of today takes on.

    python -m tests.indexer.next_version TEMPLATES COMMAND...

`TEMPLATES` is a folder that `write_templates` has filled; commands are those of `python -m indexer`
and two of the test's own: `post ID...`, `slowly migrate`.
"""

import copy
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import orjson

from indexer import documents, fields

PREFIX = "emotions-v2-"
OLD = "emotions-v1"


def write_templates(folder: Path) -> None:
    """Writes today's templates, with `suggestion` as an object in place of a number."""
    from indexer import templates

    for file in templates.FOLDER.glob("*.json"):
        body: dict[str, Any] = orjson.loads(file.read_bytes())
        if file.stem == f"{OLD}@mappings":
            ours = body["template"]["mappings"]["properties"]["emostream"]["properties"]
            ours["suggestion"] = {
                "properties": {"probability": {"type": "float"}, "given": {"type": "boolean"}}
            }
        text = orjson.dumps(body).decode().replace(OLD, PREFIX.removesuffix("-"))
        name = file.name.replace(OLD, PREFIX.removesuffix("-"))
        (folder / name).write_text(text, encoding="utf-8")


def upgraded(fields: dict[str, Any]) -> dict[str, Any]:
    """What the maintainer of the next version writes: one function from document to document."""
    after = copy.deepcopy(fields)
    probability = after["emostream"].pop("suggestion", None)
    if probability is not None:
        given = probability >= 0.4
        after["emostream"]["suggestion"] = {"probability": probability, "given": given}
    return after


def become_next_version(folder: Path) -> None:
    """Changes what a maintainer would change, before any other module has read it."""
    documents.PREFIX = PREFIX
    documents.FAMILY = PREFIX.removesuffix("-")
    written = fields.body
    fields.body = lambda *given: orjson.dumps(upgraded(orjson.loads(written(*given))))
    from indexer import migration, templates

    templates.FOLDER = folder
    migration.TRANSFORMS[OLD, documents.FAMILY] = upgraded


def post(ids: Sequence[str]) -> None:
    """Writes posts as the next version's station does."""
    from indexer import templates
    from indexer.sink import ElasticsearchSink
    from stream.elastic import connect
    from stream.settings import load_settings
    from tests.indexer.records import LIMITS, classified, items

    with connect(load_settings()) as client:
        templates.ensure(client)
        posts = [classified(one) for one in ids]
        assert not ElasticsearchSink(client, LIMITS, Event()).write(items(*posts))


def slowly() -> None:
    """Copies 100 posts at a time, with a breath between, so that there is time to kill it."""
    from indexer import copying
    from indexer.bulk import Bulk

    copying.PAGE = 100
    send = Bulk.send

    def breathing(self: Bulk, actions: Iterable[bytes]) -> Any:
        time.sleep(0.02)
        return send(self, actions)

    Bulk.send = breathing  # type: ignore[method-assign]


def main() -> None:
    folder, *command = sys.argv[1:]
    become_next_version(Path(folder))
    if command[0] == "post":
        post(command[1:])
        return
    if command[0] == "slowly":
        slowly()
        del command[0]
    sys.argv = ["python -m indexer", *command]
    from indexer import __main__ as indexer
    from stream import cli

    cli.entry(indexer.main)


if __name__ == "__main__":
    main()

"""A recogniser of one's own, as docs/entities.md shows one."""

from collections.abc import Collection, Sequence

from stream.posts import Entity


class Shouting:
    """Takes every word in capitals for an organisation."""

    name = "shouting@1"
    languages: Collection[str] = ()

    def recognise(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        return [
            tuple(Entity(type="Organization", text=word) for word in text.split() if word.isupper())
            for text in texts
        ]


class Failing(Shouting):
    """Cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no weights")


def one_language() -> Shouting:
    """Makes one whose languages are a string."""
    made = Shouting()
    made.languages = "en"
    return made


def nameless() -> Shouting:
    """Makes one without a name."""
    made = Shouting()
    made.name = ""
    return made


settings = {"no": "recogniser"}

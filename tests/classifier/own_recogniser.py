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


settings = {"no": "recogniser"}

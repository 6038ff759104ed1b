"""One page of HTML that needs nothing beside itself, and in which every text is inert."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; }
img, svg { max-width: 100%; height: auto; } p, td:last-child { overflow-wrap: anywhere; }
small { color: #595959; } pre { overflow-x: auto; padding: .6rem; background: #f4f4f4; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .2rem .9rem .2rem 0;
  vertical-align: top; }
td { min-width: 6rem; } nav a { margin-right: 1rem; } .quiet { color: #595959; }
.numbers { display: block; overflow-x: auto; } .numbers small { display: block; }
.numbers :is(th, td) { text-align: right; white-space: nowrap; min-width: 0; }
.numbers :is(th, td):first-child { text-align: left; }
.heat span { padding: .1rem .15rem; border-radius: .2rem; }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass
class Page:
    """A title and its sections; `escape` every text that goes into one."""

    title: str
    about: str
    parts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, title: str, *content: str) -> None:
        """Adds a section of HTML."""
        self.parts.append((title, "\n".join(content)))

    def html(self) -> str:
        """The page."""
        names = [f"part-{number}" for number in range(len(self.parts))]
        links = "".join(
            f'<a href="#{name}">{escape(title)}</a>'
            for name, (title, _) in zip(names, self.parts, strict=True)
        )
        sections = "\n".join(
            f'<section id="{name}"><h2>{escape(title)}</h2>\n{content}</section>'
            for name, (title, content) in zip(names, self.parts, strict=True)
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(self.title)}</title><style>{STYLE}</style></head>\n"
            f"<body><h1>{escape(self.title)}</h1><p>{escape(self.about)}</p>"
            f"<nav>{links}</nav>\n{sections}\n</body></html>\n"
        )


def escape(text: str) -> str:
    """A text that is no HTML, whatever it holds; nor turns the writing round."""
    return f"<bdi>{html.escape(text)}</bdi>" if not text.isascii() else html.escape(text)


def image(content: bytes, title: str) -> str:
    """A PNG, inside the page."""
    encoded = base64.b64encode(content).decode()
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{encoded}">'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph."""
    return f"<p{f' class={kind!r}' if kind else ''}>{escape(text)}</p>"


def points(lines: Sequence[str]) -> str:
    """A list."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def code(text: str) -> str:
    """A text as it is typed."""
    return f"<pre>{escape(text)}</pre>"


def rows(headings: Sequence[str], lines: Sequence[Sequence[str]], kind: str = "") -> str:
    """A table; its cells are HTML already."""
    head = "".join(f"<th>{escape(one)}</th>" for one in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in lines)
    return f"<table{f' class={kind!r}' if kind else ''}><tr>{head}</tr>{body}</table>"


def heat(tokens: Sequence[str], weights: Sequence[float]) -> str:
    """Tokens on a ground that says what each weighs: warm for, cold against."""
    most = max((abs(weight) for weight in weights), default=0.0) or 1.0
    marked = []
    for token, weight in zip(tokens, weights, strict=False):
        tint = (
            f"rgba({'232,120,48' if weight > 0 else '72,130,200'},{0.75 * abs(weight) / most:.2f})"
        )
        marked.append(
            f'<span style="background:{tint}" title="{weight:+.2f}">{escape(token)}</span>'
        )
    return f'<span class="heat">{" ".join(marked)}</span>'

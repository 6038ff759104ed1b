"""Errors as `application/problem+json` (RFC 9457): what is wrong, in which field, what to do."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response

MOST = 20
"""Fields that one answer names."""

LONGEST = 60
"""Characters of a name that is told again."""

KINDS = re.compile(r"constrained-\w+|dict\[.*|\[key\]", re.DOTALL)
"""What pydantic puts into the path of a field for each kind that it may be of."""

TITLES = {
    400: "Bad request",
    401: "Unauthorised",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    413: "Too large",
    415: "Unsupported media type",
    421: "Misdirected",
    422: "Not what the API takes",
    429: "Too many requests",
    500: "Our fault",
    503: "Not now",
}


class Problem(Exception):
    """A request that cannot be answered, as it is told to whoever asked."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: ValidationError) -> "Problem":
        """Names the fields that are wrong, without quoting what they hold."""
        found = error.errors(include_url=False, include_input=False, include_context=False)
        named = [(_field(one), one) for one in found[:MOST]]
        # Where a field may be of several kinds, only what is said of the kind it is most like.
        inner = {field.rpartition(".")[0] for field, _one in named}
        right = {field for field, one in named if not one["type"].endswith("_type")}
        errors = [
            {"field": field, "detail": one["msg"].removeprefix("Value error, ")}
            for field, one in named
            if field not in inner and not (field in right and one["type"].endswith("_type"))
        ]
        if any(one["type"] == "json_invalid" for one in found):
            return cls(400, "the body is not JSON", errors)
        names = ", ".join(dict.fromkeys(one["field"] for one in errors))
        return cls(422, f"wrong: {names}", errors)

    def response(self) -> Response:
        """The answer."""
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": TITLES.get(self.status, "Problem"),
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = list(self.errors)
        return Response(
            orjson.dumps(content), self.status, self.headers, "application/problem+json"
        )


def _field(error: ErrorDetails) -> str:
    first, *rest = error["loc"] or ("body",)
    parts = [first, *(part for part in rest if not KINDS.fullmatch(str(part)))]
    return ".".join(str(part)[:LONGEST] for part in parts) or "body"

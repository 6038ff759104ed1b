"""Kibana over HTTP: one request, and what a failed one means."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from stream.errors import UserError
from stream.settings import Settings

SECONDS = 60.0
SHOWN = 300
"""Characters of Kibana's own words that a message repeats."""

ADVICE = {
    401: "set EMOSTREAM_KIBANA_USERNAME and EMOSTREAM_KIBANA_PASSWORD",
    403: "this user may not do it: use one that may manage saved objects",
    404: "EMOSTREAM_KIBANA may lack its base path, or name a space that is not there",
    413: "the file is larger than savedObjects.maxImportPayloadBytes allows",
    422: "update Kibana to 9.0 or newer",
    500: "Kibana tells the reason only in its own log",
}


class NotReady(Exception):
    """Kibana does not answer yet, or says that it cannot now."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """Gives the body as an object; empty where it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class Kibana:
    """One Kibana, by the settings; nothing is sent before the first request."""

    def __init__(self, settings: Settings) -> None:
        self.address = settings.kibana
        self._headers = {"kbn-xsrf": "emostream"}
        if settings.kibana_username and settings.kibana_password:
            password = settings.kibana_password.get_secret_value()
            login = f"{settings.kibana_username}:{password}"
            self._headers |= urllib3.make_headers(basic_auth=login)
        ca_file = settings.kibana_ca_file
        self._pool = urllib3.PoolManager(
            ca_certs=str(ca_file) if ca_file else None, retries=False, timeout=SECONDS
        )

    def request(
        self,
        method: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Sends one request: `fields` as a form, or `body` as JSON.

        Raises:
            NotReady: nothing answers, or Kibana is still starting.
            UserError: what answers cannot be trusted, or sends us elsewhere.
        """
        try:
            response = self._pool.request(
                method,
                self.address + path,
                headers=self._headers,
                redirect=False,
                **({"fields": fields} if fields else {}),
                **({"json": body} if body else {}),
            )
        except urllib3.exceptions.SSLError as error:
            raise self._untrusted(error) from None
        except urllib3.exceptions.HTTPError as error:
            raise NotReady(
                f"no Kibana answers at {self.address} ({type(error).__name__})"
            ) from None
        if response.status in (502, 503):
            raise NotReady(f"Kibana at {self.address} is not ready ({response.status})")
        if 300 <= response.status < 400:
            raise UserError(
                f"Kibana at {self.address} sends us to {response.headers.get('location')}: "
                "EMOSTREAM_KIBANA needs its base path"
            )
        return Answer(response.status, response.data)

    def refusal(self, answer: Answer, what: str) -> UserError:
        """Makes one line of an answer that is an error."""
        said = str(answer.json().get("message", ""))[:SHOWN].strip()
        ours = "statusCode" in answer.json()  # as in every error of Kibana's own
        otherwise = "see Kibana's log" if ours else "it may be no Kibana: set EMOSTREAM_KIBANA"
        advice = ADVICE.get(answer.status, otherwise)
        return UserError(
            f"Kibana at {self.address} refused {what} ({answer.status}{': ' + said if said else ''}"
            f"): {advice}"
        )

    def _untrusted(self, error: Exception) -> UserError:
        reason = error.args[0] if error.args else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return UserError(
                f"the certificate of Kibana at {self.address} is not trusted "
                f"({reason.verify_message}): EMOSTREAM_KIBANA_CA_FILE names the authority to trust"
            )
        return UserError(f"{self.address} does not speak https: EMOSTREAM_KIBANA may need http://")

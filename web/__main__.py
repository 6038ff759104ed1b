"""`python -m web`: the emotion API and the page, on one port."""

import argparse
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from ssl import Purpose, SSLContext, create_default_context
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from stream.cli import entry, set_up_logs
from stream.errors import UserError
from stream.settings import load_settings
from web import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import Route

    from classifier.predictor import Predictor
    from stream.settings import Settings
    from web.live.view import View

CONNECTIONS = 4000
"""Served at once; beyond them uvicorn answers 503 by itself. The real limits are in bodies.py and
batching.py."""
BACKLOG = 2048
LOOPBACK = ("127.0.0.1", "::1", "localhost")
STOP_SECONDS = 8

logger = logging.getLogger("web")


def main() -> int:
    """Parses the command line and serves until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m web", description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; default: %(default)s"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="0: a free one, which the log names; default: 8000"
    )
    parser.add_argument(
        "--model", type=Path, action="append", metavar="FOLDER",
        help="an artifact; repeat it to offer several, the first answers by default; "
        "default: EMOSTREAM_MODEL, or the shipped one",
    )  # fmt: skip
    parser.add_argument(
        "--certificate", type=Path, metavar="FILE", help="PEM; with it https is spoken"
    )
    parser.add_argument("--certificate-key", type=Path, metavar="FILE", help="PEM, its key")
    parser.add_argument(
        "--new-key", metavar="NAME", help="add a key to the file EMOSTREAM_WEB_KEYS, print it, end"
    )
    parser.add_argument(
        "--reviews", type=Path, metavar="FOLDER",
        help="serve /review, too: people label the most informative posts, into FOLDER",
    )  # fmt: skip
    arguments = parser.parse_args()
    set_up_logs("web")
    if arguments.new_key:
        return _new_key(arguments.new_key)
    return _serve(arguments)


def _serve(options: argparse.Namespace) -> int:
    settings = load_settings()
    if options.reviews and not settings.web_keys and options.host not in LOOPBACK:
        raise UserError(
            f"--reviews on {options.host}: anybody could write reviews; set EMOSTREAM_WEB_KEYS, or"
            " listen on 127.0.0.1"
        )
    tls = _tls(options)
    listening = _listen(options.host, options.port)
    # Not before: it takes seconds, and a port that is taken is said at once.
    from classifier.artifact import SHIPPED
    from web import app
    from web.live.view import View
    from web.models import Models

    folders = options.model or [settings.model or SHIPPED]
    models = Models(folders, settings.threads, settings.thresholds)
    view = View(settings, models.predictors[models.first])
    more = _reviewing(options.reviews, models.predictors[models.first], settings)
    config = uvicorn.Config(
        app.make(models, view, settings, options.host, more),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_context_factory=(lambda _config, _default: tls) if tls else None,
    )
    server = _Server(config, view)
    gc.collect()
    gc.freeze()  # the model need not be looked at again
    for one in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it has stopped, which would be the exit code.
        signal.signal(one, server.ask_to_stop)
    shown = f"[{options.host}]" if ":" in options.host else options.host
    port, scheme = listening.getsockname()[1], "https" if tls else "http"
    logger.info("the page and the API: %s://%s:%d", scheme, shown, port)
    server.run(sockets=[listening])
    return 0


def _reviewing(
    folder: Path | None, predictor: "Predictor", settings: "Settings"
) -> "Sequence[Route]":
    if folder is None:
        return ()
    from web import reviewing

    return reviewing.routes(folder, predictor, settings)


def _tls(options: argparse.Namespace) -> SSLContext | None:
    if options.certificate is None and options.certificate_key is None:
        return None
    if options.certificate is None or options.certificate_key is None:
        raise UserError("--certificate and --certificate-key: give both or none")
    context = create_default_context(Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.certificate, options.certificate_key)
    except OSError as error:
        raise UserError(f"--certificate, --certificate-key: {error.strerror or error}") from None
    return context


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else error
        raise UserError(f"--host {host} --port {port}: {reason}") from None


def _new_key(name: str) -> int:
    file = load_settings().web_keys
    if file is None:
        raise UserError("EMOSTREAM_WEB_KEYS is not set: it names the file that keys are added to")
    sys.stdout.write(keys.new(file, name) + "\n")
    return 0


class _Server(uvicorn.Server):
    """Tells the streams that it stops: it waits for them to end."""

    def __init__(self, config: uvicorn.Config, view: "View") -> None:
        super().__init__(config)
        self._view = view

    def ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        """Stops soon."""
        self._view.closing = self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops soon; the second time at once."""
        self._view.closing = True
        super().handle_exit(sig, frame)


if __name__ == "__main__":
    entry(main)

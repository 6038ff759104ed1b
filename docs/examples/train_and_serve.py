r"""Trains a tiny model and serves it: python docs/examples/train_and_serve.py RUN [PORT].

It needs a data folder (`python -m classifier download`, EMOSTREAM_DATA_DIR). Then ask it:

    curl -s http://127.0.0.1:8001/v1/classify -H 'Content-Type: application/json' \
        -d '{"text": "thank you so much"}'
"""

import sys
from pathlib import Path

import uvicorn

from classifier import making
from classifier.embedding import PretrainConfig
from classifier.training import TrainConfig
from stream.settings import load_settings
from web import app
from web.models import Models


def main(run: Path, port: int) -> None:
    """Makes what is not there yet, and answers until Ctrl-C."""
    data = load_settings().data_dir
    if not (run / "artifact" / "manifest.json").exists():
        # Small enough for a minute; `python -m classifier train` makes one that is worth having.
        making.pretrain(data, run / "embedding", PretrainConfig(dim=32, epochs=1))
        config = TrainConfig(dim=32, hidden=32, subwords=0, epochs=2)
        making.train(data, run, config, run / "embedding", None, "tiny-1", "an example")
    models = Models([run / "artifact"], threads=1, thresholds="balanced")
    uvicorn.run(app.make(models), port=port, ws="none")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8001)

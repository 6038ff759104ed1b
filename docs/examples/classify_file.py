"""How many lines of a file show each emotion: python docs/examples/classify_file.py FILE."""

import sys
from collections import Counter
from pathlib import Path

from classifier.predictor import Predictor
from stream.faces import FACES


def main(file: Path) -> None:
    """Classifies the lines, counts their primary emotions, prints the counts."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    said = Predictor.load().predict(lines)
    counts = Counter(one.primary or "none" for one in said)
    for label, count in counts.most_common():
        print(f"{count:6}  {FACES.get(label, '  ')} {label}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

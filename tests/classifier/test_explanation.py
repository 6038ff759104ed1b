"""Contributions add up to what the model says, and the fast way agrees with the exact one."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from classifier.calibration import Calibration, HeadCalibration, Scale
from classifier.explanation import Hidden, contributions, explain, words_behind
from classifier.heads import HEADS
from classifier.labels import EMOTIONS
from classifier.model import CbowClassifier, ModelConfig
from classifier.network import Network, pack_tensors, unpack_tensors
from classifier.predictor import Predictor
from classifier.text import CAPS, tokenise
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

WORDS = ["not", "good", "so", "happy", "sad", "you", "thank", "!", "?", "😂"]
PHRASES = ["not good", "so happy", "so sad", "thank you", "not so", "not so good"]
SHIPPED = [name for name, head in HEADS.items() if head.ships]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(["<unknown>", CAPS, *WORDS, *PHRASES])


@pytest.fixture(scope="module")
def network(vocabulary: Vocabulary) -> Network:
    """Random weights, hidden units on both sides of zero for the empty text."""
    torch.manual_seed(3)
    labels = sum(len(head.labels) for head in HEADS.values())
    model = CbowClassifier(ModelConfig(len(vocabulary), 16, 24, labels))
    with torch.no_grad():
        model.hidden.bias.normal_(0.0, 0.5)
        model.hidden.bias[:3] = 0.0
    return unpack_tensors(pack_tensors(model)).only(SHIPPED)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    heads = {}
    for number, name in enumerate(SHIPPED):
        size = len(HEADS[name].labels)
        heads[name] = HeadCalibration(Scale(1.0 + number / 4, tuple([0.1 * number] * size)))
    return Calibration(heads)


def made_up(count: int) -> list[str]:
    draw = random.Random(7)
    known = [*WORDS, "zebra", "NOT", "GOOD", "HAPPY", "sad", "so", "not"]
    return ["", "zebra", "...", *(" ".join(draw.choices(known, k=draw.randint(1, 30)))
                                  for _ in range(count))]  # fmt: skip


def test_contributions_and_the_empty_text_sum_to_every_logit(
    network: Network, vocabulary: Vocabulary, calibration: Calibration
) -> None:
    for text in made_up(60):
        bags = vocabulary.bags(tokenise([text]))
        logits = network.logits(torch.from_numpy(bags.ids), torch.from_numpy(bags.offsets))
        for head, where in network.columns.items():
            said = explain(network, vocabulary, calibration, text, head)
            served = calibration.heads[head].scale.apply(logits[:, where])[0].tolist()
            for label, logit in zip(HEADS[head].labels, served, strict=True):
                total = said.empty[label] + sum(said.contributions[label])
                assert abs(total - logit) < 1e-9
                assert len(said.contributions[label]) == len(said.tokens)


def test_what_an_id_adds_is_the_integral_of_its_gradient(
    network: Network, vocabulary: Vocabulary
) -> None:
    bags = vocabulary.bags(tokenise(["NOT SO good, so happy! you 😂"]))
    hidden = Hidden.of(network, bags)
    found = contributions(network, hidden, range(len(EMOTIONS)))
    steps = 20_000
    way = ((torch.arange(steps) + 0.5) / steps)[:, None] * hidden.bag.clone()
    active = (network.inner(way) > 0).double().mean(0)
    gradient = network.direct_weight + (network.indirect_weight * active) @ network.hidden_weight
    rows = network.embedding[torch.from_numpy(bags.ids)].double() / len(bags.ids) ** 0.5
    numeric = (rows @ gradient.T)[:, : len(EMOTIONS)].numpy()
    assert np.abs(found - numeric).max() < 1e-3


def test_a_phrase_is_shared_by_its_words_and_capitals_stand_for_themselves(
    network: Network, vocabulary: Vocabulary, calibration: Calibration
) -> None:
    text = "GOOD HAPPY zebra thank you"
    said = explain(network, vocabulary, calibration, text, "emotion", ["joy"])
    assert said.tokens == ("good", "happy", "zebra", "thank", "you", CAPS)
    bags = vocabulary.bags(tokenise([text]))
    place = network.columns["emotion"].start + EMOTIONS.index("joy")
    parts = contributions(network, Hidden.of(network, bags), [place])[:, 0]
    parts = parts / calibration.heads["emotion"].scale.temperature
    of = dict(zip([vocabulary.entries[one] for one in bags.ids], parts, strict=True))
    expected = [of["good"], of["happy"], 0.0, of["thank"] + of["thank you"] / 2,
                of["you"] + of["thank you"] / 2, of[CAPS]]  # fmt: skip
    assert said.contributions["joy"] == pytest.approx(expected, abs=1e-12)


def test_the_fast_way_names_the_words_that_the_exact_one_ranks_highest(
    network: Network, vocabulary: Vocabulary, calibration: Calibration
) -> None:
    texts = made_up(300)
    draw = random.Random(1)
    columns = np.array([draw.randrange(-1, len(EMOTIONS)) for _ in texts])
    hidden = Hidden.of(network, vocabulary.bags(tokenise(texts)))
    found = words_behind(network, vocabulary, hidden, columns)
    both = zip(vocabulary.entries, vocabulary.spoken, strict=True)
    spoken = {entry for entry, said in both if said}  # no marks, no masks
    checked = 0
    for text, column, words in zip(texts, columns, found, strict=True):
        if column < 0:
            assert words == ()
            continue
        label = EMOTIONS[column]
        said = explain(network, vocabulary, calibration, text, "emotion", [label])
        best: dict[str, float] = {}
        for token, part in zip(said.tokens, said.contributions[label], strict=True):
            if token in spoken:
                best[token] = max(part, best.get(token, part))
        strongest = sorted((part for part in best.values() if part > 0), reverse=True)[:5]
        assert [best[word] for word in words] == pytest.approx(strongest, abs=1e-5)
        checked += len(words)
    assert checked > 500


def test_words_do_not_depend_on_the_batch(network: Network, vocabulary: Vocabulary) -> None:
    texts = made_up(200)
    columns = np.arange(len(texts)) % len(EMOTIONS)
    together = words_behind(
        network, vocabulary, Hidden.of(network, vocabulary.bags(tokenise(texts))), columns
    )
    for text, column, words in zip(texts, columns, together, strict=True):
        alone = Hidden.of(network, vocabulary.bags(tokenise([text])))
        assert words_behind(network, vocabulary, alone, np.array([column])) == [words]


@pytest.mark.parametrize(
    ("head", "labels", "complaint"),
    [("mood", None, "no head 'mood'"), ("emotion", ["joy", "fun"], "no label 'fun' in emotion"),
     ("emotion6", None, "no head 'emotion6'")],
)  # fmt: skip
def test_an_unknown_head_or_label_is_named(
    network: Network, vocabulary: Vocabulary, calibration: Calibration, head: str,
    labels: list[str] | None, complaint: str,
) -> None:  # fmt: skip
    with pytest.raises(UserError, match=complaint):
        explain(network, vocabulary, calibration, "so happy", head, labels)


def test_a_trained_model_names_the_word_that_gives_the_emotion_away(small_run: Path) -> None:
    predictor = Predictor.load(small_run / "artifact")
    said = predictor.explain("the happy bus", "emotion", ["joy"])
    assert said.tokens == ("the", "happy", "bus")
    row = said.contributions["joy"]
    assert max(row) == row[1]
    (prediction,) = predictor.predict(["the happy bus"])
    assert prediction.words[0] == "happy"

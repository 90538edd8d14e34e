import pytest
from transformers import AutoTokenizer

from datamodules.classification import bundled_reviews
from datamodules.pipeline import tokenizing
from datamodules.pipeline.tokenizing import SPECIAL, train

pytestmark = pytest.mark.slow  # real reviews
CHINESE = ["这部电影讲述了一个年轻人离开村庄的故事。", "演员表演得很好，我很喜欢这部电影。"] * 20


@pytest.fixture(scope="module")
def texts():
    return bundled_reviews("rotten_tomatoes").splits["train"].texts[:400]


@pytest.mark.parametrize("kind", tokenizing.TRAINED)
def test_a_trained_tokenizer_has_all_special_tokens_and_gives_the_text_back(kind, texts, tmp_path):
    train(kind, iter(texts + CHINESE), 1500).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert 300 < len(tokenizer) <= 1500
    ids = [getattr(tokenizer, f"{name}_id") for name in SPECIAL]
    assert ids == list(range(7))
    assert tokenizer.tokenize("a[MASK]b").count("[MASK]") == 1
    for text in (texts[0], CHINESE[0]):
        decoded = tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"])
        assert decoded.replace(" ", "") == text.replace(" ", "")


def test_bytes_know_every_character(texts):
    tokenizer = train("bpe", iter(texts), 400)
    ids = tokenizer("Ω≈ç√ 😀 日本", add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids and tokenizer.decode(ids) == "Ω≈ç√ 😀 日本"


@pytest.mark.parametrize("kind", tokenizing.TRAINED)
def test_training_again_gives_the_same(kind, texts):
    made = [train(kind, iter(texts), 800).backend_tokenizer.to_str() for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("kind", "vocabulary", "message"),
    [
        ("nowhere/nothing", 100, r"^--tokenizer nowhere/nothing: neither bpe, wordpiece, unigram"),
        ("bpe", 100, r"^--vocabulary 100: bpe needs at least 264"),
    ],
)
def test_bad_input(kind, vocabulary, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match=message):
        tokenizing.check(kind, vocabulary)


def test_documents_need_an_end():
    class Bare:
        eos_token_id = sep_token_id = None

    with pytest.raises(ValueError, match="--tokenizer: it has neither"):
        tokenizing.end_of_document(Bare())

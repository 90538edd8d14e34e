"""Text that a tokenizer does not know is said before training, for every kind of data."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from datamodules import Corpus, Instructions, unknown
from datamodules.base import RowDataModule
from datamodules.labelled_text import LabelledText
from datamodules.preferences import Preferences
from datamodules.tagging import TaggedText
from datamodules.unknown import lines_of, sampled

ENGLISH = "the film was good and the book was not"


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerFast:
    """Knows the words of ``ENGLISH``, the letters a to z, and all words of them."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    known = sorted({word for word in ENGLISH.split() if len(word) > 1})
    names = ["[UNK]", *known, *letters, *(f"##{letter}" for letter in letters)]
    found = Tokenizer(
        models.WordPiece({name: n for n, name in enumerate(names)}, unk_token="[UNK]")
    )
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(tokenizer_object=found, unk_token="[UNK]")


@pytest.fixture(scope="module")
def of_bytes() -> PreTrainedTokenizerFast:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("ä", "¸"), ("ä¸", "Ń")]
    names = [*letters, *("".join(pair) for pair in merges)]
    found = Tokenizer(models.BPE({name: n for n, name in enumerate(names)}, merges))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=found, eos_token="!")


def test_unknown_text_is_said_with_its_worst_characters(words):
    texts = {"train": [ENGLISH, "这部电影很好看,很好"], "test": ["这部电影", "很差"]}
    (line,) = lines_of(words, "minilm", texts)
    assert line.startswith("unknown: 25.0 % of train, 100.0 % of test is [UNK] to the tokenizer of")
    assert "minilm (most often 很, 这, 部, 电, 影, 好" in line
    assert line.endswith("--model.backbone whose tokenizer was made for it")


def test_words_are_named_where_each_character_is_known(words):
    (line,) = lines_of(words, "a", {"train": [ENGLISH, "a" * 101, ""]})
    assert f"(most often {'a' * 20})" in line


@pytest.mark.parametrize("share", [0.0, 0.005])
def test_little_unknown_text_is_no_matter(words, share):
    texts = [ENGLISH] * 400
    texts[: int(share * 400)] = ["☺"] * int(share * 400)
    assert lines_of(words, "a", {"train": texts, "empty": []}) == []


def test_a_few_rows_in_another_language_are_said(words):
    texts = [ENGLISH] * 380 + ["很"] * 20
    (line,) = lines_of(words, "a", {"train": texts})
    assert "most often 很" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("这部电影很好看", "3.0 in train"),
        ("Фильм был хорош", "2.2 in train"),
        ("the the the", ""),
        ("the中the中the", ""),  # a token for each character, as a Chinese model has it
    ],
)
def test_a_tokenizer_that_takes_characters_apart_is_said(of_bytes, text, said):
    lines = lines_of(of_bytes, "smollm2", {"train": [text]})
    assert len(lines) == bool(said)
    if said:
        assert lines[0].startswith("unfamiliar: the tokenizer of smollm2 takes the texts apart")
        assert said in lines[0]


@pytest.mark.parametrize("count", [0, 1, 7, 400, 1_000_000])
def test_a_sample_of_large_data_is_small_and_spread(count):
    found = sampled(range_of(count))
    assert len(found) == min(count, unknown.TEXTS)
    if count:
        assert found[0] == "0" and found[-1] == str(count - 1)


class range_of:
    """Texts that are made when they are read."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> str:
        return str(place)


def test_every_data_module_looks_for_unknown_text():
    own = [LabelledText, TaggedText, Instructions, Preferences, Corpus]
    assert {*RowDataModule.__subclasses__()} >= {*own}
    assert [kind.__name__ for kind in own if kind.warnings is RowDataModule.warnings] == []

import pytest
from datatrove.utils.word_tokenizers import load_word_tokenizer

from datamodules.classification import bundled_reviews
from datamodules.pipeline.cleaning import clean
from datamodules.pipeline.pages import Page, line_splitter

CHINESE = "这部电影讲述了一个年轻人离开村庄的故事。演员表演得很好！你看过吗？我看过。"
TEXTS = [
    'He said: "Stop!" Then he left... Why? (Nobody knows.) Mr. Smith, U.S.A., does!!',
    "no end",
    "...",
    "Hello.World. a.b.c  two  spaces.  End ",
    "¿Qué? ¡Sí! 100.5% of it. ",
]


@pytest.mark.parametrize("text", TEXTS)
def test_words_and_sentences_are_those_of_spacy(text):
    compare(text, "en")


@pytest.mark.slow
def test_also_on_real_reviews():
    for text in bundled_reviews("imdb").splits["test"].texts[:120]:
        for line in clean(text).split("\n"):
            if line.strip():
                compare(line, "en")


def test_chinese_is_split_into_words_and_sentences():
    compare(CHINESE, "zh")
    page = Page.of(CHINESE, "zh")
    assert "电影" in page.words and len(page.lines[0].ends) == 4


def test_german_too():
    compare("Das ist z. B. ein Satz. Und noch einer!", "de")


def compare(text, language):
    page, reference = (
        Page.of(text, language),
        load_word_tokenizer({"zh": "zh_Hani"}.get(language, language)),
    )
    assert page.words == reference.word_tokenize(text)
    spans = reference.span_tokenize(text)
    assert page.lines[0].ends[:-1] == [end for _, end in spans[:-1]]
    assert page.lines[0].ends[-1] == len(text)


def test_sentence_ends_are_of_the_joined_lines():
    page = Page.of("One. Two.\n\nThree! Four", "en")
    text = "\n".join(line.text for line in page.lines)
    ends = page.sentence_ends()
    parts = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    assert parts == ["One.", " Two.\n", "Three!", " Four"]


def test_a_line_longer_than_the_parser_takes():
    page = Page.of("word. " * 50_000, "en")
    assert len(page.words) == pytest.approx(100_000, abs=10)


def test_an_unknown_language_lists_the_known():
    with pytest.raises(ValueError, match=r"--languages xq: no word tokenizer; there are .*en.*zh"):
        line_splitter("xq")

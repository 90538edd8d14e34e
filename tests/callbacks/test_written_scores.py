"""ROUGE-L and exact match, by known values and in all scripts."""

import pytest

from callbacks.written_scores import rouge_l, same_words


def test_rouge_l_is_that_of_the_reference_implementation():
    """The example of the rouge-score package, 0.1.2: 5 of 8 and of 9 words in order."""
    answer, reference = (
        "The quick brown dog jumps on the log.",
        "The quick brown fox jumps over the lazy dog",
    )
    assert rouge_l(answer, reference) == pytest.approx(0.5882352941176471)


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [("a b c", "A, b; c!", 1.0), ("a", "b", 0.0), ("", "a", 0.0), ("b a", "a b", 0.5)],
)
def test_rouge_l(answer, reference, score):
    assert rouge_l(answer, reference) == pytest.approx(score)


@pytest.mark.parametrize(
    ("answer", "reference", "score", "same"),
    [
        ("法国的首都是巴黎。", "法国首都是巴黎", 14 / 15, False),
        ("巴黎", "巴黎。", 1.0, True),
        ("東京です", "東京だ", 4 / 7, False),
        ("서울 입니다", "서울 이다", 0.5, False),
        ("ที่", "ที", 0.8, False),  # a mark of tone alone differs
        ("باريس", "باريس!", 1.0, True),
        ("+", "-", 0.0, False),
        ("😀", "😀 ", 1.0, True),
        ("", "a", 0.0, False),
    ],
)
def test_texts_of_all_scripts_are_compared_by_their_words(answer, reference, score, same):
    assert rouge_l(answer, reference) == pytest.approx(score)
    assert (rouge_l(answer, reference) == 1) == same
    assert same_words(answer, reference) == same

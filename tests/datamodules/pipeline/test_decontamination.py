import numpy as np
import pytest

from datamodules.pipeline.decontamination import ContaminationIndex
from datamodules.pipeline.normalization import ngram_hashes, normalized_words, text_digest

LONG = (
    "It's a slow-moving, rather touching film about two old men who mend boats and hardly ever "
    "speak to each other at all."
)
SHORT = "a gorgeous, witty, seductive movie for the ages"  # eight words
TINY = "one of the best films"
CHINESE = "这部电影讲述了两个修船的老人的故事他们几乎从不说话"


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    file = tmp_path_factory.mktemp("sets") / "sets.npz"
    ContaminationIndex.save({"long": [LONG, CHINESE], "short": [SHORT, TINY]}, file)
    return ContaminationIndex(file)


def test_a_test_sentence_with_other_punctuation_and_case_is_found(sets):
    text = "They said: ITS nothing. it's a SLOW moving rather touching film -- about two old men "
    overlap, name = sets.find(text + "who mend boats, and hardly (ever) speak.")
    assert name == "long" and overlap.startswith("it s a slow moving rather touching film")
    assert len(overlap.split()) == 13


def test_twelve_words_of_a_long_text_are_a_common_phrase(sets):
    words = normalized_words(LONG)
    assert sets.find(" ".join(words[:12])) is None
    assert sets.find(" ".join(words[3:16])) is not None


def test_a_short_text_counts_as_a_whole(sets):
    assert sets.find(f"Well: {SHORT.upper()}!")[1] == "short"
    assert sets.find(SHORT.rsplit(" ", 1)[0]) is None


def test_a_text_of_few_words_is_a_common_phrase(sets):
    assert sets.find(f"This is {TINY}, I think, that there has been in years and years.") is None


def test_chinese_counts_by_characters(sets):
    assert sets.find("据说，这部电影讲述了两个修船的老人的故事。")[1] == "long"
    assert sets.find("据说，这部电影讲述了两个人。") is None


def test_no_text_and_no_sets(tmp_path, sets):
    assert sets.find("") is None
    ContaminationIndex.save({"none": []}, tmp_path / "none.npz")
    assert ContaminationIndex(tmp_path / "none.npz").find(LONG) is None


def test_grams_tell_order_and_place():
    words = ["a", "b", "c", "a", "b", "d"]
    grams = ngram_hashes(words, 2)
    assert len(grams) == 5 and grams[0] == grams[3] and len(np.unique(grams)) == 4
    assert ngram_hashes(["a", "b"], 2)[0] != ngram_hashes(["b", "a"], 2)[0]
    assert len(ngram_hashes(["a"], 2)) == 0


def test_a_digest_is_of_the_words_with_their_case_and_punctuation():
    assert text_digest("a  b\nc") == text_digest("a b c") != text_digest("a b C")

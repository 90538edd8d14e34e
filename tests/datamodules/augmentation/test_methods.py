"""What each method of augmentation keeps, and what it changes."""

from collections import Counter
from random import Random

import pytest

from datamodules.augmentation.methods import METHODS, Recombination
from tests.datamodules.augmentation.conftest import TEXT, augmented

ENGLISH = TEXT.replace("好看。", "")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
def test_deletion_gives_a_shorter_subsequence(share):
    for seed in range(20):
        made = METHODS["deletion"](share)(ENGLISH, Random(seed)).split()
        rest = iter(ENGLISH.split())
        assert all(word in rest for word in made)  # a subsequence: each is found after the last
        assert 1 <= len(made) < len(ENGLISH.split())
    assert METHODS["deletion"](1.0)("alone", Random(0)) == "alone"


@pytest.mark.parametrize("text", [ENGLISH, "one two", "a b a"])
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_swap_keeps_the_words(text, share):
    for seed in range(20):
        made = METHODS["swap"](share)(text, Random(seed))
        assert made != text and Counter(made.split()) == Counter(text.split())


def test_sentences_change_places():
    sentences = ["The Movie was long.", "We began to watch the film at night!", "Was the car fast?"]
    sentences += ["It cost 3.5 million dollars, or so the MOVIE says.", "好看。", "Nobody knew"]
    for seed in range(20):
        made = METHODS["sentence_shuffle"]()(TEXT, Random(seed))
        assert made != TEXT
        assert sorted(made) == sorted(TEXT)
        assert all(sentence in made for sentence in sentences)
    assert METHODS["sentence_shuffle"]()("Only one.", Random(0)) == "Only one."


def test_recombination_joins_halves_of_one_label():
    texts = ["Good one. Good two.", "Fine three. Fine four.", "bad five words here", "worse six"]
    made, labels = augmented(texts, [1, 1, 0, 0], ["recombination"], 1, 0)
    assert made[:2] == ["Good one. Fine four.", "Fine three. Good two."]
    assert made[2:] == ["bad five six", "worse words here"]
    assert labels == [1, 1, 0, 0]
    assert augmented(texts[:2], [1, 0], ["recombination"], 1, 0) == ([], [])
    assert Recombination()("a b", Random(0), "c d") == "a d"


def test_recombination_takes_each_other_row():
    texts = [f"a{n} b{n}" for n in range(4)]
    made = augmented(texts, None, ["recombination"], 60, 0)[0]
    assert set(made) == {f"a{m} b{n}" for m in range(4) for n in range(4) if m != n}
